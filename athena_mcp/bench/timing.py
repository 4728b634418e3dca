"""Times in milliseconds, and what is said about many of them."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass


def elapsed_ms(started: float) -> float:
    """The milliseconds since `started`, a value of `time.perf_counter`."""
    return (time.perf_counter() - started) * 1000


def percentile(samples: Sequence[float], percent: float) -> float | None:
    """The smallest sample that `percent` of all do not exceed (nearest rank); None of no samples."""
    if not samples:
        return None
    rank = math.ceil(len(samples) * percent / 100)
    return sorted(samples)[max(rank, 1) - 1]


@dataclass(frozen=True, slots=True)
class Latency:
    """Percentiles of `n` times, in milliseconds."""

    n: int
    p50_ms: float | None
    p95_ms: float | None
    p99_ms: float | None

    @classmethod
    def of(cls, samples_ms: Sequence[float]) -> Latency:
        """The percentiles of `samples_ms`."""
        return cls(len(samples_ms), *(percentile(samples_ms, percent) for percent in (50, 95, 99)))

    def to_dict(self) -> dict[str, float | None]:
        """JSON-ready, rounded to microseconds."""
        values = {"p50_ms": self.p50_ms, "p95_ms": self.p95_ms, "p99_ms": self.p99_ms}
        return {"n": self.n, **{name: None if value is None else round(value, 3) for name, value in values.items()}}


def ratio(part: float | None, whole: float | None) -> float | None:
    """`part` divided by `whole`, where that has a value."""
    return part / whole if part is not None and whole else None
