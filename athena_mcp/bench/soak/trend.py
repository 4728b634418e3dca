"""Whether a measure stays flat: a slope that single outliers do not bend, and what it may be."""

from __future__ import annotations

import itertools
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

SETTLING = 0.25
"""The share of the windows at the beginning that does not count: caches fill and pools open."""


@dataclass(frozen=True, slots=True)
class Trend:
    """One measure over the windows."""

    name: str
    unit: str
    """What `values` count; bytes are shown as MiB."""
    minutes: tuple[float, ...]
    values: tuple[float, ...]
    allowed: float
    """The growth over the counted windows up to which it is called flat."""
    limit: float | None = None
    """What it may never exceed."""

    @property
    def _counted(self) -> Sequence[tuple[float, float]]:
        start = int(len(self.values) * SETTLING)
        return list(zip(self.minutes, self.values, strict=True))[start:]

    @property
    def slope(self) -> float:
        """Growth a minute over the counted windows: the median of the slopes between any two (Theil and Sen)."""
        slopes = [
            (later - earlier) / (end - begin)
            for (begin, earlier), (end, later) in itertools.combinations(self._counted, 2)
            if end > begin
        ]
        return statistics.median(slopes) if slopes else 0.0

    @property
    def growth(self) -> float:
        """What the slope makes over the counted windows."""
        counted = self._counted
        return self.slope * (counted[-1][0] - counted[0][0]) if counted else 0.0

    @property
    def peak(self) -> float:
        """The highest value of all windows."""
        return max(self.values)

    @property
    def flat(self) -> bool:
        """Whether it neither grows more than is allowed nor exceeds its limit."""
        return self.growth <= self.allowed and (self.limit is None or self.peak <= self.limit)

    @property
    def verdict(self) -> str:
        """The same in words."""
        if self.limit is not None and self.peak > self.limit:
            return "above its limit"
        return "flat" if self.growth <= self.allowed else "grows"

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        return {
            "name": self.name,
            "unit": self.unit,
            "first": self.values[0],
            "last": self.values[-1],
            "peak": self.peak,
            "slope_per_hour": round(self.slope * 60, 3),
            "growth": round(self.growth, 3),
            "allowed_growth": round(self.allowed, 3),
            "limit": self.limit,
            "verdict": self.verdict,
        }
