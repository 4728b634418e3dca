"""The outcome of `athena-mcp bench load`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from athena_mcp.bench.chart import Chart, Lines
from athena_mcp.bench.load.agent import WRITES
from athena_mcp.bench.machine import Machine
from athena_mcp.bench.report import Table, milliseconds
from athena_mcp.bench.timing import Latency


@dataclass(frozen=True, slots=True)
class Step:
    """So many agents at work."""

    agents: int
    seconds: float
    recall: Latency
    remember: Latency
    stored: int
    errors: Mapping[str, int]
    """Refused calls, by what was said."""
    connections: int
    """The most that PostgreSQL had at once, those of idle servers included."""

    @property
    def calls(self) -> int:
        """Calls that were answered."""
        return self.recall.n + self.remember.n

    @property
    def per_second(self) -> float:
        """Calls answered a second."""
        return self.calls / self.seconds if self.seconds else 0.0

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        return {
            "agents": self.agents,
            "seconds": round(self.seconds, 2),
            "calls": self.calls,
            "calls_per_second": round(self.per_second, 2),
            "recall": self.recall.to_dict(),
            "remember": self.remember.to_dict(),
            "stored": self.stored,
            "errors": sum(self.errors.values()),
            "connections": self.connections,
        }


@dataclass(frozen=True, slots=True)
class LoadReport:
    """Everything that was measured."""

    machine: Machine
    memories: int
    """In the store before."""
    steps: tuple[Step, ...]
    acknowledged: int
    found: int
    connection_limit: int

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        return {
            "bench": "load",
            "machine": self.machine.to_dict(),
            "memories": self.memories,
            "write_share": WRITES,
            "steps": [step.to_dict() for step in self.steps],
            "acknowledged": self.acknowledged,
            "in_store": self.found,
            "max_connections": self.connection_limit,
            "errors": {said: count for step in self.steps for said, count in step.errors.items()},
        }

    def tables(self) -> Sequence[Table]:
        """A row a step."""
        return (
            Table(
                f"Agents on one store of {self.memories:,} memories, {100 * WRITES:.0f} % of the calls remember",
                (
                    "agents",
                    "calls a second",
                    "recall p50 ms",
                    "p95 ms",
                    "remember p50 ms",
                    "p95 ms",
                    "errors",
                    "connections",
                ),
                tuple(
                    (
                        str(step.agents),
                        f"{step.per_second:,.1f}",
                        milliseconds(step.recall.p50_ms),
                        milliseconds(step.recall.p95_ms),
                        milliseconds(step.remember.p50_ms),
                        milliseconds(step.remember.p95_ms),
                        str(sum(step.errors.values())),
                        f"{step.connections} of {self.connection_limit}",
                    )
                    for step in self.steps
                ),
            ),
        )

    def notes(self) -> Sequence[str]:
        """What was written, and what went wrong."""
        return tuple(self._notes())

    def _notes(self) -> Iterator[str]:
        yield "Each agent is a server process of its own over stdio, asked one call after the other with the defaults."
        yield f"{self.acknowledged:,} memories acknowledged as stored, {self.found:,} more in the store than before."
        for step in self.steps:
            for said, count in step.errors.items():
                yield f"{count} times with {step.agents} agents: {said}"

    def charts(self) -> Sequence[Chart]:
        """Throughput and latency by the number of agents."""
        latencies = {
            f"{name} {of}": tuple(
                (float(step.agents), value)
                for step in self.steps
                if (value := getattr(getattr(step, name), f"{of}_ms")) is not None
            )
            for name in ("recall", "remember")
            for of in ("p50", "p95")
        }
        rates = tuple((float(step.agents), step.per_second) for step in self.steps)
        return (
            Lines("Throughput", "agents", "calls a second", {"answered": rates}),
            Lines("Latency", "agents", "ms", latencies),
        )
