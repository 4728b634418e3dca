"""`athena-mcp bench agents`: so many agents at once, and what is there when the last has left."""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import anyio
import anyio.to_thread
import psutil

from athena_mcp.bench.agents.agent import SHARED, Agent, Seen
from athena_mcp.bench.chart import Bars, Chart
from athena_mcp.bench.crash.store import Account, CrashStore, disagreements, prepared
from athena_mcp.bench.machine import Machine
from athena_mcp.bench.progress import Progress
from athena_mcp.bench.report import Table
from athena_mcp.bench.store import PROJECT
from athena_mcp.db.embedded import find_strays, server_pid
from athena_mcp.db.embedded.watch import WATCH_INTERVAL_S
from athena_mcp.server.stdio_client import StdioServer

LOOK_S = 0.1
STOPS_WITHIN_S = WATCH_INTERVAL_S + 10.0
"""When the last one out was killed, the server notices at its next look."""
MAX_CONNECTIONS = 100
"""As the embedded server is set up."""


@dataclass(frozen=True, slots=True)
class AgentsPlan:
    """So many agents at once, each with so many servers one after the other."""

    agents: int = 8
    lives: int = 5
    calls: int = 30
    seed: int = 1


@dataclass(frozen=True, slots=True)
class AgentsReport:
    """What was found."""

    machine: Machine
    plan: AgentsPlan
    account: Account
    ended: dict[str, int]
    recalls: int
    missed: int
    refusals: tuple[str, ...]
    most_processes: int
    """PostgreSQL's processes at once, its own helpers included: there are fewer connections than that."""
    stopped_after_s: float | None
    """From when the last agent had left until PostgreSQL had ended; None when it had not."""
    strays: int
    elapsed_s: float

    @property
    def holds(self) -> bool:
        """Whether nothing is wrong."""
        return (
            self.account.holds
            and not (self.missed or self.refusals or self.strays)
            and self.stopped_after_s is not None
            and self.most_processes < MAX_CONNECTIONS
        )

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        account = self.account
        return {
            "bench": "agents",
            "machine": self.machine.to_dict(),
            "agents": self.plan.agents,
            "lives": self.plan.lives,
            "seed": self.plan.seed,
            "ended": self.ended,
            "acknowledged": account.acknowledged,
            "lost": account.lost,
            "doubled": account.doubled,
            "violations": account.violations,
            "recalls": self.recalls,
            "missed": self.missed,
            "refusals": list(self.refusals),
            "most_postgresql_processes": self.most_processes,
            "stopped_after_s": self.stopped_after_s,
            "strays": self.strays,
            "elapsed_s": round(self.elapsed_s, 1),
            "examples": list(account.examples),
            "holds": self.holds,
        }

    def tables(self) -> Sequence[Table]:
        """The account."""
        account = self.account
        stopped = "never" if self.stopped_after_s is None else f"{self.stopped_after_s:.1f} s"
        rows = (
            *((f"servers whose agent {end}", str(count), "") for end, count in sorted(self.ended.items())),
            ("receipts", f"{account.acknowledged:,}", ""),
            ("lost", str(account.lost), "0"),
            ("doubled", str(account.doubled), "0"),
            ("disagreements", str(account.violations), "0"),
            ("recalls of what was just stored", f"{self.recalls:,}", ""),
            ("of these without it", str(self.missed), "0"),
            ("calls refused", str(len(self.refusals)), "0"),
            ("PostgreSQL processes at most", str(self.most_processes), f"< {MAX_CONNECTIONS}"),
            ("PostgreSQL ended after the last one", stopped, f"≤ {STOPS_WITHIN_S:.0f} s"),
            ("processes left over", str(self.strays), "0"),
        )
        return (Table(f"{self.plan.agents} agents on one data folder", ("what", "count", "bar"), rows),)

    def notes(self) -> Sequence[str]:
        """How long it took, and what went wrong."""
        refused = [f"{count} times: {text}" for text, count in Counter(self.refusals).most_common(5)]
        return (f"Seed {self.plan.seed}, {self.elapsed_s:.1f} s.", *self.account.examples, *refused)

    def charts(self) -> Sequence[Chart]:
        """How the servers ended."""
        names = tuple(sorted(self.ended))
        return (Bars("Servers by their end", "servers", names, {"": tuple(float(self.ended[n]) for n in names)}),)


async def run_agents(plan: AgentsPlan, folder: Path, machine: Machine, progress: Progress) -> AgentsReport:
    """Let the agents live, and count when all have left."""
    store = await prepared(folder / "data")
    server = StdioServer(store.data_dir, folder / "server.log", PROJECT)
    seen = Seen()
    agents = [
        Agent(f"a{number}", server, seen, random.Random(f"{plan.seed}:{number}"))  # noqa: S311  moments, not secrets
        for number in range(plan.agents)
    ]
    began = time.monotonic()
    peak = _Peak(store.data_dir)
    with progress("Living", plan.agents) as advance:

        async def live(agent: Agent) -> None:
            await agent.live(plan.lives, plan.calls)
            advance(1)

        async with anyio.create_task_group() as watching:
            watching.start_soon(peak.watch)
            async with anyio.create_task_group() as tasks:
                for agent in agents:
                    tasks.start_soon(live, agent)
            watching.cancel_scope.cancel()
    stopped_after_s = await _stopped(store)
    strays = len(find_strays(store.data_dir))
    account = await _account(store, agents, seen)
    return AgentsReport(
        machine,
        plan,
        account,
        dict(seen.ended),
        seen.recalls,
        seen.missed,
        tuple(seen.refusals),
        peak.most,
        stopped_after_s,
        strays,
        time.monotonic() - began,
    )


async def _account(store: CrashStore, agents: Sequence[Agent], seen: Seen) -> Account:
    rows = await store.rows()
    account = disagreements(await store.violations())
    for agent in agents:
        account = account.plus(agent.ledger.compare(rows))
    for number in range(SHARED):
        text = f"All agents know that shared fact number {number} holds."
        found = {row.id for row in rows if row.content == text}
        told = seen.shared.get(number, set())
        if len(found) > 1 or len(told) > 1:
            account = account.plus(Account(doubled=1, examples=(f"shared fact {number}: {sorted(found | told)}",)))
        elif told - found:
            account = account.plus(Account(lost=1, examples=(f"shared fact {number} is not there",)))
    return account


async def _stopped(store: CrashStore) -> float | None:
    """How long the server goes on alone."""
    began = time.monotonic()
    with anyio.move_on_after(STOPS_WITHIN_S):
        # Looked for again and again, since it is another process that ends.
        while server_pid(store.data_dir) is not None:  # noqa: ASYNC110
            await anyio.sleep(LOOK_S)
        return time.monotonic() - began
    return None


class _Peak:
    """The most processes that PostgreSQL had at once."""

    def __init__(self, data_dir: Path) -> None:
        self.most = 0
        self._data_dir = data_dir

    async def watch(self) -> None:
        while True:
            self.most = max(self.most, await anyio.to_thread.run_sync(self._count))
            await anyio.sleep(LOOK_S)

    def _count(self) -> int:
        pid = server_pid(self._data_dir)
        try:
            return 0 if pid is None else len(psutil.Process(pid).children())
        except psutil.NoSuchProcess:
            return 0
