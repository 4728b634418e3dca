"""One computation for all who ask at once, and one outcome: an answer, an error, a cancellation of its own."""

from __future__ import annotations

import asyncio
import traceback
from collections.abc import Awaitable
from contextvars import ContextVar

import anyio
import anyio.lowlevel
import pytest

from athena_mcp.errors import StorageError
from athena_mcp.recall.cache import Fresh, Lookup, RecallCache
from athena_mcp.recall.flight import ComputationStopped
from tests.unit.recall_cache.callers import KEY, Callers, Work, counts, owned

pytestmark = pytest.mark.anyio


async def test_an_answer_is_computed_once_and_then_kept(cache: RecallCache[str]) -> None:
    work = Work()
    work.go_on.set()
    async with owned() as server:
        assert await cache.fetch(KEY, work, server) == Lookup("8443", hit=False)
        assert await cache.fetch(KEY, work, server) == Lookup("8443", hit=True)
    assert work.runs == 1


async def test_ten_who_ask_at_once_share_one_computation(cache: RecallCache[str]) -> None:
    work = Work()
    async with owned() as server:
        async with anyio.create_task_group() as group:
            callers = Callers(cache, work, server)
            await callers.come(10, group)
            work.go_on.set()
        assert work.runs == 1
        assert callers.got == {
            number: Lookup("8443", hit=False, shared=number > 0)  # only the first had it computed
            for number in range(10)
        }
    assert counts(cache, "hits", "misses", "shared") == {"hits": 0, "misses": 1, "shared": 9}


async def test_a_computation_sees_the_context_variables_of_the_caller_that_started_it(cache: RecallCache[str]) -> None:
    trace: ContextVar[str] = ContextVar("trace", default="none")

    async def compute() -> Fresh[str]:
        await anyio.lowlevel.checkpoint()
        return Fresh(trace.get(), keep=False)

    async with owned() as server:
        trace.set("mine")
        assert (await cache.fetch(KEY, compute, server)).value == "mine"


async def test_an_exception_reaches_every_caller_and_not_the_servers_task_group(cache: RecallCache[str]) -> None:
    failure = StorageError("the disk is full")
    work = Work(failure)
    async with owned() as server:
        async with anyio.create_task_group() as group:
            callers = Callers(cache, work, server)
            await callers.come(5, group)
            work.go_on.set()
        assert work.runs == 1
        assert callers.got == dict.fromkeys(range(5), failure)
        # The frames of five callers on one exception would tell each of the others' ways.
        frames = traceback.extract_tb(failure.__traceback__)
        assert [frame.name for frame in frames].count("join") == 1
        work.fresh = Fresh("8443", keep=True)
        assert await cache.fetch(KEY, work, server) == Lookup("8443", hit=False)
        assert work.runs == 2
    assert counts(cache, "misses", "shared", "not_kept", "size") == {"misses": 2, "shared": 4, "not_kept": 0, "size": 1}


async def test_a_computation_that_ends_in_a_cancellation_of_its_own_fails_its_callers_only(
    cache: RecallCache[str],
) -> None:
    work = Work(asyncio.CancelledError())
    async with owned() as server:
        async with anyio.create_task_group() as group:
            callers = Callers(cache, work, server)
            await callers.come(3, group)
            work.go_on.set()
        assert [type(outcome) for outcome in callers.got.values()] == [ComputationStopped] * 3
        await anyio.lowlevel.checkpoint()
        assert not server.cancel_scope.cancel_called
        work.fresh = Fresh("8443", keep=True)
        assert await cache.fetch(KEY, work, server) == Lookup("8443", hit=False)


async def test_an_answer_that_is_not_to_be_kept_still_reaches_all_who_wait(cache: RecallCache[str]) -> None:
    work = Work(Fresh("degraded", keep=False))
    async with owned() as server:
        async with anyio.create_task_group() as group:
            callers = Callers(cache, work, server)
            await callers.come(4, group)
            work.go_on.set()
        assert callers.got == {number: Lookup("degraded", hit=False, shared=number > 0) for number in range(4)}
        assert not (await cache.fetch(KEY, work, server)).hit
    assert work.runs == 2
    assert counts(cache, "not_kept", "size") == {"not_kept": 2, "size": 0}


async def test_keys_do_not_share_computations(cache: RecallCache[str]) -> None:
    works = {key: Work(Fresh(key, keep=True)) for key in ("one", "two")}
    got: dict[str, Lookup[str]] = {}
    async with owned() as server:

        async def ask(key: str) -> None:
            got[key] = await cache.fetch(key, works[key], server)

        async with anyio.create_task_group() as group:
            for key in works:
                group.start_soon(ask, key)
            with anyio.fail_after(5):
                for work in works.values():
                    await work.started.wait()  # both run: neither has been let go on
            works["two"].go_on.set()
            await anyio.wait_all_tasks_blocked()
            assert list(got) == ["two"]
            works["one"].go_on.set()
    assert got == {key: Lookup(key, hit=False) for key in works}


async def test_an_answer_of_none_is_an_answer() -> None:
    cache: RecallCache[None] = RecallCache()
    runs = 0

    async def compute() -> Fresh[None]:
        nonlocal runs
        runs += 1
        await anyio.lowlevel.checkpoint()
        return Fresh(None, keep=True)

    async with owned() as server:
        assert await cache.fetch(KEY, compute, server) == Lookup(None, hit=False)
        assert await cache.fetch(KEY, compute, server) == Lookup(None, hit=True)
    assert runs == 1


async def test_a_computation_that_fails_before_it_awaits_fails_its_caller_only(cache: RecallCache[str]) -> None:
    def compute() -> Awaitable[Fresh[str]]:
        raise StorageError("at once")

    async with owned() as server:
        with pytest.raises(StorageError, match="at once"):
            await cache.fetch(KEY, compute, server)
        await anyio.lowlevel.checkpoint()
