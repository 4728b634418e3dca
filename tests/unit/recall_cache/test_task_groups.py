"""Callers without a task group for the computation, or with one that is closed or cancelled."""

from __future__ import annotations

import anyio
import anyio.abc
import pytest

from athena_mcp.recall.cache import Fresh, Lookup, RecallCache
from tests.unit.recall_cache.callers import KEY, Callers, Work, counts, owned

pytestmark = pytest.mark.anyio


async def test_without_a_task_group_each_caller_computes_for_itself(cache: RecallCache[str]) -> None:
    work = Work()
    async with anyio.create_task_group() as group:
        callers = Callers(cache, work, None)
        await callers.come(3, group)
        callers.scopes[0].cancel()
        await anyio.wait_all_tasks_blocked()
        assert work.cancelled == 1
        work.go_on.set()
    assert work.runs == 3
    assert callers.got == {number: Lookup("8443", hit=False) for number in (1, 2)}
    assert counts(cache, "misses", "shared", "evicted", "size") == {"misses": 3, "shared": 0, "evicted": 0, "size": 1}
    assert (await cache.fetch(KEY, work)).hit


async def test_a_caller_without_a_task_group_joins_nobody(cache: RecallCache[str]) -> None:
    work = Work()
    async with owned() as server:
        async with anyio.create_task_group() as group:
            await Callers(cache, work, server).come(1, group)
            alone = Callers(cache, work, None)
            await alone.come(1, group)
            assert work.runs == 2
            work.go_on.set()
        assert alone.got == {0: Lookup("8443", hit=False)}


async def test_a_closed_task_group_makes_the_caller_compute_for_itself(cache: RecallCache[str]) -> None:
    work = Work(Fresh("8443", keep=False))
    work.go_on.set()
    async with anyio.create_task_group() as server:
        pass
    with anyio.fail_after(5):
        assert await cache.fetch(KEY, work, server) == Lookup("8443", hit=False)
        assert await cache.fetch(KEY, work, server) == Lookup("8443", hit=False)
    assert work.runs == 2


async def test_a_task_group_cancelled_under_a_computation_makes_its_callers_compute_for_themselves(
    cache: RecallCache[str],
) -> None:
    work = Work()
    async with anyio.create_task_group() as group:
        async with anyio.create_task_group() as server:
            callers = Callers(cache, work, server)
            await callers.come(2, group)
            assert work.runs == 1
            server.cancel_scope.cancel()
        work.go_on.set()
    assert (work.runs, work.cancelled) == (3, 1)
    assert callers.got[0] == Lookup("8443", hit=False)
    assert len(callers.got) == 2


async def test_what_is_asked_on_a_cancelled_task_group_is_computed_by_the_caller(cache: RecallCache[str]) -> None:
    work = Work()
    work.go_on.set()
    got: list[Lookup[str]] = []

    async def ask(server: anyio.abc.TaskGroup) -> None:
        got.append(await cache.fetch(KEY, work, server))

    async with anyio.create_task_group() as group, anyio.create_task_group() as server:
        server.cancel_scope.cancel()
        group.start_soon(ask, server)
    assert got == [Lookup("8443", hit=False)]
