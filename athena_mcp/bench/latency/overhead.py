"""What the executor itself costs: the time of a call beyond that of its slowest layer."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

from athena_mcp.bench.latency.layers import PLAIN
from athena_mcp.bench.progress import Advance
from athena_mcp.bench.timing import Latency, elapsed_ms
from athena_mcp.model import Layer
from athena_mcp.recall.parallel_tier1 import ParallelTier1Executor
from athena_mcp.recall.query_method import Context


@dataclass(frozen=True, slots=True)
class Overhead:
    """Two readings of the same calls of five layers, side by side."""

    over_slowest: Latency
    """Less the time of the call's own slowest layer, by the executor's clock."""
    over_one_alone: Latency
    """Less the time of one such layer asked alone just before: what five cost more than one."""

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        return {"over_slowest": self.over_slowest.to_dict(), "over_one_alone": self.over_one_alone.to_dict()}


async def nothing(query: str, context: Context | None, k: int) -> list[int]:
    """A layer that does nothing."""
    return [k]


async def measure_overhead(executor: ParallelTier1Executor[Any], calls: int, advance: Advance) -> Overhead:
    """Call five layers `calls` times, each time after one alone."""
    names = [layer.value for layer in Layer]
    await executor.execute_tier_1_parallel(PLAIN.query, layers=names)
    slowest: list[float] = []
    alone: list[float] = []
    for _ in range(calls):
        one = await executor.execute_tier_1_parallel(PLAIN.query, layers=names[:1])
        alone_ms = one.outcomes[names[0]].elapsed_ms
        began = time.perf_counter()
        answer = await executor.execute_tier_1_parallel(PLAIN.query, layers=names)
        took_ms = elapsed_ms(began)
        slowest.append(took_ms - max(outcome.elapsed_ms for outcome in answer.outcomes.values()))
        alone.append(took_ms - alone_ms)
        advance(1)
    return Overhead(Latency.of(slowest), Latency.of(alone))
