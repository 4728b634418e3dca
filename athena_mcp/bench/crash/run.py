"""`athena-mcp bench crash`: every work, every victim, so many kills each."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

import anyio
import anyio.to_thread

from athena_mcp.bench.chart import Bars, Chart
from athena_mcp.bench.crash.commands import Job, command_through_kills
from athena_mcp.bench.crash.embeddings import MODEL, running_service
from athena_mcp.bench.crash.jobs import ImportJob, MigrationJob, ReembedJob
from athena_mcp.bench.crash.remembering import remember_through_kills
from athena_mcp.bench.crash.store import Account, prepared
from athena_mcp.bench.crash.victims import Victim
from athena_mcp.bench.machine import Machine
from athena_mcp.bench.progress import Progress
from athena_mcp.bench.report import Table, milliseconds
from athena_mcp.bench.store import PROJECT
from athena_mcp.bench.timing import percentile
from athena_mcp.server.stdio_client import StdioServer

STORE_KILLS = 10
"""Kills on one store while it remembers: then a new one is taken, since after each kill all of it is checked."""


class During(StrEnum):
    """What is going on when the kill comes."""

    REMEMBER = "remember"
    IMPORT = "import"
    MIGRATION = "migration"
    REEMBED = "reembed"


@dataclass(frozen=True, slots=True)
class CrashPlan:
    """So many kills of each victim during each work."""

    kills: int
    during: tuple[During, ...] = tuple(During)
    victims: tuple[Victim, ...] = tuple(Victim)
    memories: int = 1_000
    """In the file that is imported, and in the stores that are embedded anew and migrated."""
    seed: int = 1


@dataclass(slots=True)
class Row:
    """The kills during one work."""

    during: During
    account: Account = field(default_factory=Account)
    kills: dict[Victim, int] = field(default_factory=dict)
    recover_ms: dict[Victim, list[float]] = field(default_factory=dict)
    slowest_error_ms: float | None = None

    def take(self, account: Account, kills: dict[Victim, int], recover_ms: dict[Victim, list[float]]) -> None:
        """Add what a part of the kills did."""
        self.account = self.account.plus(account)
        for victim, count in kills.items():
            self.kills[victim] = self.kills.get(victim, 0) + count
        for victim, samples in recover_ms.items():
            self.recover_ms.setdefault(victim, []).extend(samples)

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        account = self.account
        return {
            "during": self.during.value,
            "kills": {victim.value: count for victim, count in self.kills.items()},
            "acknowledged": account.acknowledged,
            "lost": account.lost,
            "doubled": account.doubled,
            "violations": account.violations,
            "helpless": account.helpless,
            "recover_ms": {
                victim.value: {"p50": percentile(samples, 50), "max": max(samples)}
                for victim, samples in self.recover_ms.items()
            },
            "slowest_error_ms": self.slowest_error_ms,
            "examples": list(account.examples),
        }


@dataclass(frozen=True, slots=True)
class CrashReport:
    """The figures."""

    machine: Machine
    plan: CrashPlan
    rows: tuple[Row, ...]

    @property
    def holds(self) -> bool:
        """Whether nothing was lost, doubled or broken, and every start succeeded by itself."""
        return all(row.account.holds for row in self.rows)

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        return {
            "bench": "crash",
            "machine": self.machine.to_dict(),
            "seed": self.plan.seed,
            "rows": [row.to_dict() for row in self.rows],
            "holds": self.holds,
        }

    def tables(self) -> Sequence[Table]:
        """What was kept, and how long it took to answer again."""
        kept = tuple(
            (
                row.during.value,
                str(sum(row.kills.values())),
                f"{row.account.acknowledged:,}",
                str(row.account.lost),
                str(row.account.doubled),
                str(row.account.violations),
                str(row.account.helpless),
            )
            for row in self.rows
        )
        again = tuple(
            (
                row.during.value,
                victim.value,
                str(row.kills.get(victim, 0)),
                milliseconds(percentile(samples, 50)),
                milliseconds(max(samples)),
            )
            for row in self.rows
            for victim, samples in row.recover_ms.items()
        )
        headings = ("during", "kills", "acknowledged", "lost", "doubled", "disagreements", "starts that failed")
        return (
            Table("After every kill", headings, kept),
            Table("Until the next answer", ("during", "killed", "kills", "p50 ms", "max ms"), again),
        )

    def notes(self) -> Sequence[str]:
        """What a reader must know."""
        slowest = [row.slowest_error_ms for row in self.rows if row.slowest_error_ms is not None]
        return (
            "Acknowledged: receipts while it remembered; of the commands, the memories that must be there, after each.",
            "Until the next answer: of the same server, or of a new process, its own start included.",
            *(f"The slowest error that a caller got meanwhile took {value:,.0f} ms." for value in slowest),
            *(example for row in self.rows for example in row.account.examples),
        )

    def charts(self) -> Sequence[Chart]:
        """How long it took to answer again."""
        bars = {
            row.during.value: tuple(percentile(row.recover_ms.get(victim, ()), 50) for victim in Victim)
            for row in self.rows
        }
        return (Bars("Until the next answer, p50", "ms", tuple(victim.value for victim in Victim), bars),)


async def run_crashes(plan: CrashPlan, folder: Path, machine: Machine, progress: Progress) -> CrashReport:
    """Carry out the plan in `folder`, whose stores are removed by whoever made it."""
    rows = []
    # Victims take turns, so that no two stores in a row are treated alike.
    victims = [victim for _ in range(plan.kills) for victim in plan.victims]
    for during in plan.during:
        draw = random.Random(f"{plan.seed}:{during}")  # noqa: S311  moments, not secrets
        with progress(f"Killing during {during}", len(victims)) as advance:
            row = Row(during)
            if during is During.REMEMBER:
                for start in range(0, len(victims), STORE_KILLS):
                    store = await prepared(folder / f"remember {start}")
                    server = StdioServer(store.data_dir, folder / "server.log", PROJECT)
                    part = victims[start : start + STORE_KILLS]
                    done = await remember_through_kills(store, server, part, draw, advance)
                    await anyio.to_thread.run_sync(store.stopped)
                    row.take(done.account, done.kills, done.recover_ms)
                    row.slowest_error_ms = max(row.slowest_error_ms or 0.0, done.slowest_error_ms)
            else:
                with running_service() as url:
                    job = await _job(during, folder, plan.memories, url)
                    commanded = await command_through_kills(job, folder, victims, draw, advance)
                row.take(commanded.account, commanded.kills, commanded.recover_ms)
            rows.append(row)
    return CrashReport(machine, plan, tuple(rows))


async def _job(during: During, folder: Path, memories: int, service_url: str) -> Job:
    match during:
        case During.IMPORT:
            return await ImportJob.made(folder, memories)
        case During.REEMBED:
            return await ReembedJob.made(folder, memories, service_url, MODEL)
        case _:
            return await MigrationJob.made(folder, memories)
