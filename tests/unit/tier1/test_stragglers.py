"""Layers that go on after their call: threads that hang, and tasks that cannot be cancelled."""

from __future__ import annotations

import asyncio
import functools
import threading
from typing import Any

import anyio
import anyio.from_thread
import anyio.to_thread
import pytest

from athena_mcp.recall import parallel_tier1, query_method
from athena_mcp.recall.query_method import Context
from athena_mcp.recall.tier1_answer import Tier1Answer
from tests.random_recalls import LAYERS
from tests.unit.tier1.layers import Executor, Gate, five, status_counts, statuses
from tests.unit.tier1.movable_clock import LoopWithMovableClock

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> tuple[str, dict[str, Any]]:
    return "asyncio", {"loop_factory": LoopWithMovableClock}


class Stuck:
    """A plain function that says when it has come to its thread, and stays there until it is released."""

    def __init__(self) -> None:
        self.arrived = anyio.Event()
        self.release = threading.Event()

    def __call__(self, query: str, context: Context | None, k: int) -> list[str]:
        anyio.from_thread.run_sync(self.arrived.set)
        self.release.wait()
        return []


async def late_in_its_thread(executor: Executor, stuck: Stuck, layers: list[str]) -> Tier1Answer[str]:
    """The answer of a call whose layers' time is over once `stuck` is in its thread and the other layers are done."""
    answers: list[Tier1Answer[str]] = []
    stuck.arrived = anyio.Event()

    async def call() -> None:
        answers.append(await executor.execute_tier_1_parallel("q", layers=layers))
        request.cancel_scope.cancel()  # should nobody have come to a thread

    async with anyio.create_task_group() as request:
        request.start_soon(call)
        await stuck.arrived.wait()
        await anyio.wait_all_tasks_blocked()
        loop = asyncio.get_running_loop()
        assert isinstance(loop, LoopWithMovableClock)
        loop.put_forward(executor.timeout_seconds)
    return answers[0]


async def stragglers_ended(executor: Executor) -> None:
    with anyio.fail_after(5):
        # A thread that nobody waits for has no event to set.
        while executor.get_statistics()["stragglers_running"]:  # noqa: ASYNC110
            await anyio.sleep(0.001)  # between two looks at the count


async def test_a_plain_function_that_hangs_is_left_behind_and_accounted_for() -> None:
    release = threading.Event()
    returned = threading.Event()

    def stuck(query: str, context: Context | None, k: int) -> list[str]:
        release.wait(10)
        returned.set()
        return ["too late"]

    async with anyio.create_task_group() as task_group:
        executor = Executor(five(semantic=stuck), timeout_seconds=0.1, task_group=task_group)
        with anyio.fail_after(5):
            answer = await executor.execute_tier_1_parallel("q", layers=LAYERS)
        assert statuses(answer) == {name: "timeout" if name == "semantic" else "ok" for name in LAYERS}
        counted = executor.get_statistics()
        assert (counted["stragglers_abandoned"], counted["stragglers_running"]) == (1, 1)
        release.set()
        await stragglers_ended(executor)
        assert returned.is_set()
        assert answer["semantic"] == ()
        assert executor.get_statistics()["layers"]["semantic"]["ok"] == 0


async def test_threads_that_never_come_back_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(query_method, "MAX_STRAGGLERS", 2)
    stuck = Stuck()
    executor = Executor({"a": stuck})
    try:
        answers = [await late_in_its_thread(executor, stuck, ["a"]) for _ in range(2)]
        answers += [await executor.execute_tier_1_parallel("q", layers=["a"]) for _ in range(2)]
        assert [answer.outcomes["a"].status for answer in answers] == ["timeout", "timeout", "error", "error"]
        assert "2 earlier queries" in (answers[-1].outcomes["a"].reason or "")
        assert executor.get_statistics()["stragglers_running"] == 2
    finally:
        stuck.release.set()
    await stragglers_ended(executor)


async def test_threads_left_behind_keep_their_places_but_never_the_last_one() -> None:
    stuck = Stuck()
    gate = Gate()
    async with anyio.create_task_group() as lifespan:
        methods = five(graph=stuck, procedural=gate.layer)
        executor = Executor(methods, max_concurrent=3, task_group=lifespan)
        try:
            for _ in range(5):
                answer = await late_in_its_thread(executor, stuck, ["semantic", "graph"])
                assert status_counts(answer)["ok"] == status_counts(answer)["timeout"] == 1
            assert executor.get_statistics()["stragglers_running"] == 5
            async with anyio.create_task_group() as requests:
                for _ in range(3):
                    requests.start_soon(functools.partial(executor.execute_tier_1_parallel, "q", layers=["procedural"]))
                await anyio.wait_all_tasks_blocked()
                assert gate.inside == 1
                gate.open.set()
        finally:
            stuck.release.set()


