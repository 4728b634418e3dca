"""The outcome of `athena-mcp bench soak`."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from athena_mcp.bench.chart import Chart, Lines
from athena_mcp.bench.machine import Machine
from athena_mcp.bench.report import Table, mebibytes, milliseconds
from athena_mcp.bench.soak.run import Stretch
from athena_mcp.bench.soak.trend import SETTLING, Trend

SERVER_LIMIT_BYTES = 200_000_000
"""What a server with the default embedder may take, by the resident set, which counts shared pages whole."""
ALLOWED = 0.05
"""The growth that is called flat, as a share of the mean: what memory and rows vary by."""
ALLOWED_LATENCY = 0.25
"""The same of latencies, which others on the machine move."""
ALLOWED_COUNT = 1.0
"""The same of connections and files, which come one by one."""
DEAD_SHARE = 0.5
"""Dead rows may be this share of the live ones: autovacuum begins at a fifth and fifty, and looks once a minute."""
DEAD_ROWS = 5_000
"""Dead rows that may be at any rate: what a minute of this load leaves in tables of all sizes."""

SHORT_MINUTES = 5.0
"""Shorter, and the caches of PostgreSQL's processes still fill, and autovacuum has hardly come."""


@dataclass(frozen=True, slots=True)
class SoakReport:
    """Everything that was measured."""

    machine: Machine
    memories: int
    stretches: tuple[Stretch, ...]
    errors: Mapping[str, int]

    @property
    def recalls(self) -> int:
        """Recalls answered altogether."""
        return sum(stretch.recalls for stretch in self.stretches)

    @property
    def calls(self) -> int:
        """Calls answered altogether."""
        return sum(stretch.calls for stretch in self.stretches)

    def trends(self) -> Sequence[Trend]:
        """Every measure with its verdict."""
        last = self.stretches[-1].seen
        dead_limit = DEAD_ROWS + DEAD_SHARE * last.live_rows
        return (
            self._trend("server memory", "bytes", lambda row: row.seen.server_memory),
            self._trend("server resident set", "bytes", lambda row: row.seen.server_rss, limit=SERVER_LIMIT_BYTES),
            self._trend("server file descriptors", "", lambda row: row.seen.server_files, allowed=ALLOWED_COUNT),
            self._trend("server threads", "", lambda row: row.seen.server_threads, allowed=ALLOWED_COUNT),
            self._trend("PostgreSQL memory", "bytes", lambda row: row.seen.postgresql_memory),
            self._trend("connections", "", lambda row: row.seen.connections, allowed=ALLOWED_COUNT),
            self._trend("recall p50", "ms", lambda row: row.recall.p50_ms, share=ALLOWED_LATENCY),
            self._trend("write p50", "ms", lambda row: row.write.p50_ms, share=ALLOWED_LATENCY),
            self._trend("database size", "bytes", lambda row: row.seen.database_bytes),
            self._trend("dead rows", "", lambda row: row.seen.dead_rows, allowed=dead_limit, limit=dead_limit),
        )

    def _trend(
        self,
        name: str,
        unit: str,
        value: Callable[[Stretch], float | None],
        *,
        share: float = ALLOWED,
        allowed: float | None = None,
        limit: float | None = None,
    ) -> Trend:
        found = [(row.minutes, float(shown)) for row in self.stretches if (shown := value(row)) is not None]
        values = tuple(shown for _, shown in found)
        mean = sum(values) / len(values) if values else 0.0
        return Trend(
            name,
            unit,
            tuple(minutes for minutes, _ in found),
            values or (0.0,),
            share * mean if allowed is None else allowed,
            limit,
        )

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        trends = self.trends()
        return {
            "bench": "soak",
            "machine": self.machine.to_dict(),
            "memories": self.memories,
            "minutes": round(self.stretches[-1].minutes, 3),
            "calls": self.calls,
            "recalls": self.recalls,
            "errors": dict(self.errors),
            "flat": all(trend.flat for trend in trends),
            "measures": [trend.to_dict() for trend in trends],
            "windows": [
                {
                    "minutes": round(row.minutes, 3),
                    "calls": row.calls,
                    "recalls": row.recalls,
                    "recall": row.recall.to_dict(),
                    "write": row.write.to_dict(),
                    **asdict(row.seen),
                }
                for row in self.stretches
            ],
        }

    def tables(self) -> Sequence[Table]:
        """A row a measure."""
        return (
            Table(
                f"{self.recalls:,} recalls and {self.calls - self.recalls:,} other calls in "
                f"{self.stretches[-1].minutes:.1f} minutes, {self.memories:,} memories",
                ("measure", "first", "last", "peak", "an hour", "growth", "allowed", "verdict"),
                tuple(
                    (
                        trend.name,
                        *(
                            _shown(trend.unit, value)
                            for value in (
                                trend.values[0],
                                trend.values[-1],
                                trend.peak,
                                trend.slope * 60,
                                trend.growth,
                                trend.allowed,
                            )
                        ),
                        trend.verdict,
                    )
                    for trend in self.trends()
                ),
            ),
        )

    def notes(self) -> Sequence[str]:
        """How the verdicts come about, and what went wrong."""
        return tuple(self._notes())

    def _notes(self) -> Iterator[str]:
        last = self.stretches[-1].seen
        yield (
            f"Growth: the median slope between any two of {len(self.stretches)} windows, the first {SETTLING:.0%} left "
            f"out, over the rest of the run. Memory is {last.memory_kind}; the server's resident set may be "
            f"{SERVER_LIMIT_BYTES / 1e6:.0f} MB ({mebibytes(SERVER_LIMIT_BYTES)})."
        )
        yield (
            f"At the end: {last.memories:,} memories, {last.live_rows:,} live and {last.dead_rows:,} dead rows, "
            f"autovacuum ran {last.autovacuums:,} times, PostgreSQL in {last.postgresql_processes} processes."
        )
        if self.stretches[-1].minutes < SHORT_MINUTES:
            yield "So short a run mostly shows caches filling: what grows here may be flat over an hour."
        yield f"Refused calls: {sum(self.errors.values())}."
        for said, count in self.errors.items():
            yield f"{count} times: {said}"

    def charts(self) -> Sequence[Chart]:
        """Memory, latency and dead rows over time."""
        shown: Mapping[str, Trend] = {trend.name: trend for trend in self.trends()}

        def lines(*names: str, scale: float = 1.0) -> dict[str, tuple[tuple[float, float], ...]]:
            return {
                name: tuple(
                    (at, value / scale) for at, value in zip(shown[name].minutes, shown[name].values, strict=True)
                )
                for name in names
            }

        return (
            Lines("Memory", "minutes", "MiB", lines("server memory", "PostgreSQL memory", scale=2**20)),
            Lines("Latency", "minutes", "p50 ms", lines("recall p50", "write p50")),
            Lines("Connections and files", "minutes", "count", lines("connections", "server file descriptors")),
            Lines("Dead rows", "minutes", "rows", lines("dead rows")),
        )


def _shown(unit: str, value: float) -> str:
    if unit == "bytes":
        return mebibytes(round(value)) if abs(value) >= 10 * 2**20 else f"{value / 2**20:.1f} MiB"
    return f"{milliseconds(value)} ms" if unit == "ms" else f"{value:,.0f}"
