"""`athena-mcp bench stdio`: fills a store, then measures the real server on it. Two parts, for two event loops."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from athena_mcp.app import open_app
from athena_mcp.bench.chart import Bars, Chart
from athena_mcp.bench.machine import Machine
from athena_mcp.bench.progress import Progress
from athena_mcp.bench.report import Table, mebibytes, milliseconds, times
from athena_mcp.bench.stdio.conversation import Conversation, hold_conversation
from athena_mcp.bench.stdio.grammar import SESSION_MEMORIES, Grammar
from athena_mcp.bench.stdio.startup import Startup
from athena_mcp.bench.timing import Latency, elapsed_ms
from athena_mcp.config import Settings
from athena_mcp.server.stdio_client import StdioServer

BATCH = 500


@dataclass(frozen=True, slots=True)
class StdioPlan:
    """What to run: so many memories, starts a figure, questions and new memories."""

    memories: int
    runs: int
    questions: int
    writes: int
    grammar: Grammar = field(default_factory=Grammar)


@dataclass(frozen=True, slots=True)
class Filled:
    """What was loaded, and how fast."""

    stored: int
    load_s: float


@dataclass(frozen=True, slots=True)
class StdioReport:
    """Everything that was measured."""

    machine: Machine
    plan: StdioPlan
    filled: Filled
    startup: Startup
    conversation: Conversation

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        return {
            "bench": "stdio",
            "machine": self.machine.to_dict(),
            "memories": self.filled.stored,
            "load_s": round(self.filled.load_s, 2),
            "startup": self.startup.to_dict(),
            "calls": self.conversation.to_dict(),
        }

    def tables(self) -> Sequence[Table]:
        """Start, calls, layers and memory."""
        start, calls = self.startup, self.conversation
        slowest, alone = calls.slowest_layer
        return (
            Table(
                "From the start of the process",
                ("what", "runs", "p50 ms", "p95 ms"),
                (
                    _latency("answer to initialize", start.initialize),
                    _latency("the same of an empty MCPServer", start.empty_initialize),
                    ("ratio", "", times(start.ratio), ""),
                    _latency("first recall, new data folder", start.first_recall_new),
                    _latency("first recall, PostgreSQL stopped", start.first_recall_cold),
                    _latency("first recall, PostgreSQL running", start.first_recall_warm),
                ),
            ),
            Table(
                f"Calls over stdio, {self.filled.stored:,} memories in five layers",
                ("what", "calls", "p50 ms", "p95 ms", "p99 ms"),
                (
                    _calls("floor: stats of one section", calls.floor),
                    _calls("recall, defaults, no cache", calls.recall),
                    _calls("recall, depth 1", calls.recall_depth_1),
                    _calls("recall, depth 1, all five layers", calls.recall_all_layers),
                    *(_calls(f"{layer.value} alone, its bare query", row) for layer, row in calls.layers_alone.items()),
                    _calls("remember", calls.remember),
                ),
            ),
            Table(
                "In proportion",
                ("what", "p50 ms"),
                (
                    ("recall at depth 1, over the slowest layer's bare query", _over(calls.recall_depth_1, alone)),
                    ("recall at depth 1, over the floor", _over(calls.recall_depth_1, calls.floor)),
                    (f"slowest layer: {slowest.value}", milliseconds(alone.p50_ms)),
                ),
            ),
            Table(
                "Resident memory",
                ("what", "size", "as", "processes"),
                tuple(
                    (name, mebibytes(use.bytes), use.kind, str(use.processes))
                    for name, use in (("server", calls.server_memory), ("PostgreSQL", calls.postgresql_memory))
                ),
            ),
        )

    def notes(self) -> Sequence[str]:
        """What was loaded, and what was missing."""
        return tuple(self._notes())

    def charts(self) -> Sequence[Chart]:
        """The calls."""
        calls = self.conversation
        shown = {
            "stats": calls.floor,
            "recall": calls.recall,
            "depth 1": calls.recall_depth_1,
            "all layers": calls.recall_all_layers,
            "remember": calls.remember,
        }
        return (
            Bars(
                f"Calls over stdio, {self.filled.stored:,} memories",
                "ms",
                tuple(shown),
                {
                    "p50": tuple(row.p50_ms for row in shown.values()),
                    "p95": tuple(row.p95_ms for row in shown.values()),
                },
            ),
        )

    def _notes(self) -> Iterator[str]:
        rate = self.filled.stored / self.filled.load_s if self.filled.load_s else 0.0
        yield (
            f"{self.filled.stored:,} synthetic memories in sessions of {SESSION_MEMORIES}, loaded in "
            f"{self.filled.load_s:.1f} s ({rate:,.0f} a second)."
        )
        if self.startup.degraded:
            yield f"{self.startup.degraded} first recalls came before the embedder was up, and said so."
        if self.conversation.degraded:
            yield f"{self.conversation.degraded} later recalls were degraded."


async def fill(settings: Settings, plan: StdioPlan, progress: Progress) -> Filled:
    """Load the synthetic memories in this process, and let go of the store."""
    stored = 0
    async with open_app(settings) as app:
        manager = await app.manager()
        await app.warmed()
        began = time.perf_counter()
        with progress("Loading", plan.memories) as advance:
            for start in range(0, plan.memories, BATCH):
                numbers = range(start, min(start + BATCH, plan.memories))
                report = await manager.load(
                    [plan.grammar.memory(number).to_record(settings.project) for number in numbers]
                )
                stored += report.stored
                advance(len(numbers))
        return Filled(stored, elapsed_ms(began) / 1000)


async def converse(server: StdioServer, plan: StdioPlan, progress: Progress) -> Conversation:
    """The calls of the plan, on one server."""
    return await hold_conversation(
        server, plan.grammar, plan.memories, questions=plan.questions, writes=plan.writes, progress=progress
    )


def first_question(plan: StdioPlan) -> str:
    """What the servers that are started for it are asked."""
    return plan.grammar.memory(0).question


def server_in(folder: Path, settings: Settings) -> StdioServer:
    """The server of a benchmark's folder."""
    return StdioServer(settings.data_dir, folder / "server.log", settings.project)


def _latency(name: str, row: Latency) -> tuple[str, ...]:
    return (name, str(row.n), milliseconds(row.p50_ms), milliseconds(row.p95_ms))


def _calls(name: str, row: Latency) -> tuple[str, ...]:
    return (name, f"{row.n:,}", milliseconds(row.p50_ms), milliseconds(row.p95_ms), milliseconds(row.p99_ms))


def _over(whole: Latency, part: Latency) -> str:
    if whole.p50_ms is None or part.p50_ms is None:
        return milliseconds(None)
    return f"{whole.p50_ms - part.p50_ms:+.2f}"
