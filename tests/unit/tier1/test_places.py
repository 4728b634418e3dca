"""The places of all calls together: who gets one, who waits for one, and whose it is afterwards."""

from __future__ import annotations

import functools
import threading
from collections import Counter

import anyio
import pytest

from athena_mcp.recall.query_method import Context, QueryMethod, time_left_s
from tests.random_recalls import LAYERS
from tests.unit.tier1.layers import Executor, Gate, one_row

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("use_parallel", [True, False])
async def test_the_bound_is_that_of_all_calls_together(use_parallel: bool) -> None:
    gate = Gate()
    async with anyio.create_task_group() as lifespan:
        executor = Executor(dict.fromkeys(LAYERS, gate.layer), max_concurrent=3, task_group=lifespan)
        async with anyio.create_task_group() as requests:
            for _ in range(4):
                requests.start_soon(executor.execute_tier_1_parallel, "q", None, 5, use_parallel)
            await anyio.wait_all_tasks_blocked()
            counted = executor.get_statistics()
            assert (gate.inside, counted["running"]) == (3, 3)
            assert counted["waiting"] > 0
            gate.open.set()
    counted = executor.get_statistics()
    assert gate.most == 3
    assert (counted["running"], counted["waiting"], counted["executions"]) == (0, 0, 4)
    assert counted["place_waits"] > 0


async def test_plain_functions_share_the_same_bound() -> None:
    inside: Counter[str] = Counter()
    lock = threading.Lock()
    passing = threading.Barrier(3, timeout=10)

    def plain(query: str, context: Context | None, k: int) -> list[str]:
        with lock:
            inside["now"] += 1
            inside["most"] = max(inside["most"], inside["now"])
        passing.wait()
        with lock:
            inside["now"] -= 1
        return []

    names = [str(number) for number in range(6)]
    async with anyio.create_task_group() as lifespan:
        executor = Executor(dict.fromkeys(names, plain), max_concurrent=3, task_group=lifespan)
        async with anyio.create_task_group() as requests:
            for _ in range(2):
                requests.start_soon(functools.partial(executor.execute_tier_1_parallel, "q", layers=names[:3]))
    assert inside["most"] == 3


async def test_a_raised_bound_lets_in_who_waits_and_a_lowered_one_nobody_until_there_is_room() -> None:
    gate = Gate()
    async with anyio.create_task_group() as lifespan:
        executor = Executor(dict.fromkeys(LAYERS, gate.layer), max_concurrent=2, task_group=lifespan)
        async with anyio.create_task_group() as requests:
            for _ in range(2):
                requests.start_soon(functools.partial(executor.execute_tier_1_parallel, "q", layers=LAYERS))
            await anyio.wait_all_tasks_blocked()
            assert gate.inside == 2
            executor.max_concurrent = 4
            await anyio.wait_all_tasks_blocked()
            assert gate.inside == 4
            executor.max_concurrent = 1
            await anyio.wait_all_tasks_blocked()
            assert gate.inside == 4
            gate.most = 0
            gate.open.set()
    assert gate.most <= 1  # the four left, and from then on one at a time


async def test_waiting_for_a_place_is_not_in_the_layers_own_time() -> None:
    now_s = 0.0
    gate = Gate()
    left: list[float] = []

    async def noting(query: str, context: Context | None, k: int) -> list[str]:
        left.append(time_left_s())
        return ["row"]

    methods: dict[str, QueryMethod[str]] = {"first": gate.layer, "second": noting}
    async with anyio.create_task_group() as lifespan:
        executor = Executor(methods, max_concurrent=1, timeout_seconds=8.0, task_group=lifespan, clock=lambda: now_s)
        answers = []

        async def second() -> None:
            answers.append(await executor.execute_tier_1_parallel("q", layers=["second"]))

        async with anyio.create_task_group() as requests:
            requests.start_soon(functools.partial(executor.execute_tier_1_parallel, "q", layers=["first"]))
            await anyio.wait_all_tasks_blocked()
            requests.start_soon(second)
            await anyio.wait_all_tasks_blocked()
            now_s = 5.0
            gate.open.set()
    assert answers[0].outcomes["second"].elapsed_ms == 0
    assert answers[0].elapsed_ms == 5000
    assert 7.5 < left[0] <= 8.0
    counted = executor.get_statistics()
    assert counted["place_waits"] == 1
    assert counted["place_wait_ms"]["max"] == 5000


async def test_one_who_is_cancelled_while_waiting_takes_no_place_with_him() -> None:
    gate = Gate()
    async with anyio.create_task_group() as lifespan:
        executor = Executor({"a": gate.layer, "b": one_row}, max_concurrent=1, task_group=lifespan)
        async with anyio.create_task_group() as requests:
            requests.start_soon(functools.partial(executor.execute_tier_1_parallel, "q", layers=["a"]))
            await anyio.wait_all_tasks_blocked()
            async with anyio.create_task_group() as given_up:
                given_up.start_soon(functools.partial(executor.execute_tier_1_parallel, "q", layers=["b"]))
                await anyio.wait_all_tasks_blocked()
                assert executor.get_statistics()["waiting"] == 1
                given_up.cancel_scope.cancel()
            assert executor.get_statistics()["waiting"] == 0
            gate.open.set()
        with anyio.fail_after(5):
            answer = await executor.execute_tier_1_parallel("q", layers=["b"])
    assert answer.outcomes["b"].status == "ok"
    counted = executor.get_statistics()
    assert (counted["running"], counted["cancelled_queries"], counted["layers"]["b"]["queries"]) == (0, 1, 1)


async def test_a_place_that_comes_together_with_the_cancellation_goes_to_the_next() -> None:
    gate = Gate()
    async with anyio.create_task_group() as lifespan:
        executor = Executor({"a": gate.layer, "b": one_row}, max_concurrent=1, task_group=lifespan)
        async with anyio.create_task_group() as requests:
            requests.start_soon(functools.partial(executor.execute_tier_1_parallel, "q", layers=["a"]))
            await anyio.wait_all_tasks_blocked()
            async with anyio.create_task_group() as given_up:
                given_up.start_soon(functools.partial(executor.execute_tier_1_parallel, "q", layers=["b"]))
                await anyio.wait_all_tasks_blocked()
                executor.max_concurrent = 2
                given_up.cancel_scope.cancel()
            gate.open.set()
    assert executor.get_statistics()["running"] == 0
