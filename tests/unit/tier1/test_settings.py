"""Settings of a live executor: obeyed by the next call, refused when they cannot work."""

from __future__ import annotations

from collections import Counter
from typing import Any

import anyio
import pytest

from athena_mcp.db.deadline import budget_s
from athena_mcp.errors import InvalidArgument
from athena_mcp.recall.query_method import Context
from tests.random_recalls import LAYERS
from tests.unit.tier1.layers import Executor, counting, five, most_at_once, statuses

pytestmark = pytest.mark.anyio


async def test_settings_are_obeyed_by_the_next_call_of_a_live_executor() -> None:
    inside: Counter[str] = Counter()
    async with anyio.create_task_group() as task_group:
        executor = Executor(dict.fromkeys(LAYERS, counting(inside)), task_group=task_group)
        assert await most_at_once(executor, inside) == 5
        executor.max_concurrent = 2
        assert await most_at_once(executor, inside) == 2
        executor.max_concurrent = 4
        executor.enable_parallel = False
        assert await most_at_once(executor, inside) == 1
        executor.enable_parallel = True
        assert await most_at_once(executor, inside) == 4
        assert await most_at_once(executor, inside, use_parallel=False) == 1


async def test_the_timeout_is_obeyed_by_the_next_call() -> None:
    left: list[float] = []

    async def method(query: str, context: Context | None, k: int) -> list[str]:
        left.append(budget_s(anyio.current_effective_deadline() - anyio.current_time()))
        return []

    async with anyio.create_task_group() as task_group:
        executor = Executor({"a": method, "b": method}, recall_timeout_seconds=60.0, task_group=task_group)
        for timeout_s in (10.0, 30.0, 2.0):
            executor.timeout_seconds = timeout_s
            for parallel in (True, False):
                left.clear()
                await executor.execute_tier_1_parallel("q", use_parallel=parallel, layers=["a", "b"])
                assert left == pytest.approx([timeout_s] * 2, abs=0.5)


async def test_settings_changed_during_a_call_do_not_reach_it() -> None:
    executor: Executor

    async def meddling(query: str, context: Context | None, k: int) -> list[str]:
        executor.timeout_seconds = 0.001
        executor.max_concurrent = 1
        await anyio.sleep(0.05)  # the layer outlasts the deadline it has just set
        return ["row"]

    async with anyio.create_task_group() as task_group:
        executor = Executor(five(episodic=meddling), task_group=task_group)
        answer = await executor.execute_tier_1_parallel("q", layers=LAYERS)
    assert answer.parallel
    assert statuses(answer)["episodic"] == "ok"


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("max_concurrent", 0),
        ("max_concurrent", -1),
        ("max_concurrent", True),
        ("max_concurrent", 2.5),
        ("max_concurrent", "5"),
        ("timeout_seconds", 0),
        ("timeout_seconds", -1.0),
        ("timeout_seconds", float("nan")),
        ("timeout_seconds", float("inf")),
        ("timeout_seconds", "10"),
        ("timeout_seconds", None),
        ("enable_parallel", 1),
        ("enable_parallel", None),
    ],
)
async def test_a_setting_that_cannot_work_is_refused_and_the_old_one_stays(setting: str, value: Any) -> None:
    executor = Executor(five())
    before = getattr(executor, setting)
    with pytest.raises(InvalidArgument) as raised:
        setattr(executor, setting, value)
    assert raised.value.argument == setting
    assert getattr(executor, setting) == before
    with pytest.raises(InvalidArgument):
        Executor(five(), **{setting: value})


@pytest.mark.parametrize("value", [0, -1.0, float("nan"), float("inf"), "15", None, True])
async def test_a_recall_timeout_that_cannot_work_is_refused(value: Any) -> None:
    executor = Executor(five())
    assert executor.recall_timeout_seconds == 15.0
    with pytest.raises(InvalidArgument, match="recall_timeout_seconds"):
        executor.recall_timeout_seconds = value
    executor.recall_timeout_seconds = 2
    assert executor.recall_timeout_seconds == 2.0


async def test_no_more_layers_at_once_than_the_setting_allows_may_be_set() -> None:
    executor = Executor(five())
    with pytest.raises(InvalidArgument, match="from 1 to 100"):
        executor.max_concurrent = 101


async def test_the_defaults_are_those_of_the_brief() -> None:
    executor = Executor(five())
    assert (executor.max_concurrent, executor.timeout_seconds, executor.enable_parallel) == (5, 10.0, True)
