"""The cache of answers: what is kept and for how long, and one computation for all who ask at once."""

from __future__ import annotations

import asyncio
import json
import traceback
from collections.abc import AsyncIterator, Awaitable, Callable, Hashable
from contextlib import asynccontextmanager
from contextvars import ContextVar
from typing import Any

import anyio
import anyio.abc
import anyio.lowlevel
import pytest

from athena_mcp.errors import InvalidArgument, StorageError
from athena_mcp.recall import flight
from athena_mcp.recall.cache import Fresh, Lookup, RecallCache
from athena_mcp.recall.flight import ComputationStopped

pytestmark = pytest.mark.anyio

KEY = ("which port", 1)


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


class Clock:
    def __init__(self) -> None:
        self.now_s = 1000.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def cache(clock: Clock) -> RecallCache[str]:
    return RecallCache(3, 300.0, clock=clock)


@asynccontextmanager
async def owned() -> AsyncIterator[anyio.abc.TaskGroup]:
    """A task group as the server's: cancelled at the end, and by nothing before."""
    whole = False
    async with anyio.create_task_group() as group:
        yield group
        whole = not group.cancel_scope.cancel_called
        group.cancel_scope.cancel()
    # Out here, since a group that is taken down leaves out the rest of its block without a word.
    assert whole, "something took the server's task group down"


class Work:
    """A computation that waits to be let go on, and notes what became of each of its runs."""

    def __init__(self, fresh: Fresh[str] | BaseException | None = None) -> None:
        self.fresh = Fresh("8443", keep=True) if fresh is None else fresh
        self.runs = 0
        self.cancelled = 0
        self.started = anyio.Event()
        self.go_on = anyio.Event()

    async def __call__(self) -> Fresh[str]:
        self.runs += 1
        self.started.set()
        try:
            await self.go_on.wait()
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        if isinstance(self.fresh, BaseException):
            raise self.fresh
        return self.fresh


class Callers:
    """Those who fetch one key, each in a scope of its own, and what each of them got."""

    def __init__(self, cache: RecallCache[str], work: Work, server: anyio.abc.TaskGroup | None) -> None:
        self._cache = cache
        self._work = work
        self._server = server
        self.scopes: list[anyio.CancelScope] = []
        self.got: dict[int, Lookup[str] | Exception] = {}

    async def ask(self, number: int) -> None:
        with self.scopes[number]:
            try:
                self.got[number] = await self._cache.fetch(KEY, self._work, self._server)
            except Exception as error:  # noqa: BLE001  # each caller's own outcome
                self.got[number] = error

    async def come(self, count: int, group: anyio.abc.TaskGroup) -> None:
        """Let `count` more ask, and wait until all of them wait."""
        for _ in range(count):
            self.scopes.append(anyio.CancelScope())
            group.start_soon(self.ask, len(self.scopes) - 1)
            await anyio.wait_all_tasks_blocked()


async def keep(cache: RecallCache[str], key: Hashable, value: str = "", ttl_s: float | None = None) -> None:
    """Have `value` computed, which the cache must not have had."""
    assert not (await fetch(cache, key, value, ttl_s)).hit


async def fetch(cache: RecallCache[str], key: Hashable, value: str = "", ttl_s: float | None = None) -> Lookup[str]:
    async def compute() -> Fresh[str]:
        await anyio.lowlevel.checkpoint()
        return Fresh(value or str(key), keep=True, ttl_s=ttl_s)

    return await cache.fetch(key, compute)


async def is_kept(cache: RecallCache[str], key: Hashable) -> bool:
    """Whether `key` has an answer, without leaving one."""

    async def compute() -> Fresh[str]:
        await anyio.lowlevel.checkpoint()
        return Fresh("", keep=False)

    return (await cache.fetch(key, compute)).hit


def counts(cache: RecallCache[str], *names: str) -> dict[str, Any]:
    statistics = cache.get_statistics()
    return {name: statistics[name] for name in names}


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


