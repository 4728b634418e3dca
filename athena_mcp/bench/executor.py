"""What asking layers side by side gains, and what the executor itself costs."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import anyio
import anyio.abc

from athena_mcp.bench.chart import Bars, Chart
from athena_mcp.bench.machine import Machine
from athena_mcp.bench.progress import Progress, no_progress
from athena_mcp.bench.report import Table, milliseconds, times
from athena_mcp.bench.timing import Latency, elapsed_ms, ratio
from athena_mcp.db.pool import Database
from athena_mcp.model import Layer
from athena_mcp.recall.parallel_tier1 import ParallelTier1Executor
from athena_mcp.recall.query_method import Context

LAYER_COUNTS = (1, 2, 3, 5)
WAIT_S = 0.05
"""How long a layer waits in the database: the specification's example."""
QUERY = "which port does staging use?"


@dataclass(frozen=True, slots=True)
class Speedup:
    """So many waiting layers, asked one after the other and side by side in turns."""

    layers: int
    sequential: Latency
    parallel: Latency

    @property
    def times(self) -> float | None:
        """How many times faster side by side is, by the medians."""
        return ratio(self.sequential.p50_ms, self.parallel.p50_ms)


@dataclass(frozen=True, slots=True)
class ExecutorReport:
    """The speedups, and the executor's own time beyond that of five layers that do nothing."""

    machine: Machine
    speedups: tuple[Speedup, ...]
    overhead: Latency
    wait_s: float = WAIT_S

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        return {
            "bench": "executor",
            "machine": self.machine.to_dict(),
            "wait_ms": self.wait_s * 1000,
            "speedups": [
                {
                    "layers": row.layers,
                    "sequential": row.sequential.to_dict(),
                    "parallel": row.parallel.to_dict(),
                    "speedup": None if row.times is None else round(row.times, 3),
                }
                for row in self.speedups
            ],
            "overhead": self.overhead.to_dict(),
        }

    def tables(self) -> Sequence[Table]:
        """The speedups, then the overhead."""
        return (
            Table(
                f"Layers that wait {self.wait_s * 1000:g} ms in the database",
                ("layers", "sequential p50 ms", "parallel p50 ms", "speedup"),
                tuple(
                    (
                        str(row.layers),
                        milliseconds(row.sequential.p50_ms),
                        milliseconds(row.parallel.p50_ms),
                        times(row.times),
                    )
                    for row in self.speedups
                ),
            ),
            Table(
                "The executor's own time, five layers that do nothing",
                ("calls", "p50 ms", "p95 ms"),
                (
                    (
                        f"{self.overhead.n:,}",
                        milliseconds(self.overhead.p50_ms),
                        milliseconds(self.overhead.p95_ms),
                    ),
                ),
            ),
        )

    def notes(self) -> Sequence[str]:
        """Nothing to add."""
        return ()

    def charts(self) -> Sequence[Chart]:
        """Both ways beside each other."""
        return (
            Bars(
                f"Layers that wait {self.wait_s * 1000:g} ms in the database",
                "p50 ms",
                tuple(str(row.layers) for row in self.speedups),
                {
                    "one after the other": tuple(row.sequential.p50_ms for row in self.speedups),
                    "side by side": tuple(row.parallel.p50_ms for row in self.speedups),
                },
            ),
        )


async def measure_executor(
    database: Database,
    machine: Machine,
    *,
    rounds: int,
    calls: int,
    wait_s: float = WAIT_S,
    progress: Progress = no_progress,
) -> ExecutorReport:
    """Measure on `database`, whose pool must give a connection a layer.

    Each of `rounds` asks every number of layers both ways, so that a slow moment of the machine slows both.
    """

    async def wait(query: str, context: Context | None, k: int) -> list[int]:
        async with database.session() as session:
            await session.fetch("SELECT pg_sleep(%(wait_s)s)", {"wait_s": wait_s})
        return [k]

    names = [layer.value for layer in Layer]
    sequential_ms: dict[int, list[float]] = {count: [] for count in LAYER_COUNTS}
    parallel_ms: dict[int, list[float]] = {count: [] for count in LAYER_COUNTS}
    async with anyio.create_task_group() as tasks:
        executor = ParallelTier1Executor(dict.fromkeys(names, wait), task_group=tasks)
        with progress("Waiting layers", rounds) as advance:
            # The pool opens its connections on the first call, which is not counted.
            await executor.execute_tier_1_parallel(QUERY, layers=names)
            for _ in range(rounds):
                for count in LAYER_COUNTS:
                    for samples, side_by_side in ((sequential_ms, False), (parallel_ms, True)):
                        started = time.perf_counter()
                        await executor.execute_tier_1_parallel(QUERY, None, 5, side_by_side, layers=names[:count])
                        samples[count].append(elapsed_ms(started))
                advance(1)
        overhead_ms = await _overhead(tasks, calls)
    return ExecutorReport(
        machine=machine,
        speedups=tuple(
            Speedup(count, Latency.of(sequential_ms[count]), Latency.of(parallel_ms[count])) for count in LAYER_COUNTS
        ),
        overhead=Latency.of(overhead_ms),
        wait_s=wait_s,
    )


async def _overhead(tasks: anyio.abc.TaskGroup, calls: int) -> list[float]:
    """The time of each call, less that of awaiting the same five layers just before."""

    async def nothing(query: str, context: Context | None, k: int) -> list[int]:
        return [k]

    names = [layer.value for layer in Layer]
    executor = ParallelTier1Executor(dict.fromkeys(names, nothing), task_group=tasks)
    samples: list[float] = []
    for _ in range(calls):
        started = time.perf_counter()
        for _ in names:
            await nothing(QUERY, None, 5)
        bare_ms = elapsed_ms(started)
        started = time.perf_counter()
        await executor.execute_tier_1_parallel(QUERY, layers=names)
        samples.append(max(0.0, elapsed_ms(started) - bare_ms))
    return samples
