"""The bounded mapping of the cache against a reference so simple that it can be seen to be right."""

from __future__ import annotations

from dataclasses import dataclass

from hypothesis import given, settings
from hypothesis import strategies as st

from athena_mcp.recall.expiring_lru import ExpiringLru


class Clock:
    def __init__(self) -> None:
        self.now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


@dataclass
class Kept:
    key: int
    value: int
    ends_at: float


class Reference:
    """A list in the order of use, the last used at its end, walked from end to end for everything."""

    def __init__(self, capacity: int) -> None:
        self.capacity = capacity
        self.kept: list[Kept] = []
        self.evicted = 0
        self.expired = 0

    def get(self, key: int, now: float) -> int | None:
        for entry in self.kept:
            if entry.key == key:
                self.kept.remove(entry)
                if entry.ends_at <= now:
                    self.expired += 1
                    return None
                self.kept.append(entry)
                return entry.value
        return None

    def put(self, key: int, value: int, ttl_s: float, now: float) -> None:
        if self.capacity == 0 or ttl_s <= 0:
            return
        living = [entry for entry in self.kept if entry.ends_at > now]
        self.expired += len(self.kept) - len(living)
        others = [entry for entry in living if entry.key != key]
        if len(others) == len(living) and len(others) == self.capacity:
            others.pop(0)
            self.evicted += 1
        self.kept = [*others, Kept(key, value, now + ttl_s)]


KEYS = st.integers(0, 4)
# Whole seconds, so that ends coincide with each other and with the clock.
STEPS = st.one_of(
    st.tuples(st.just("get"), KEYS, st.just(0)),
    st.tuples(st.just("put"), KEYS, st.integers(0, 6)),
    st.tuples(st.just("put"), KEYS, st.integers(4, 9)),
    st.tuples(st.just("wait"), st.integers(0, 2), st.just(0)),
    st.tuples(st.sampled_from(["clear", "get", "put", "wait"]), st.integers(0, 2), st.just(1)),
)


@settings(deadline=None, max_examples=100)
@given(capacity=st.integers(0, 3), steps=st.lists(STEPS, min_size=20, max_size=60))
def test_it_keeps_gives_and_counts_what_the_reference_does(capacity: int, steps: list[tuple[str, int, int]]) -> None:
    clock = Clock()
    kept: ExpiringLru[int] = ExpiringLru(capacity, clock)
    reference = Reference(capacity)
    for value, (step, number, ttl_s) in enumerate(steps):
        match step:
            case "get":
                entry = kept.get(number)
                assert (None if entry is None else entry.value) == reference.get(number, clock.now_s)
            case "put":
                kept.put(number, value, float(ttl_s))
                reference.put(number, value, float(ttl_s), clock.now_s)
            case "wait":
                clock.now_s += number
            case _:
                kept.clear()
                reference.kept.clear()
        assert len(kept) == len(reference.kept)
        assert (kept.evicted, kept.expired) == (reference.evicted, reference.expired)


def test_keeping_the_same_key_again_and_again_takes_no_more_memory() -> None:
    clock = Clock()
    kept: ExpiringLru[int] = ExpiringLru(4, clock)
    for number in range(1000):
        kept.put(number % 6, number, 300.0 - number % 7)
    assert len(kept) == 4
    assert len(kept._ends) <= 2 * 4
