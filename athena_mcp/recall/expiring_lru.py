"""A bounded mapping that keeps what was used last, each entry for its own time."""

from __future__ import annotations

import heapq
from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Generic, NamedTuple, TypeVar

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Entry(Generic[T]):
    """A kept value; on the clock of its mapping it ends at `ends_at`, in seconds."""

    value: T
    ends_at: float
    serial: int
    """Tells it from a later entry of the same key."""
    kept_at: float


class _End(NamedTuple):
    """When an entry ends. Serials differ, so keys are never compared."""

    ends_at: float
    serial: int
    key: Hashable


class ExpiringLru(Generic[T]):
    """At most `capacity` entries; the one unused for longest makes room, but only when none has ended.

    Looking up, keeping an entry that ends after all others and evicting take constant time; one that ends sooner, or
    has ended, costs the logarithm of their number. `clock` is monotonic, in seconds. Not locked: one
    event loop is its user. `evicted` counts the living that made room, `expired` those whose time had come.
    """

    __slots__ = ("_capacity", "_clock", "_ends", "_entries", "_serial", "evicted", "expired")

    def __init__(self, capacity: int, clock: Callable[[], float]) -> None:
        self._capacity = capacity
        self._clock = clock
        self._entries: OrderedDict[Hashable, Entry[T]] = OrderedDict()
        # Those that end first lead. Ends of entries that are gone stay until they come up or the heap is rebuilt.
        self._ends: list[_End] = []
        self._serial = 0
        self.evicted = 0
        self.expired = 0

    def __len__(self) -> int:
        """The entries held; some may have ended since the last one was kept."""
        return len(self._entries)

    def get(self, key: Hashable) -> Entry[T] | None:
        """The living entry of `key`, which thereby is the last used."""
        entry = self._entries.get(key)
        if entry is None:
            return None
        if self._clock() >= entry.ends_at:
            del self._entries[key]
            self.expired += 1
            return None
        self._entries.move_to_end(key)
        return entry

    def put(self, key: Hashable, value: T, ttl_s: float) -> None:
        """Keep `value` for `ttl_s` seconds from now, in place of what `key` had; without time or room do nothing."""
        if self._capacity < 1 or not ttl_s > 0:
            return
        now = self._clock()
        self._drop_ended(now)
        if key not in self._entries and len(self._entries) >= self._capacity:
            self._entries.popitem(last=False)
            self.evicted += 1
        self._serial += 1
        entry = Entry(value, now + ttl_s, self._serial, now)
        self._entries[key] = entry
        self._entries.move_to_end(key)
        heapq.heappush(self._ends, _End(entry.ends_at, entry.serial, key))
        if len(self._ends) > 2 * self._capacity:
            self._rebuild()

    def ages_s(self) -> list[float]:
        """For how many seconds each living entry has been kept."""
        now = self._clock()
        return [now - entry.kept_at for entry in list(self._entries.values()) if now < entry.ends_at]

    def clear(self) -> None:
        """Drop everything; that counts as neither evicted nor expired."""
        self._entries.clear()
        self._ends.clear()

    def _drop_ended(self, now: float) -> None:
        while self._ends and now >= self._ends[0].ends_at:
            end = heapq.heappop(self._ends)
            entry = self._entries.get(end.key)
            if entry is not None and entry.serial == end.serial:
                del self._entries[end.key]
                self.expired += 1

    def _rebuild(self) -> None:
        # Once in as many entries as there is room for, so that each pays a constant part of it.
        self._ends = [_End(entry.ends_at, entry.serial, key) for key, entry in self._entries.items()]
        heapq.heapify(self._ends)
