"""Answers kept for the next who asks the same, and one computation for all who ask it at once."""

from __future__ import annotations

import math
import time
from collections.abc import Awaitable, Callable, Hashable
from dataclasses import dataclass
from functools import partial
from typing import Any, Generic, TypeVar

import anyio.abc

from athena_mcp.errors import InvalidArgument
from athena_mcp.recall.expiring_lru import ExpiringLru
from athena_mcp.recall.flight import Flight

T = TypeVar("T")

DEFAULT_CAPACITY = 256
DEFAULT_TTL_S = 300.0


@dataclass(frozen=True, slots=True)
class Fresh(Generic[T]):
    """An answer just computed. One that is not to be kept, such as a degraded one, still goes to all who wait for it.

    `ttl_s` ends it sooner than the cache would, such as when a task falls due; with none left it is not kept.
    """

    value: T
    keep: bool
    ttl_s: float | None = None


@dataclass(frozen=True, slots=True)
class Lookup(Generic[T]):
    """An answer handed out: `hit` when it was kept from before, `shared` when another caller's computation gave it."""

    value: T
    hit: bool
    shared: bool = False


class RecallCache(Generic[T]):
    """Keeps at most `capacity` answers, those used last, for `ttl_s` seconds each; 0 of either keeps none.

    The same object goes to every caller, so values must be immutable (see `immutable.freeze_result`). `clock` is
    monotonic, in seconds. Runs on one event loop; `get_statistics` may be called from any thread.
    """

    def __init__(
        self,
        capacity: int = DEFAULT_CAPACITY,
        ttl_s: float = DEFAULT_TTL_S,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        if capacity < 0:
            raise InvalidArgument("capacity", "must be 0 or more")
        if not 0 <= ttl_s < math.inf:
            raise InvalidArgument("ttl_s", "must be a number of seconds of 0 or more")
        self._capacity = capacity
        self._ttl_s = ttl_s
        self._kept: ExpiringLru[T] = ExpiringLru(capacity, clock)
        self._flights: dict[Hashable, Flight[T]] = {}
        self._generation = 0
        self._hits = self._misses = self._shared = self._not_kept = 0

    async def fetch(
        self, key: Hashable, compute: Callable[[], Awaitable[Fresh[T]]], task_group: anyio.abc.TaskGroup | None = None
    ) -> Lookup[T]:
        """The kept answer of `key`, else a fresh one; all who want it meanwhile share one computation.

        The computation runs on `task_group`, which must outlive the callers. A caller that is cancelled or whose
        deadline passes leaves the others alone; when none is left the computation is cancelled. What it raises, each
        of them raises, and the next one to ask computes anew. Without a task group, or when that is closed or
        cancelled, the caller computes for itself.
        """
        entry = self._kept.get(key)
        if entry is not None:
            self._hits += 1
            return Lookup(entry.value, hit=True)
        flight = None if task_group is None else self._flights.get(key)
        shared = flight is not None
        if shared:
            self._shared += 1
        else:
            self._misses += 1
        if flight is None and task_group is not None:
            flight = self._launch(key, compute, task_group)
        landed = None if flight is None else await flight.join()
        if landed is None:
            return Lookup(await self._compute(key, compute), hit=False)
        return Lookup(landed.value, hit=False, shared=shared)

    def get_statistics(self) -> dict[str, Any]:
        """What was done since the start or the last reset, as JSON-ready values.

        Every fetch is one of `hits`, `misses` (computed) and `shared` (joined another's computation); `hit_rate` is the
        part of the first, None before any. Of the answers, `evicted` made room, `expired` outlived their time,
        `not_kept` were handed out but not kept. `size` counts those held, ended ones included until they are met;
        `age_s` is how long the living have been kept, None when there are none.
        """
        hits, misses, shared = self._hits, self._misses, self._shared
        fetches = hits + misses + shared
        ages_s = self._kept.ages_s()
        return {
            "hits": hits,
            "misses": misses,
            "shared": shared,
            "evicted": self._kept.evicted,
            "expired": self._kept.expired,
            "not_kept": self._not_kept,
            "size": len(self._kept),
            "capacity": self._capacity,
            "ttl_s": self._ttl_s,
            "age_s": {
                "mean": round(sum(ages_s) / len(ages_s), 1) if ages_s else None,
                "oldest": round(max(ages_s), 1) if ages_s else None,
            },
            "hit_rate": round(hits / fetches, 3) if fetches else None,
        }

    def reset_statistics(self) -> None:
        """Count from nought again; what is kept stays."""
        self._hits = self._misses = self._shared = self._not_kept = 0
        self._kept.evicted = self._kept.expired = 0

    def clear(self) -> None:
        """Drop every answer. Computations under way still answer those who wait; nobody joins them, nothing is kept."""
        self._generation += 1
        self._kept.clear()
        self._flights.clear()

    def _launch(
        self, key: Hashable, compute: Callable[[], Awaitable[Fresh[T]]], task_group: anyio.abc.TaskGroup
    ) -> Flight[T] | None:
        """The computation on its way, or None when the group takes no more tasks."""
        flight = Flight(partial(self._compute, key, compute), partial(self._ended, key))
        # Entered first, since a loop with eager tasks runs it, and may end it, before `start_soon` returns.
        self._flights[key] = flight
        try:
            task_group.start_soon(flight.run)
        except RuntimeError:  # the group is closed: the server is on its way out
            self._ended(key, flight)
            return None
        return flight

    def _ended(self, key: Hashable, flight: Flight[T]) -> None:
        if self._flights.get(key) is flight:
            del self._flights[key]

    async def _compute(self, key: Hashable, compute: Callable[[], Awaitable[Fresh[T]]]) -> T:
        generation = self._generation
        fresh = await compute()
        # The cache's own limit comes second, so that a limit that is no number keeps nothing.
        ttl_s = self._ttl_s if fresh.ttl_s is None else min(fresh.ttl_s, self._ttl_s)
        if fresh.keep and ttl_s > 0 and self._capacity and generation == self._generation:
            self._kept.put(key, fresh.value, ttl_s)
        else:
            self._not_kept += 1
        return fresh.value
