"""Running agents: all servers are started, then the first one works, the first two, four and so on."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path

import anyio
import anyio.to_thread

from athena_mcp.bench.failure import BenchFailed
from athena_mcp.bench.load.agent import Agent, Done
from athena_mcp.bench.load.report import Step
from athena_mcp.bench.progress import Advance, Progress
from athena_mcp.bench.served.activity import Connections, count_connections
from athena_mcp.bench.served.wire import started
from athena_mcp.bench.store import open_database, server_in
from athena_mcp.bench.synthetic.grammar import Grammar
from athena_mcp.bench.timing import Latency, elapsed_ms
from athena_mcp.config import Settings
from athena_mcp.db.pool import Database

LOOK_S = 0.25
"""How often the connections are counted."""
_COUNT = "SELECT count(*) FROM athena.memories"


@dataclass(frozen=True, slots=True)
class LoadPlan:
    """What to run: agents at the most, seconds of each step, and memories that are there before."""

    agents: int
    seconds: float
    memories: int
    grammar: Grammar = field(default_factory=Grammar)

    def steps(self) -> tuple[int, ...]:
        """1, 2, 4 and so on agents, and all of them."""
        counts = []
        count = 1
        while count < self.agents:
            counts.append(count)
            count *= 2
        return (*counts, self.agents)


@dataclass(frozen=True, slots=True)
class Worked:
    """All steps, and whether what was acknowledged is there."""

    steps: tuple[Step, ...]
    acknowledged: int
    """Memories whose receipts said that they are stored."""
    found: int
    """Memories that the store holds more than before."""
    connection_limit: int


async def measure_load(folder: Path, settings: Settings, plan: LoadPlan, progress: Progress) -> Worked:
    """Measure on the store of `settings`, filled as the plan says."""
    async with open_database(settings, max_connections=1) as database:
        before = await _count(database)
        with ExitStack() as servers:
            agents = []
            with progress("Starting servers", plan.agents) as advance:
                for number in range(plan.agents):
                    server = replace(server_in(folder, settings), log=folder / f"server-{number}.log")
                    wire = servers.enter_context(started(server.launch(), server.log))
                    agent = Agent(number, wire, plan.grammar, plan.memories)
                    await anyio.to_thread.run_sync(agent.get_ready)
                    agents.append(agent)
                    advance(1)
            steps = []
            seen = Connections(0, 0)
            with progress("Working", len(plan.steps())) as advance:
                for count in plan.steps():
                    step, seen = await _work(database, agents[:count], plan.seconds, advance)
                    steps.append(step)
        found = await _count(database) - before
    return Worked(tuple(steps), sum(step.stored for step in steps), found, seen.limit)


async def _work(
    database: Database, agents: Sequence[Agent], seconds: float, advance: Advance
) -> tuple[Step, Connections]:
    done: list[Done] = []
    most = Connections(0, 0)
    over = anyio.Event()

    async def work(agent: Agent) -> None:
        # More threads than anyio lends by itself, if need be: each agent waits for its server in one.
        limiter = anyio.CapacityLimiter(1)
        done.append(await anyio.to_thread.run_sync(agent.work, seconds, limiter=limiter))

    async def look() -> None:
        nonlocal most
        while not over.is_set():
            async with database.session() as session:
                now = await count_connections(session)
            most = max(most, now, key=lambda seen: seen.used)
            with anyio.move_on_after(LOOK_S):
                await over.wait()

    began = time.perf_counter()
    async with anyio.create_task_group() as watching:
        watching.start_soon(look)
        async with anyio.create_task_group() as working:
            for agent in agents:
                working.start_soon(work, agent)
        took_s = elapsed_ms(began) / 1000
        over.set()
    advance(1)
    errors: Counter[str] = sum((each.errors for each in done), Counter())
    return (
        Step(
            agents=len(agents),
            seconds=took_s,
            recall=Latency.of([took for each in done for took in each.recall_ms]),
            remember=Latency.of([took for each in done for took in each.remember_ms]),
            stored=sum(each.stored for each in done),
            errors=errors,
            connections=most.used,
        ),
        most,
    )


async def _count(database: Database) -> int:
    async with database.session() as session:
        row = await session.fetch_one(_COUNT)
    if row is None:
        raise BenchFailed("The database does not tell how many memories there are.")
    return int(row[0])
