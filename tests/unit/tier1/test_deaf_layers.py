"""Layers that swallow their cancellation are left behind in every mode, and accounted for."""

from __future__ import annotations

import asyncio
import functools
from collections import Counter
from contextlib import suppress
from typing import Any

import anyio
import pytest

from athena_mcp.recall import parallel_tier1
from athena_mcp.recall.query_method import Context
from tests.random_recalls import LAYERS
from tests.unit.tier1.layers import Executor, Gate, five, one_row, status_counts

pytestmark = pytest.mark.anyio


class Deaf:
    """A layer that swallows its cancellation, and goes on until it is let go; at the latest after five seconds."""

    def __init__(self) -> None:
        self.began = asyncio.Event()
        self.release = asyncio.Event()
        # Else a call that waits for it would hang the test instead of failing it.
        self._timer = asyncio.get_running_loop().call_later(5, self.release.set)

    async def layer(self, query: str, context: Context | None, k: int) -> list[str]:
        self.began.set()
        while not self.release.is_set():
            with suppress(asyncio.CancelledError):
                await self.release.wait()
        return ["too late"]

    async def let_go(self) -> None:
        self._timer.cancel()
        self.release.set()
        await anyio.wait_all_tasks_blocked()


@pytest.mark.parametrize(
    ("layers", "settings", "use_parallel"),
    [
        (["semantic"], {}, True),
        (["semantic"], {}, False),
        (LAYERS, {}, True),
        (LAYERS, {}, False),
        (LAYERS, {"enable_parallel": False}, True),
        (LAYERS, {"max_concurrent": 1}, True),
    ],
)
async def test_a_layer_that_swallows_its_cancellation_is_left_behind_in_every_mode(
    layers: list[str], settings: dict[str, Any], use_parallel: bool
) -> None:
    async with anyio.create_task_group() as lifespan:
        deaf = Deaf()
        executor = Executor(five(semantic=deaf.layer), timeout_seconds=0.05, task_group=lifespan, **settings)
        answer = await executor.execute_tier_1_parallel("q", use_parallel=use_parallel, layers=layers)
        assert not deaf.release.is_set()
        assert answer.outcomes["semantic"].reason == "no answer within 0.05 s"
        assert status_counts(answer) == Counter(timeout=1, ok=len(layers) - 1, skipped=5 - len(layers)) + Counter()
        counted = executor.get_statistics()
        assert (counted["running"], counted["stragglers_running"], counted["fallbacks"]) == (0, 1, 0)
        await deaf.let_go()
    counted = executor.get_statistics()
    assert (counted["stragglers_abandoned"], counted["stragglers_running"], counted["running"]) == (1, 0, 0)
    assert counted["layers"]["semantic"]["timeouts"] == counted["layers"]["semantic"]["queries"] == 1
    assert answer["semantic"] == ()


async def test_a_lone_layer_left_behind_keeps_its_place() -> None:
    gate = Gate()
    release = anyio.Event()

    async def unstoppable(query: str, context: Context | None, k: int) -> list[str]:
        with anyio.CancelScope(shield=True), anyio.move_on_after(5):
            await release.wait()
        return ["too late"]

    async with anyio.create_task_group() as lifespan:
        executor = Executor(
            {"a": unstoppable, "b": gate.layer}, max_concurrent=2, timeout_seconds=0.02, task_group=lifespan
        )
        await executor.execute_tier_1_parallel("q", layers=["a"])
        executor.timeout_seconds = 30.0
        async with anyio.create_task_group() as requests:
            for _ in range(2):
                requests.start_soon(functools.partial(executor.execute_tier_1_parallel, "q", layers=["b"]))
            await anyio.wait_all_tasks_blocked()
            assert (gate.inside, executor.get_statistics()["waiting"]) == (1, 1)
            release.set()
            await anyio.wait_all_tasks_blocked()
            assert gate.inside == 2
            gate.open.set()


async def test_a_cancelled_recall_of_one_layer_does_not_wait_for_one_that_swallows_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(parallel_tier1, "CANCEL_GRACE_S", 0.05)
    async with anyio.create_task_group() as lifespan:
        deaf = Deaf()
        executor = Executor({"a": deaf.layer}, task_group=lifespan)
        async with anyio.create_task_group() as request:
            request.start_soon(functools.partial(executor.execute_tier_1_parallel, "q", layers=["a"]))
            await deaf.began.wait()
            request.cancel_scope.cancel()
        assert not deaf.release.is_set()
        counted = executor.get_statistics()
        assert (counted["cancelled_queries"], counted["stragglers_running"]) == (1, 1)
        await deaf.let_go()
    assert executor.get_statistics()["stragglers_running"] == 0


async def test_a_lone_layer_is_asked_without_a_group_that_was_closed_and_that_is_no_fallback(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with anyio.create_task_group() as closed:
        pass
    executor = Executor(five(graph=one_row), task_group=closed)
    answer = await executor.execute_tier_1_parallel("q", layers=["graph"])
    assert answer["graph"] == ("row",)
    counted = executor.get_statistics()
    assert (counted["sequential_queries"], counted["fallbacks"]) == (1, 0)
    assert not caplog.records
