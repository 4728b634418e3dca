"""Layers asked one after the other and side by side, by their number."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from athena_mcp.bench.progress import Advance
from athena_mcp.bench.timing import Latency, elapsed_ms, ratio
from athena_mcp.model import Layer
from athena_mcp.recall.parallel_tier1 import ParallelTier1Executor

LAYER_COUNTS = (1, 2, 3, 5)
"""Those of the specification's table."""
WARM_CALLS = 20
"""Calls before the counted ones: they open the pool's connections and have each layer's statements prepared on each."""


@dataclass(frozen=True, slots=True)
class Question:
    """What the layers are asked, as the executor takes it."""

    query: str
    context: Mapping[str, Any] | None
    k: int


@dataclass(frozen=True, slots=True)
class Speedup:
    """So many layers, asked both ways in turns."""

    layers: int
    sequential: Latency
    parallel: Latency

    @property
    def times(self) -> float | None:
        """How many times faster side by side is, by the medians."""
        return ratio(self.sequential.p50_ms, self.parallel.p50_ms)

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready; the times are medians."""
        sequential, parallel = self.sequential.to_dict(), self.parallel.to_dict()
        return {
            "layers": self.layers,
            "sequential_ms": sequential["p50_ms"],
            "parallel_ms": parallel["p50_ms"],
            "speedup": None if self.times is None else round(self.times, 3),
            "sequential": sequential,
            "parallel": parallel,
        }


async def measure_speedups(
    executor: ParallelTier1Executor[Any], questions: Sequence[Question], rounds: int, advance: Advance
) -> tuple[Speedup, ...]:
    """Ask every number of layers both ways `rounds` times.

    Each round takes the next of `questions`, begins with the next layer and with the other of the two ways, so that a
    slow moment of the machine, a cold cache or a heavy layer meets both alike.
    """
    names = [layer.value for layer in Layer]
    samples: dict[tuple[int, bool], list[float]] = {
        (count, parallel): [] for count in LAYER_COUNTS for parallel in (False, True)
    }
    for number in range(WARM_CALLS):
        question = questions[number % len(questions)]
        await executor.execute_tier_1_parallel(question.query, question.context, question.k, layers=names)
    for number in range(rounds):
        question = questions[number % len(questions)]
        at = number % len(names)
        turned = names[at:] + names[:at]
        ways = (False, True) if number % 2 else (True, False)
        for count in LAYER_COUNTS:
            for parallel in ways:
                began = time.perf_counter()
                await executor.execute_tier_1_parallel(
                    question.query, question.context, question.k, parallel, layers=turned[:count]
                )
                samples[count, parallel].append(elapsed_ms(began))
        advance(1)
    return tuple(
        Speedup(count, Latency.of(samples[count, False]), Latency.of(samples[count, True])) for count in LAYER_COUNTS
    )
