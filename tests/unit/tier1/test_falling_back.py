"""A task group that is closed or cancelled: the call asks what is missing by itself."""

from __future__ import annotations

import functools
import logging
from collections import Counter

import anyio
import anyio.abc
import pytest

from athena_mcp.errors import StorageError
from athena_mcp.recall.query_method import Context
from tests.random_recalls import LAYERS
from tests.unit.tier1.layers import Executor, Method, five, raising, statuses

pytestmark = pytest.mark.anyio


async def test_a_closed_group_falls_back_to_sequential_with_a_warning(caplog: pytest.LogCaptureFixture) -> None:
    async with anyio.create_task_group() as task_group:
        pass
    executor = Executor(five(semantic=raising(StorageError("no"))), task_group=task_group)
    with caplog.at_level(logging.WARNING):
        answer = await executor.execute_tier_1_parallel("q", layers=LAYERS)
    assert not answer.parallel
    assert statuses(answer) == {name: "error" if name == "semantic" else "ok" for name in LAYERS}
    assert any(
        record.levelno == logging.WARNING and "falling back to sequential" in record.getMessage()
        for record in caplog.records
    )
    counted = executor.get_statistics()
    assert (counted["fallbacks"], counted["sequential_queries"], counted["parallel_queries"]) == (1, 1, 0)
    assert (counted["layer_queries"], counted["layers_executed_in_parallel"]) == (5, 0)


async def test_a_group_cancelled_under_a_call_falls_back_for_what_is_missing(caplog: pytest.LogCaptureFixture) -> None:
    times: Counter[str] = Counter()
    blocked = anyio.Event()

    def once_stuck(name: str) -> Method:
        async def method(query: str, context: Context | None, k: int) -> list[str]:
            times[name] += 1
            if name == "graph" and times[name] == 1:
                blocked.set()
                await anyio.sleep_forever()
            return [name]

        return method

    answers = []
    ready = anyio.Event()
    groups: list[anyio.abc.TaskGroup] = []

    async def lifespan() -> None:
        async with anyio.create_task_group() as task_group:
            groups.append(task_group)
            ready.set()
            await anyio.sleep_forever()

    async def call() -> None:
        executor = Executor({name: once_stuck(name) for name in LAYERS}, task_group=groups[0])
        answers.append((await executor.execute_tier_1_parallel("q", layers=LAYERS), executor.get_statistics()))

    with anyio.fail_after(5), caplog.at_level(logging.WARNING):
        async with anyio.create_task_group() as outer:
            outer.start_soon(lifespan)
            await ready.wait()
            outer.start_soon(call)
            await blocked.wait()
            groups[0].cancel_scope.cancel()
    answer, counted = answers[0]
    assert set(statuses(answer).values()) == {"ok"}
    assert times == Counter({name: 2 if name == "graph" else 1 for name in LAYERS})
    assert (counted["fallbacks"], counted["sequential_queries"], counted["layer_queries"]) == (1, 1, 5)
    assert "falling back to sequential" in caplog.text


async def test_a_fallback_that_is_cancelled_counts_every_layer_once() -> None:
    times: Counter[str] = Counter()
    both_run, again = anyio.Event(), anyio.Event()

    def stuck(name: str) -> Method:
        async def method(query: str, context: Context | None, k: int) -> list[str]:
            times[name] += 1
            if times.total() == 2:
                both_run.set()
            if times.total() == 3:
                again.set()
            await anyio.sleep_forever()
            raise AssertionError

        return method

    executors: list[Executor] = []
    groups: list[anyio.abc.TaskGroup] = []

    async def lifespan(*, task_status: anyio.abc.TaskStatus[None]) -> None:
        async with anyio.create_task_group() as task_group:
            groups.append(task_group)
            executors.append(Executor({"a": stuck("a"), "b": stuck("b")}, task_group=task_group))
            task_status.started()
            await anyio.sleep_forever()

    with anyio.fail_after(5):
        async with anyio.create_task_group() as outer:
            await outer.start(lifespan)
            outer.start_soon(functools.partial(executors[0].execute_tier_1_parallel, "q", layers=["a", "b"]))
            await both_run.wait()
            groups[0].cancel_scope.cancel()
            await again.wait()
            outer.cancel_scope.cancel()
    counted = executors[0].get_statistics()
    assert (counted["executions"], counted["cancelled_queries"], counted["fallbacks"]) == (1, 1, 1)
    assert {name: row["cancelled"] for name, row in counted["layers"].items()} == {"a": 1, "b": 0}
