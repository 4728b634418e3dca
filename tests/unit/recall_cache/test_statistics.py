"""What the cache counts, and the age of what it keeps."""

from __future__ import annotations

import json

import anyio
import pytest

from athena_mcp.recall.cache import RecallCache
from tests.unit.recall_cache.callers import KEY, Callers, Clock, Work, counts, keep, owned

pytestmark = pytest.mark.anyio


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
