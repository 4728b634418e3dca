"""Deadlines: a layer's own, the recall's and the caller's."""

from __future__ import annotations

import asyncio
import functools

import anyio
import pytest

from athena_mcp.errors import DeadlineExceeded, StorageError
from athena_mcp.recall.query_method import Context, QueryMethod, time_left_s
from tests.random_recalls import LAYERS
from tests.unit.tier1.layers import Executor, Gate, five, hanging, one_row, raising, status_counts, statuses

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("use_parallel", [True, False])
@pytest.mark.parametrize("owned", [True, False])
async def test_a_hanging_layer_times_out_while_the_others_answer(use_parallel: bool, owned: bool) -> None:
    async with anyio.create_task_group() as task_group:
        executor = Executor(five(procedural=hanging), timeout_seconds=0.1, task_group=task_group if owned else None)
        with anyio.fail_after(5):
            answer = await executor.execute_tier_1_parallel("q", use_parallel=use_parallel, layers=LAYERS)
    late = answer.outcomes["procedural"]
    assert statuses(answer) == {name: "timeout" if name == "procedural" else "ok" for name in LAYERS}
    assert late.reason == "no answer within 0.1 s"
    assert late.elapsed_ms >= 100
    assert answer["procedural"] == ()
    assert len(answer["graph"]) == 5
    assert answer.failed == ("procedural",)
    assert not answer.all_failed
    assert executor.get_statistics()["stragglers_abandoned"] == 0


async def test_a_single_hanging_layer_times_out_too() -> None:
    executor = Executor({"a": hanging}, timeout_seconds=0.05)
    with anyio.fail_after(5):
        answer = await executor.execute_tier_1_parallel("q", layers=["a"])
    assert statuses(answer) == {"a": "timeout"}
    assert answer.all_failed


async def test_the_deadline_begins_when_the_layer_begins_not_when_it_waits_for_its_turn() -> None:
    async def slow(query: str, context: Context | None, k: int) -> list[str]:
        await anyio.sleep(0.2)  # the layer that takes so long
        return ["row"]

    async with anyio.create_task_group() as task_group:
        executor = Executor(dict.fromkeys(LAYERS, slow), max_concurrent=2, timeout_seconds=0.39, task_group=task_group)
        answer = await executor.execute_tier_1_parallel("q", layers=LAYERS)
    assert answer.elapsed_ms > 500  # three turns: longer than any layer's deadline
    assert set(statuses(answer).values()) == {"ok"}


@pytest.mark.parametrize("use_parallel", [True, False])
async def test_the_callers_own_deadline_reaches_the_layers(use_parallel: bool) -> None:
    left: list[float] = []

    async def method(query: str, context: Context | None, k: int) -> list[str]:
        left.append(anyio.current_effective_deadline() - anyio.current_time())
        return []

    async with anyio.create_task_group() as task_group:
        executor = Executor({"a": method, "b": method}, task_group=task_group)
        with anyio.fail_after(3):
            await executor.execute_tier_1_parallel("q", use_parallel=use_parallel, layers=["a", "b"])
    assert all(2 < remaining_s <= 3.2 for remaining_s in left)
    assert len(left) == 2


async def test_a_deadline_kept_by_the_database_is_a_timeout_with_its_words() -> None:
    executor = Executor(five(graph=raising(DeadlineExceeded("The database did not answer before the deadline."))))
    answer = await executor.execute_tier_1_parallel("q", layers=LAYERS)
    assert answer.outcomes["graph"].status == "timeout"
    assert answer.outcomes["graph"].reason == "The database did not answer before the deadline."


async def test_an_error_made_of_the_deadlines_cancellation_is_a_timeout() -> None:
    async def translating(query: str, context: Context | None, k: int) -> list[str]:
        try:
            await anyio.sleep_forever()
        except asyncio.CancelledError:
            raise StorageError("the connection was closed") from None
        raise AssertionError

    executor = Executor(five(graph=translating), timeout_seconds=0.05)
    answer = await executor.execute_tier_1_parallel("q", layers=LAYERS)
    assert answer.outcomes["graph"].status == "timeout"


