"""The outcome of `athena-mcp bench latency`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from athena_mcp.bench.chart import Bars, Chart
from athena_mcp.bench.latency.calls import AT_ONCE, Calls
from athena_mcp.bench.latency.hanging import DEADLINE_S
from athena_mcp.bench.latency.layers import COMPUTE_MS, WAIT_S
from athena_mcp.bench.latency.run import InProcess
from athena_mcp.bench.latency.speedup import Speedup
from athena_mcp.bench.machine import Machine
from athena_mcp.bench.report import Table, milliseconds, times
from athena_mcp.bench.served.startup import Startup
from athena_mcp.bench.synthetic.fill import Filled
from athena_mcp.bench.timing import Latency, ratio

_LATENCY = ("p50 ms", "p95 ms", "p99 ms")


@dataclass(frozen=True, slots=True)
class LatencyReport:
    """Everything that was measured."""

    machine: Machine
    filled: Filled
    in_process: InProcess
    startup: Startup
    calls: Calls

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        here, start, calls = self.in_process, self.startup.to_dict(), self.calls.to_dict()
        cache = here.cache.to_dict()
        return {
            "bench": "latency",
            "machine": self.machine.to_dict(),
            "memories": self.filled.stored,
            "waiting_50ms": [row.to_dict() for row in here.waiting],
            "computing": [row.to_dict() for row in here.computing],
            "store": [row.to_dict() for row in here.store],
            "overhead_ms_p50": here.overhead.over_slowest.to_dict()["p50_ms"],
            "overhead_select_1_ms_p50": here.overhead_one.over_slowest.to_dict()["p50_ms"],
            "overhead": {"nothing": here.overhead.to_dict(), "select_1": here.overhead_one.to_dict()},
            "cache": {
                "hit_ms_p50": cache["hit"]["p50_ms"],
                "miss_ms_p50": cache["miss"]["p50_ms"],
                "trivial_call_ms_p50": calls["trivial"]["p50_ms"],
                "stdio_hit_ms_p50": calls["hit"]["p50_ms"],
                "stdio_miss_ms_p50": calls["miss"]["p50_ms"],
                "in_process": cache,
                "stdio": {name: calls[name] for name in ("hit", "miss", "trivial")},
            },
            "hanging": [row.to_dict() for row in here.hanging],
            "together": calls["together"],
            "initialize_ms_p50": start["initialize"]["p50_ms"],
            "empty_server_initialize_ms_p50": start["initialize_empty_server"]["p50_ms"],
            "startup": start,
        }

    def tables(self) -> Sequence[Table]:
        """Speedups, overhead, cache, a hanging layer, recalls at once, and the start."""
        here = self.in_process
        return (
            _speedups(f"Layers that wait {WAIT_S * 1000:g} ms in the database", here.waiting),
            _speedups(f"Layers that compute for about {COMPUTE_MS:g} ms in the database", here.computing),
            _speedups(f"Layers of the store, {self.filled.stored:,} memories", here.store),
            Table(
                "What the executor adds, five layers side by side",
                ("layers that", "calls", "over the slowest, p50 ms", "p95 ms", "over one alone, p50 ms"),
                tuple(
                    (
                        name,
                        f"{row.over_slowest.n:,}",
                        milliseconds(row.over_slowest.p50_ms),
                        milliseconds(row.over_slowest.p95_ms),
                        milliseconds(row.over_one_alone.p50_ms),
                    )
                    for name, row in (("do nothing", here.overhead), ("SELECT 1", here.overhead_one))
                ),
            ),
            self._cache(),
            Table(
                f"One of five layers hangs, {DEADLINE_S * 1000:g} ms a layer",
                (
                    "where",
                    "recalls",
                    "late p50 ms",
                    "latest ms",
                    "all other hits",
                    "named",
                    "still running",
                    "idle of pool",
                    "lost",
                ),
                tuple(
                    (
                        row.where,
                        f"{row.late.n:,}",
                        milliseconds(row.late.p50_ms),
                        milliseconds(row.latest_ms),
                        f"{row.whole:,}",
                        f"{row.named:,}",
                        str(row.running),
                        f"{row.idle} of {row.connections}",
                        str(row.lost),
                    )
                    for row in here.hanging
                ),
            ),
            self._together(),
            self._startup(),
        )

    def _cache(self) -> Table:
        here, calls = self.in_process.cache, self.calls
        return Table(
            "Cache",
            ("what", "calls", *_LATENCY),
            (
                _row("hit, in process", here.hit),
                _row("miss, in process", here.miss),
                ("miss over hit", "", times(here.times), "", ""),
                _row("hit, over stdio", calls.hit),
                _row("miss, over stdio", calls.miss),
                _row("trivial call, over stdio", calls.trivial),
                ("hit over trivial call", "", times(ratio(calls.hit.p50_ms, calls.trivial.p50_ms)), "", ""),
            ),
        )

    def _together(self) -> Table:
        together = self.calls.together
        return Table(
            f"{AT_ONCE} recalls at once on one server, no cache",
            ("what", "recalls", *_LATENCY),
            (
                _row("one alone", together.alone),
                _row(f"one of {AT_ONCE} at once", together.at_once),
                ("recalls a second, at once over one by one", "", times(together.throughput), "", ""),
                ("p95 at once over p50 alone", "", times(together.worst), "", ""),
            ),
        )

    def _startup(self) -> Table:
        start = self.startup
        return Table(
            "From the start of the process",
            ("what", "starts", *_LATENCY),
            (
                _row("answer to initialize", start.initialize),
                _row("the same of an empty MCPServer", start.empty_initialize),
                ("ratio", "", times(start.ratio), "", ""),
                _row("first recall, new data folder", start.first_recall_new),
                _row("first recall, PostgreSQL stopped", start.first_recall_cold),
                _row("first recall, PostgreSQL running", start.first_recall_warm),
            ),
        )

    def notes(self) -> Sequence[str]:
        """What was measured how."""
        return tuple(self._notes())

    def _notes(self) -> Iterator[str]:
        yield "What is compared was measured in turns. Speedup: sequential p50 over parallel p50."
        yield (
            "Overhead: the time of a call less that of its slowest layer by the executor's clock, and less that of one "
            "such layer alone."
        )
        yield "A trivial call is `stats` of counters that the server has at hand."
        if self.startup.degraded:
            yield f"{self.startup.degraded} first recalls came before the embedder was up, and said so."

    def charts(self) -> Sequence[Chart]:
        """The three tables of layers."""
        here = self.in_process
        return tuple(
            Bars(
                title,
                "p50 ms",
                tuple(f"{row.layers} layers" if row.layers > 1 else "1 layer" for row in rows),
                {
                    "one after the other": tuple(row.sequential.p50_ms for row in rows),
                    "side by side": tuple(row.parallel.p50_ms for row in rows),
                },
            )
            for title, rows in (
                (f"Waiting {WAIT_S * 1000:g} ms", here.waiting),
                ("Computing", here.computing),
                (f"The store, {self.filled.stored:,} memories", here.store),
            )
        )


def _speedups(title: str, rows: Sequence[Speedup]) -> Table:
    return Table(
        title,
        ("layers", "rounds", "sequential p50 ms", "parallel p50 ms", "speedup"),
        tuple(
            (
                str(row.layers),
                f"{row.parallel.n:,}",
                milliseconds(row.sequential.p50_ms),
                milliseconds(row.parallel.p50_ms),
                times(row.times),
            )
            for row in rows
        ),
    )


def _row(name: str, row: Latency) -> tuple[str, ...]:
    return (name, f"{row.n:,}", milliseconds(row.p50_ms), milliseconds(row.p95_ms), milliseconds(row.p99_ms))