async def test_an_answer_lives_for_its_time(cache: RecallCache[str], clock: Clock) -> None:
    await keep(cache, KEY)
    clock.now_s += 299.9
    assert await is_kept(cache, KEY)  # a hit does not prolong it
    clock.now_s += 0.1
    assert not await is_kept(cache, KEY)
    assert counts(cache, "expired", "evicted", "size") == {"expired": 1, "evicted": 0, "size": 0}


async def test_an_answer_may_end_sooner_but_not_later_than_the_cache_says(
    cache: RecallCache[str], clock: Clock
) -> None:
    await keep(cache, "sooner", ttl_s=10.0)
    await keep(cache, "later", ttl_s=1000.0)
    clock.now_s += 9.9
    assert await is_kept(cache, "sooner")
    clock.now_s += 0.1
    assert not await is_kept(cache, "sooner")
    clock.now_s += 289.9
    assert await is_kept(cache, "later")
    clock.now_s += 0.1
    assert not await is_kept(cache, "later")


async def test_the_time_of_an_answer_starts_when_it_has_been_computed(cache: RecallCache[str], clock: Clock) -> None:
    async def compute() -> Fresh[str]:
        await anyio.lowlevel.checkpoint()
        clock.now_s += 500.0
        return Fresh("8443", keep=True)

    await cache.fetch(KEY, compute)
    assert await is_kept(cache, KEY)


@pytest.mark.parametrize("ttl_s", [0.0, -1.0, float("nan")])
async def test_an_answer_without_time_left_is_not_kept(cache: RecallCache[str], ttl_s: float) -> None:
    await keep(cache, "other")
    await keep(cache, KEY, ttl_s=ttl_s)
    assert not await is_kept(cache, KEY)
    assert await is_kept(cache, "other")
    assert counts(cache, "not_kept", "expired", "evicted", "size") == {
        "not_kept": 2,
        "expired": 0,
        "evicted": 0,
        "size": 1,
    }


@pytest.mark.parametrize(("capacity", "ttl_s"), [(0, 300.0), (256, 0.0)])
async def test_a_cache_without_room_or_time_keeps_nothing_and_still_shares(capacity: int, ttl_s: float) -> None:
    cache: RecallCache[str] = RecallCache(capacity, ttl_s)
    work = Work()
    async with owned() as server:
        async with anyio.create_task_group() as group:
            callers = Callers(cache, work, server)
            await callers.come(2, group)
            work.go_on.set()
        assert work.runs == 1
        assert not (await cache.fetch(KEY, work, server)).hit
    assert counts(cache, "size", "evicted", "not_kept") == {"size": 0, "evicted": 0, "not_kept": 2}


@pytest.mark.parametrize(
    ("make", "argument"),
    [
        (lambda: RecallCache[str](-1), "capacity"),
        (lambda: RecallCache[str](ttl_s=-1.0), "ttl_s"),
        (lambda: RecallCache[str](ttl_s=float("nan")), "ttl_s"),
        (lambda: RecallCache[str](ttl_s=float("inf")), "ttl_s"),
    ],
)
def test_a_limit_that_cannot_work_is_refused(make: Callable[[], object], argument: str) -> None:
    with pytest.raises(InvalidArgument, match=argument):
        make()


async def test_the_answer_used_longest_ago_makes_room(cache: RecallCache[str]) -> None:
    for key in "abc":
        await keep(cache, key)
    assert await is_kept(cache, "a")  # which thereby was used last
    await keep(cache, "d")
    assert [await is_kept(cache, key) for key in "abcd"] == [True, False, True, True]
    assert counts(cache, "evicted", "expired", "size") == {"evicted": 1, "expired": 0, "size": 3}


async def test_an_answer_that_has_ended_makes_room_before_a_living_one(cache: RecallCache[str], clock: Clock) -> None:
    await keep(cache, "a")
    await keep(cache, "b", ttl_s=10.0)
    await keep(cache, "c")
    assert await is_kept(cache, "b")
    clock.now_s += 10.0
    await keep(cache, "d")
    assert [await is_kept(cache, key) for key in "abcd"] == [True, False, True, True]
    assert counts(cache, "evicted", "expired", "size") == {"evicted": 0, "expired": 1, "size": 3}