@pytest.mark.parametrize("use_parallel", [True, False])
async def test_at_the_recalls_deadline_the_answer_goes_out_with_what_has_come(use_parallel: bool) -> None:
    async with anyio.create_task_group() as lifespan:
        executor = Executor(five(graph=hanging), recall_timeout_seconds=0.05, task_group=lifespan)
        with anyio.fail_after(5):
            answer = await executor.execute_tier_1_parallel("q", use_parallel=use_parallel, layers=LAYERS)
    assert status_counts(answer) == {"ok": 4, "timeout": 1}
    assert answer.outcomes["graph"].reason == "no answer before the recall's deadline of 0.05 s"
    assert executor.get_statistics()["timeouts"] == 1


@pytest.mark.parametrize(("use_parallel", "asked"), [(True, 2), (False, 1)])
async def test_layers_whose_turn_never_came_are_late_too(use_parallel: bool, asked: int) -> None:
    begun: list[str] = []

    def noting(name: str) -> QueryMethod[str]:
        async def method(query: str, context: Context | None, k: int) -> list[str]:
            begun.append(name)
            await anyio.sleep_forever()
            raise AssertionError

        return method

    async with anyio.create_task_group() as lifespan:
        executor = Executor(
            {name: noting(name) for name in LAYERS}, max_concurrent=2, recall_timeout_seconds=0.05, task_group=lifespan
        )
        with anyio.fail_after(5):
            answer = await executor.execute_tier_1_parallel("q", use_parallel=use_parallel, layers=LAYERS)
    assert status_counts(answer) == {"timeout": 5}
    assert begun == LAYERS[:asked]
    for name in LAYERS[asked:]:
        assert answer.outcomes[name].reason == "its turn never came before the recall's deadline of 0.05 s"
        assert answer.outcomes[name].elapsed_ms == 0


async def test_one_who_waits_for_a_place_waits_no_longer_than_his_recall() -> None:
    gate = Gate()
    async with anyio.create_task_group() as lifespan:
        executor = Executor({"a": gate.layer, "b": one_row}, max_concurrent=1, task_group=lifespan)
        async with anyio.create_task_group() as requests:
            requests.start_soon(functools.partial(executor.execute_tier_1_parallel, "q", layers=["a"]))
            await anyio.wait_all_tasks_blocked()
            with anyio.fail_after(5):
                late = await executor.execute_tier_1_parallel("q", layers=["b"], time_left_s=0.02)
            gate.open.set()
    assert late.outcomes["b"].status == "timeout"
    assert "turn never came" in (late.outcomes["b"].reason or "")
    assert executor.get_statistics()["running"] == 0


async def test_what_is_left_of_a_recalls_time_bounds_its_layers() -> None:
    left: list[float] = []

    async def noting(query: str, context: Context | None, k: int) -> list[str]:
        left.append(anyio.current_effective_deadline() - anyio.current_time())
        return []

    async with anyio.create_task_group() as lifespan:
        executor = Executor(dict.fromkeys("ab", noting), task_group=lifespan)
        for use_parallel in (True, False):
            await executor.execute_tier_1_parallel("q", use_parallel=use_parallel, layers=list("ab"), time_left_s=3.0)
        nothing_left = await executor.execute_tier_1_parallel("q", layers=["a"], time_left_s=-1.0)
    assert len(left) == 4
    assert all(2.5 < seconds <= 3.02 for seconds in left)
    assert status_counts(nothing_left)["timeout"] == 1


@pytest.mark.parametrize("use_parallel", [True, False])
async def test_a_layer_learns_its_deadline_in_a_coroutine_and_in_a_thread(use_parallel: bool) -> None:
    left: dict[str, float] = {}

    async def coroutine(query: str, context: Context | None, k: int) -> list[str]:
        left["coroutine"] = time_left_s()
        return []

    def plain(query: str, context: Context | None, k: int) -> list[str]:
        left["plain"] = time_left_s()
        return []

    async with anyio.create_task_group() as lifespan:
        executor = Executor({"a": coroutine, "b": plain}, timeout_seconds=7.0, task_group=lifespan)
        await executor.execute_tier_1_parallel("q", use_parallel=use_parallel, layers=["a", "b"])
    assert set(left) == {"coroutine", "plain"}
    assert all(6.5 < seconds <= 7.0 for seconds in left.values())
    assert time_left_s() == float("inf")
