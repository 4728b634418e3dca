"""`athena-mcp bench fuzz`: connection after connection of abuse, on the real server and one store."""

from __future__ import annotations

import itertools
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from athena_mcp.bench.chart import Bars, Chart
from athena_mcp.bench.fuzz.account import Balance
from athena_mcp.bench.fuzz.connection import ENDS, Outcome, converse
from athena_mcp.bench.fuzz.lines import LineMaker
from athena_mcp.bench.fuzz.values import CANARY
from athena_mcp.bench.machine import Machine
from athena_mcp.bench.progress import Progress
from athena_mcp.bench.report import Table, mebibytes
from athena_mcp.server.lines import MAX_LINE_BYTES
from athena_mcp.server.stdio_client import StdioServer

MEMORY_BOUND_BYTES = 512 * 2**20
"""What a server may take at most: about 200 MiB that it has in use when it works, the requests it has taken on (64 MiB
of lines, which take a few times that while they are read), and a line on its way."""


@dataclass(frozen=True, slots=True)
class FuzzPlan:
    """So many lines, over so many connections, from one seed."""

    messages: int
    connections: int
    seed: int = 1


@dataclass(frozen=True, slots=True)
class FuzzReport:
    """What the server made of it."""

    machine: Machine
    plan: FuzzPlan
    outcomes: tuple[Outcome, ...]
    elapsed_s: float
    log_leaks: int
    """How often the log repeats what only messages held."""

    @property
    def balance(self) -> Balance:
        """All connections together."""
        total = Balance()
        for outcome in self.outcomes:
            total = total.plus(outcome.balance)
        return total

    @property
    def crashes(self) -> int:
        """Servers that ended otherwise than they were asked to."""
        return sum(outcome.crashed for outcome in self.outcomes)

    @property
    def peak_bytes(self) -> int:
        """The most resident memory of any server."""
        return max((outcome.peak_bytes for outcome in self.outcomes), default=0)

    @property
    def holds(self) -> bool:
        """Whether nothing happened that should not."""
        balance = self.balance
        wrong = balance.unanswered + balance.surplus + balance.stray_bytes + self.crashes + self.log_leaks
        return not wrong and self.peak_bytes <= MEMORY_BOUND_BYTES

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        balance = self.balance
        return {
            "bench": "fuzz",
            "machine": self.machine.to_dict(),
            "seed": self.plan.seed,
            "connections": len(self.outcomes),
            "messages": balance.lines,
            "requests": balance.requests,
            "answered": balance.answered,
            "unanswered": balance.unanswered,
            "surplus": balance.surplus,
            "stray_bytes": balance.stray_bytes,
            "crashes": self.crashes,
            "log_leaks": self.log_leaks,
            "peak_bytes": self.peak_bytes,
            "elapsed_s": round(self.elapsed_s, 1),
            "examples": list(balance.examples),
            "holds": self.holds,
        }

    def tables(self) -> Sequence[Table]:
        """The account."""
        balance = self.balance
        rows = (
            ("messages sent", f"{balance.lines:,}", ""),
            ("answers due", f"{balance.requests:,}", ""),
            ("answers", f"{balance.answered:,}", "the rest was cancelled, or subscriptions"),
            ("unanswered", f"{balance.unanswered:,}", "0"),
            ("answers to nobody", f"{balance.surplus:,}", "0"),
            ("stray bytes on standard output", f"{balance.stray_bytes:,}", "0"),
            ("crashes", f"{self.crashes:,}", "0"),
            ("texts of messages in the log", f"{self.log_leaks:,}", "0"),
            ("peak resident memory of a server", mebibytes(self.peak_bytes), f"≤ {mebibytes(MEMORY_BOUND_BYTES)}"),
        )
        return (Table(f"{len(self.outcomes)} connections", ("what", "count", "bar"), rows),)

    def notes(self) -> Sequence[str]:
        """How long it took, and what went wrong."""
        ended = [f"{row.ended_by}: exit code {row.exit_code}" for row in self.outcomes if row.crashed]
        return (f"Seed {self.plan.seed}, {self.elapsed_s:.1f} s.", *ended, *self.balance.examples)

    def charts(self) -> Sequence[Chart]:
        """The memory of each server."""
        names = tuple(str(number) for number, _ in enumerate(self.outcomes, 1))
        peaks = tuple(row.peak_bytes / 2**20 for row in self.outcomes)
        return (Bars("Peak resident memory of each server", "MiB", names, {"peak": peaks}),)


def run_fuzz(server: StdioServer, plan: FuzzPlan, machine: Machine, progress: Progress) -> FuzzReport:
    """Send the lines of the plan to one server after the other, in both eras, and end each in another way."""
    began = time.monotonic()
    outcomes = []
    with progress("Sending", plan.messages) as advance:
        for number in range(plan.connections):
            share = _share(plan.messages, plan.connections, number)
            seed = plan.seed * 1_000 + number
            outcomes.append(_connection(server, seed, number, share))
            advance(share)
    return FuzzReport(machine, plan, tuple(outcomes), time.monotonic() - began, count_leaks(server.log))


def count_leaks(log: Path) -> int:
    """How often a log repeats the word that only messages hold."""
    return log.read_text(encoding="utf-8", errors="replace").count(CANARY) if log.exists() else 0


def _connection(server: StdioServer, seed: int, number: int, messages: int) -> Outcome:
    newer_era = number % 2 == 1
    maker = LineMaker(seed, newer_era=newer_era, huge_bytes=MAX_LINE_BYTES)
    # The older era's first connection begins as it should; its third skips the handshake, as broken clients do.
    opening = [maker.handshake()] if number % 4 == 0 else []
    lines = itertools.chain.from_iterable((opening, itertools.islice(maker, messages - len(opening))))
    end = ENDS[number % len(ENDS)]
    return converse(server.launch(), server.log, lines, end=end, seed=seed, max_line_bytes=MAX_LINE_BYTES)


def _share(messages: int, connections: int, number: int) -> int:
    return messages // connections + (number < messages % connections)