async def test_keeping_an_answer_anew_evicts_no_other(cache: RecallCache[str]) -> None:
    first, second = Work(Fresh("one", keep=True)), Work(Fresh("two", keep=True))
    for key in "ab":
        await keep(cache, key)
    async with anyio.create_task_group() as group:  # two who compute for themselves keep the same key, one by one
        for work in (first, second):
            group.start_soon(cache.fetch, "c", work)
            await work.started.wait()
        first.go_on.set()
        await anyio.wait_all_tasks_blocked()
        assert counts(cache, "size") == {"size": 3}
        second.go_on.set()
    assert [await is_kept(cache, key) for key in "abc"] == [True, True, True]
    assert (await fetch(cache, "c")).value == "two"
    assert counts(cache, "evicted", "size") == {"evicted": 0, "size": 3}


async def test_clearing_drops_what_is_kept_and_what_is_under_way(cache: RecallCache[str]) -> None:
    before, after = Work(Fresh("8443", keep=True)), Work(Fresh("9443", keep=True))
    await keep(cache, "other")
    async with owned() as server:
        async with anyio.create_task_group() as group:
            early, late = Callers(cache, before, server), Callers(cache, after, server)
            await early.come(2, group)
            cache.clear()
            await late.come(1, group)
            before.go_on.set()
            await anyio.wait_all_tasks_blocked()
            await late.come(1, group)  # the end of the first computation must not close the second to others
            after.go_on.set()
        assert early.got == {number: Lookup("8443", hit=False, shared=number > 0) for number in range(2)}
        assert late.got == {number: Lookup("9443", hit=False, shared=number > 0) for number in range(2)}
        assert (before.runs, after.runs) == (1, 1)
        assert await cache.fetch(KEY, before, server) == Lookup("9443", hit=True)
    assert not await is_kept(cache, "other")
    assert counts(cache, "evicted", "expired") == {"evicted": 0, "expired": 0}


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


async def test_statistics_count_every_fetch_once_and_are_json(cache: RecallCache[str]) -> None:
    assert cache.get_statistics() == {
        "hits": 0,
        "misses": 0,
        "shared": 0,
        "evicted": 0,
        "expired": 0,
        "not_kept": 0,
        "size": 0,
        "capacity": 3,
        "ttl_s": 300.0,
        "age_s": {"mean": None, "oldest": None},
        "hit_rate": None,
    }
    work = Work()
    async with owned() as server:
        async with anyio.create_task_group() as group:
            callers = Callers(cache, work, server)
            await callers.come(2, group)
            work.go_on.set()
        await cache.fetch(KEY, work, server)
    statistics = json.loads(json.dumps(cache.get_statistics(), allow_nan=False))
    assert statistics == {
        "hits": 1,
        "misses": 1,
        "shared": 1,
        "evicted": 0,
        "expired": 0,
        "not_kept": 0,
        "size": 1,
        "capacity": 3,
        "ttl_s": 300.0,
        "age_s": {"mean": 0.0, "oldest": 0.0},
        "hit_rate": 0.333,
    }
    cache.reset_statistics()
    assert counts(cache, "hits", "misses", "shared", "hit_rate", "size") == {
        "hits": 0,
        "misses": 0,
        "shared": 0,
        "hit_rate": None,
        "size": 1,
    }


async def test_the_age_of_what_is_kept_is_told_and_the_ended_have_none(cache: RecallCache[str], clock: Clock) -> None:
    await keep(cache, "a")
    clock.now_s += 100.0
    await keep(cache, "b")
    clock.now_s += 50.0
    assert cache.get_statistics()["age_s"] == {"mean": 100.0, "oldest": 150.0}
    clock.now_s += 150.0
    assert cache.get_statistics()["age_s"] == {"mean": 200.0, "oldest": 200.0}


async def test_resetting_counts_what_was_dropped_from_nought(cache: RecallCache[str], clock: Clock) -> None:
    for key in "abcd":
        await keep(cache, key)
    clock.now_s += 300.0
    await keep(cache, "e")
    assert counts(cache, "evicted", "expired", "size") == {"evicted": 1, "expired": 3, "size": 1}
    cache.reset_statistics()
    assert counts(cache, "evicted", "expired", "size") == {"evicted": 0, "expired": 0, "size": 1}
