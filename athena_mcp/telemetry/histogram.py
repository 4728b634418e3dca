"""Latency percentiles in constant memory.

Buckets grow geometrically, so that the error is relative. With the error e, the growth is g = (1 + e) / (1 - e); bucket
i holds the values in (FLOOR_MS * g**(i - 1), FLOOR_MS * g**i] and stands for FLOOR_MS * 2 * g**i / (g + 1), which is at
most e away from every value in it (Masson, Rim, Lee: DDSketch, VLDB 2019, section 2.1).
"""

from __future__ import annotations

import math

RELATIVE_ERROR = 0.01
FLOOR_MS = 0.001
"""Below this all values share bucket 0: a microsecond is the grain of the clock."""
CEILING_MS = 3_600_000.0
"""From here on (an hour) all values share the last bucket."""

_GROWTH = (1 + RELATIVE_ERROR) / (1 - RELATIVE_ERROR)
_LOG_GROWTH = math.log(_GROWTH)
_LAST = math.ceil(math.log(CEILING_MS / FLOOR_MS) / _LOG_GROWTH)
MAX_BUCKETS = _LAST + 1
"""The most memory one histogram takes: this many counters (about 1,100)."""


class LatencyHistogram:
    """How often which latency was seen; percentiles to within 1 %, the greatest value and the sum exactly.

    Not locked: its owner sees to it that a reader in another thread meets no writer.
    """

    __slots__ = ("_buckets", "_least_ms", "count", "max_ms", "total_ms")

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Forget everything."""
        self._buckets: dict[int, int] = {}
        self._least_ms = math.inf
        self.count = 0
        self.total_ms = 0.0
        self.max_ms = 0.0

    def record(self, elapsed_ms: float) -> None:
        """Count one latency; less than nothing counts as nothing."""
        if elapsed_ms < 0.0:
            elapsed_ms = 0.0
        bucket = 0 if elapsed_ms <= FLOOR_MS else min(_LAST, math.ceil(math.log(elapsed_ms / FLOOR_MS) / _LOG_GROWTH))
        self._buckets[bucket] = self._buckets.get(bucket, 0) + 1
        self.count += 1
        self.total_ms += elapsed_ms
        if elapsed_ms > self.max_ms:
            self.max_ms = elapsed_ms
        if elapsed_ms < self._least_ms:
            self._least_ms = elapsed_ms

    def merge(self, other: LatencyHistogram) -> None:
        """Add what `other` has seen; the result is that of one histogram that had seen both."""
        for bucket, count in other._buckets.items():
            self._buckets[bucket] = self._buckets.get(bucket, 0) + count
        self.count += other.count
        self.total_ms += other.total_ms
        self.max_ms = max(self.max_ms, other.max_ms)
        self._least_ms = min(self._least_ms, other._least_ms)

    def percentile(self, percent: float) -> float | None:
        """The value in milliseconds that `percent` of 100 values do not exceed (nearest rank); None when empty.

        Within `RELATIVE_ERROR` for values between `FLOOR_MS` and `CEILING_MS`.
        """
        if not self.count:
            return None
        rank = max(1, math.ceil(self.count * percent / 100))
        seen = 0
        for bucket in sorted(self._buckets):
            seen += self._buckets[bucket]
            if seen >= rank:
                break
        middle_ms = FLOOR_MS * 2 * _GROWTH**bucket / (_GROWTH + 1)
        return min(max(middle_ms, self._least_ms), self.max_ms)

    def summary(self) -> dict[str, float | None]:
        """`p50`, `p95`, `p99` and `max` in milliseconds to two digits; all None when empty."""
        row = {f"p{percent}": self.percentile(percent) for percent in (50, 95, 99)}
        row["max"] = self.max_ms if self.count else None
        return {name: None if value is None else round(value, 2) for name, value in row.items()}
