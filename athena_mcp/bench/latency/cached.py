"""A kept answer beside a fresh one."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from athena_mcp.bench.failure import BenchFailed
from athena_mcp.bench.progress import Advance
from athena_mcp.bench.timing import Latency, elapsed_ms, ratio
from athena_mcp.manager import MemoryManager


@dataclass(frozen=True, slots=True)
class Cached:
    """In this process, without transport."""

    hit: Latency
    miss: Latency

    @property
    def times(self) -> float | None:
        """How many times faster a hit is, by the medians."""
        return ratio(self.miss.p50_ms, self.hit.p50_ms)

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        return {"hit": self.hit.to_dict(), "miss": self.miss.to_dict()}


async def measure_cache(manager: MemoryManager, questions: Sequence[str], advance: Advance) -> Cached:
    """Ask each question twice; the first answer must be fresh and the second one kept."""
    hits: list[float] = []
    misses: list[float] = []
    for question in questions:
        for samples, expected in ((misses, False), (hits, True)):
            began = time.perf_counter()
            result = await manager.recall(question)
            took_ms = elapsed_ms(began)
            if result.degraded:
                raise BenchFailed(f"A recall was degraded: {'; '.join(result.degraded)}.")
            # A question that was asked before is no miss; one whose task comes due is not kept.
            if result.cache_hit is expected:
                samples.append(took_ms)
        advance(1)
    return Cached(Latency.of(hits), Latency.of(misses))
