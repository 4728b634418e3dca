"""How long a host waits: for the answer to `initialize`, and for the first recall."""

from __future__ import annotations

import sys
import time
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from athena_mcp.bench.progress import Progress
from athena_mcp.bench.served.wire import started
from athena_mcp.bench.timing import Latency, elapsed_ms, ratio
from athena_mcp.server.stdio_client import Launch, StdioServer, host_environment

EMPTY_SERVER = "from mcp.server import MCPServer; MCPServer('empty').run()"
"""The least that serves MCP with this SDK; nobody who builds on it starts faster."""


@dataclass(frozen=True, slots=True)
class Startup:
    """Times from the start of the process."""

    initialize: Latency
    empty_initialize: Latency
    """The same of EMPTY_SERVER, in turns with ours."""
    first_recall_new: Latency
    """To the first answer of `recall`, on a data folder that was not there: PostgreSQL's `initdb` included."""
    first_recall_cold: Latency
    """On a store with memories whose PostgreSQL was stopped."""
    first_recall_warm: Latency
    """On the same store while another server keeps its PostgreSQL running."""
    degraded: int
    """Of all these first answers, those that came before the embedder was up and say so."""

    @property
    def ratio(self) -> float | None:
        """How many times as long as the empty server's our `initialize` takes, by the medians."""
        return ratio(self.initialize.p50_ms, self.empty_initialize.p50_ms)

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        return {
            "initialize": self.initialize.to_dict(),
            "initialize_empty_server": self.empty_initialize.to_dict(),
            "initialize_ratio": None if self.ratio is None else round(self.ratio, 3),
            "first_recall_new_store": self.first_recall_new.to_dict(),
            "first_recall_cold": self.first_recall_cold.to_dict(),
            "first_recall_warm": self.first_recall_warm.to_dict(),
            "first_recalls_degraded": self.degraded,
        }


def measure_startup(server: StdioServer, question: str, folder: Path, runs: int, progress: Progress) -> Startup:
    """Start servers `runs` times for each figure. `folder` is for data folders of servers that start with nothing."""
    ours, empty = server.launch(), _empty_launch(server)
    with progress("Starting servers", 5 * runs) as advance:
        initialize: list[float] = []
        empty_initialize: list[float] = []
        # Once each without counting: what is read from the disk for the first time is nobody's merit.
        _time_initialize(ours, server.log)
        _time_initialize(empty, server.log)
        for _ in range(runs):
            initialize.append(_time_initialize(ours, server.log))
            empty_initialize.append(_time_initialize(empty, server.log))
            advance(2)
        recalls = _Recalls(question)
        new: list[float] = []
        for number in range(runs):
            new.append(recalls.time_first(replace(server, data_dir=folder / f"new-{number}")))
            advance(1)
        cold: list[float] = []
        for _ in range(runs):
            cold.append(recalls.time_first(server))
            advance(1)
        warm: list[float] = []
        with ExitStack() as stack:
            other = stack.enter_context(started(ours, server.log))
            other.initialize()
            other.call("recall", {"query": question})
            for _ in range(runs):
                warm.append(recalls.time_first(server))
                advance(1)
    return Startup(
        initialize=Latency.of(initialize),
        empty_initialize=Latency.of(empty_initialize),
        first_recall_new=Latency.of(new),
        first_recall_cold=Latency.of(cold),
        first_recall_warm=Latency.of(warm),
        degraded=recalls.degraded,
    )


class _Recalls:
    """Times first recalls and counts the degraded ones."""

    def __init__(self, question: str) -> None:
        self._question = question
        self.degraded = 0

    def time_first(self, server: StdioServer) -> float:
        """The milliseconds from the start of a process to its first answer, which a host would ask for at once."""
        began = time.perf_counter()
        with started(server.launch(), server.log) as wire:
            wire.initialize()
            answer = wire.call("recall", {"query": self._question})
            took_ms = elapsed_ms(began)
        self.degraded += bool(answer["degraded"])
        return took_ms


def _time_initialize(launch: Launch, log: Path) -> float:
    began = time.perf_counter()
    with started(launch, log) as wire:
        wire.initialize()
        return elapsed_ms(began)


def _empty_launch(server: StdioServer) -> Launch:
    return Launch((sys.executable, "-c", EMPTY_SERVER), server.launch().cwd, host_environment({}))