async def test_cancelling_while_a_plain_function_runs_leaves_it_behind_at_once() -> None:
    inside, release = threading.Event(), threading.Event()

    def stuck(query: str, context: Context | None, k: int) -> list[str]:
        inside.set()
        release.wait(10)
        return []

    async with anyio.create_task_group() as lifespan:
        executor = Executor(five(semantic=stuck), task_group=lifespan)
        async with anyio.create_task_group() as request:
            request.start_soon(functools.partial(executor.execute_tier_1_parallel, "q", layers=LAYERS))
            await anyio.to_thread.run_sync(inside.wait, 5)
            request.cancel_scope.cancel()
        counted = executor.get_statistics()
        assert (counted["cancelled_queries"], counted["stragglers_running"]) == (1, 1)
        release.set()
        await stragglers_ended(executor)


async def test_a_layer_that_cannot_be_cancelled_is_abandoned_and_the_call_still_answers(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(parallel_tier1, "CANCEL_GRACE_S", 0.05)
    release = anyio.Event()

    async def unstoppable(query: str, context: Context | None, k: int) -> list[str]:
        with anyio.CancelScope(shield=True):
            await release.wait()
        return ["too late"]

    async with anyio.create_task_group() as task_group:
        executor = Executor(five(graph=unstoppable), timeout_seconds=0.05, task_group=task_group)
        with anyio.fail_after(5):
            answer = await executor.execute_tier_1_parallel("q", layers=LAYERS)
        assert statuses(answer) == {name: "timeout" if name == "graph" else "ok" for name in LAYERS}
        assert executor.get_statistics()["stragglers_running"] == 1
        release.set()
        await anyio.wait_all_tasks_blocked()
    counted = executor.get_statistics()
    assert (counted["stragglers_abandoned"], counted["stragglers_running"]) == (1, 0)
    assert counted["layers"]["graph"]["timeouts"] == counted["layers"]["graph"]["queries"] == 1
    assert answer["graph"] == ()


async def test_layers_that_cannot_be_stopped_do_not_keep_the_others_from_their_turn() -> None:
    release = anyio.Event()

    async def unstoppable(query: str, context: Context | None, k: int) -> list[str]:
        with anyio.CancelScope(shield=True):
            await release.wait()
        return ["too late"]

    async with anyio.create_task_group() as lifespan:
        executor = Executor(
            five(episodic=unstoppable, semantic=unstoppable),
            max_concurrent=2,
            timeout_seconds=0.02,
            task_group=lifespan,
        )
        with anyio.fail_after(5):
            answer = await executor.execute_tier_1_parallel("q", layers=LAYERS)
        assert status_counts(answer) == {"timeout": 2, "ok": 3}
        assert executor.get_statistics()["stragglers_running"] == 2
        release.set()
        await anyio.wait_all_tasks_blocked()
    counted = executor.get_statistics()
    assert (counted["stragglers_running"], counted["running"], counted["waiting"]) == (0, 0, 0)
    assert counted["layers"]["episodic"]["ok"] == 0


async def test_without_a_group_of_the_servers_a_late_layer_is_waited_for_and_still_late(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(parallel_tier1, "CANCEL_GRACE_S", 0.05)
    executor: Executor

    async def unstoppable(query: str, context: Context | None, k: int) -> list[str]:
        with anyio.CancelScope(shield=True):
            while not executor.get_statistics()["stragglers_running"]:  # noqa: ASYNC110
                await anyio.sleep(0.001)  # between two looks at the count
        return ["too late"]

    executor = Executor(five(graph=unstoppable), timeout_seconds=0.05)
    with anyio.fail_after(5):
        answer = await executor.execute_tier_1_parallel("q", layers=LAYERS)
    assert statuses(answer)["graph"] == "timeout"
    assert answer["graph"] == ()
    assert executor.get_statistics()["stragglers_running"] == 0


async def test_waiting_for_cancelled_layers_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parallel_tier1, "CANCEL_GRACE_S", 0.05)
    release = anyio.Event()

    async def unstoppable(query: str, context: Context | None, k: int) -> list[str]:
        with anyio.CancelScope(shield=True):
            await release.wait()
        return ["too late"]

    async with anyio.create_task_group() as lifespan:
        executor = Executor(five(graph=unstoppable), task_group=lifespan)
        with anyio.fail_after(5), anyio.move_on_after(0.02):
            await executor.execute_tier_1_parallel("q", layers=LAYERS)
        counted = executor.get_statistics()
        assert (counted["stragglers_abandoned"], counted["stragglers_running"]) == (1, 1)
        release.set()
        await anyio.wait_all_tasks_blocked()
        counted = executor.get_statistics()
        assert (counted["stragglers_abandoned"], counted["stragglers_running"]) == (1, 0)
        assert counted["layers"]["graph"]["cancelled"] == counted["layers"]["graph"]["queries"] == 1
