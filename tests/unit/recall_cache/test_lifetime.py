"""What is kept, for how long, and what makes room for it."""

from __future__ import annotations

from collections.abc import Callable

import anyio
import anyio.lowlevel
import pytest

from athena_mcp.errors import InvalidArgument
from athena_mcp.recall.cache import Fresh, Lookup, RecallCache
from tests.unit.recall_cache.callers import KEY, Callers, Clock, Work, counts, fetch, is_kept, keep, owned

pytestmark = pytest.mark.anyio


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
