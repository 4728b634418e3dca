"""Callers who leave before the answer has come, and the computation they leave to others or to nobody."""

from __future__ import annotations

import anyio
import anyio.lowlevel
import pytest

from athena_mcp.recall import flight
from athena_mcp.recall.cache import Fresh, Lookup, RecallCache
from tests.unit.recall_cache.callers import KEY, Callers, Work, is_kept, owned

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("leaver", [0, 1, 4])
async def test_a_caller_that_is_cancelled_leaves_the_others_alone(cache: RecallCache[str], leaver: int) -> None:
    work = Work()
    async with owned() as server:
        async with anyio.create_task_group() as group:
            callers = Callers(cache, work, server)
            await callers.come(5, group)
            callers.scopes[leaver].cancel()
            await anyio.wait_all_tasks_blocked()
            work.go_on.set()
        assert (work.runs, work.cancelled) == (1, 0)
        assert sorted(callers.got) == [number for number in range(5) if number != leaver]
        assert await is_kept(cache, KEY)


async def test_the_computation_goes_on_for_a_single_late_caller(cache: RecallCache[str]) -> None:
    work = Work()
    async with owned() as server:
        async with anyio.create_task_group() as group:
            callers = Callers(cache, work, server)
            await callers.come(3, group)
            callers.scopes[0].cancel()
            callers.scopes[1].cancel()
            await anyio.wait_all_tasks_blocked()
            await callers.come(1, group)
            callers.scopes[2].cancel()
            await anyio.wait_all_tasks_blocked()
            work.go_on.set()
        assert (work.runs, work.cancelled) == (1, 0)
        assert callers.got == {3: Lookup("8443", hit=False, shared=True)}


@pytest.mark.parametrize("at_once", [True, False])
async def test_the_computation_is_cancelled_when_the_last_caller_is(cache: RecallCache[str], at_once: bool) -> None:
    work = Work()
    async with owned() as server:
        async with anyio.create_task_group() as group:
            callers = Callers(cache, work, server)
            await callers.come(3, group)
            for scope in callers.scopes:
                assert work.cancelled == 0
                scope.cancel()
                if not at_once:
                    await anyio.wait_all_tasks_blocked()
        assert work.cancelled == 1
        assert callers.got == {}
        work.go_on.set()
        assert await cache.fetch(KEY, work, server) == Lookup("8443", hit=False)
        assert work.runs == 2


async def test_a_cancelled_caller_has_gone_only_when_the_computation_has_cleaned_up(cache: RecallCache[str]) -> None:
    cleaned_up = anyio.Event()

    async def compute() -> Fresh[str]:
        try:
            await anyio.sleep_forever()
        finally:
            with anyio.CancelScope(shield=True):
                await anyio.wait_all_tasks_blocked()
                cleaned_up.set()
        raise AssertionError

    async with owned() as server:
        async with anyio.create_task_group() as group:
            group.start_soon(cache.fetch, KEY, compute, server)
            await anyio.wait_all_tasks_blocked()
            group.cancel_scope.cancel()
        assert cleaned_up.is_set()


async def test_whoever_comes_while_a_cancelled_computation_winds_down_gets_another(
    cache: RecallCache[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(flight, "CANCEL_GRACE_S", 0.0)
    winding_down, end = anyio.Event(), anyio.Event()

    async def slow_to_end() -> Fresh[str]:
        try:
            await anyio.sleep_forever()
        finally:
            with anyio.CancelScope(shield=True):
                winding_down.set()
                await end.wait()
        raise AssertionError

    async with owned() as server:
        with anyio.fail_after(5):
            async with anyio.create_task_group() as group:
                group.start_soon(cache.fetch, KEY, slow_to_end, server)
                await anyio.wait_all_tasks_blocked()
                group.cancel_scope.cancel()
            await winding_down.wait()  # the caller went without it, its time being over
            work = Work()
            async with anyio.create_task_group() as group:
                callers = Callers(cache, work, server)
                await callers.come(2, group)
                end.set()  # the end of the first must not close the second to those who join it
                await anyio.lowlevel.checkpoint()
                await callers.come(1, group)
                work.go_on.set()
        assert work.runs == 1
        assert callers.got == {number: Lookup("8443", hit=False, shared=number > 0) for number in range(3)}


async def test_a_caller_that_is_cancelled_before_it_asks_leaves_nothing_running(cache: RecallCache[str]) -> None:
    work = Work()
    async with owned() as server:
        with anyio.CancelScope() as scope:
            scope.cancel()
            await cache.fetch(KEY, work, server)
        assert work.runs == work.cancelled
        work.go_on.set()
        assert await cache.fetch(KEY, work, server) == Lookup("8443", hit=False)


async def test_the_deadline_of_the_first_caller_does_not_cut_the_others(cache: RecallCache[str]) -> None:
    work = Work()
    deadlines: list[float] = []

    async def compute() -> Fresh[str]:
        deadlines.append(anyio.current_effective_deadline())
        return await work()

    async with owned() as server:
        async with anyio.create_task_group() as group:
            callers = Callers(cache, work, server)
            hurried = anyio.CancelScope(deadline=anyio.current_time() + 3600)

            async def hurry() -> None:
                with hurried:
                    await cache.fetch(KEY, compute, server)

            group.start_soon(hurry)
            await work.started.wait()
            await callers.come(1, group)
            hurried.deadline = anyio.current_time()
            await anyio.wait_all_tasks_blocked()
            work.go_on.set()
        assert hurried.cancelled_caught
        assert deadlines == [float("inf")]
        assert callers.got == {0: Lookup("8443", hit=False, shared=True)}
