"""`athena-mcp bench latency`: what is measured in this process, on a store that is filled already."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import anyio

from athena_mcp.app import open_app
from athena_mcp.bench.latency.cached import Cached, measure_cache
from athena_mcp.bench.latency.hanging import (
    CONNECTIONS,
    Hanging,
    hangs_elsewhere,
    hangs_in_statement,
    measure_hanging,
)
from athena_mcp.bench.latency.layers import (
    PLAIN,
    WAIT_S,
    asking_for_one,
    computing,
    same_in_all_layers,
    store_layers,
    waiting,
)
from athena_mcp.bench.latency.overhead import Overhead, measure_overhead, nothing
from athena_mcp.bench.latency.speedup import Speedup, measure_speedups
from athena_mcp.bench.progress import Progress
from athena_mcp.bench.store import open_database
from athena_mcp.bench.synthetic.fill import questions
from athena_mcp.bench.synthetic.grammar import Grammar
from athena_mcp.config import Settings
from athena_mcp.recall.parallel_tier1 import ParallelTier1Executor

K = 5
"""The default of `recall`."""
COMPUTING_ROUNDS = 5
STORE_ROUNDS = 10
"""Rounds for each of those of waiting layers, which take so much longer."""


@dataclass(frozen=True, slots=True)
class LatencyPlan:
    """What to run: memories in the store, rounds of waiting layers, overhead calls, questions, hanging recalls of each
    kind and starts of a server for each figure.
    """

    memories: int
    rounds: int
    calls: int
    questions: int
    hangs: int
    starts: int
    grammar: Grammar = field(default_factory=Grammar)

    def asked(self) -> list[str]:
        """The questions, about memories all over the store."""
        return list(questions(self.grammar, self.memories, self.questions))


@dataclass(frozen=True, slots=True)
class InProcess:
    """What is measured without a server between."""

    waiting: tuple[Speedup, ...]
    computing: tuple[Speedup, ...]
    store: tuple[Speedup, ...]
    overhead: Overhead
    """Of layers that do nothing."""
    overhead_one: Overhead
    """Of layers that ask the database for the number one."""
    cache: Cached
    hanging: tuple[Hanging, ...]


async def measure_in_process(settings: Settings, plan: LatencyPlan, progress: Progress) -> InProcess:
    """Measure on the store of `settings`, filled as the plan says."""
    asked = plan.asked()
    async with open_database(settings) as database, anyio.create_task_group() as tasks:
        waits = ParallelTier1Executor(same_in_all_layers(waiting(database)), task_group=tasks)
        with progress(f"Layers that wait {WAIT_S * 1000:g} ms", plan.rounds) as advance:
            waited = await measure_speedups(waits, [PLAIN], plan.rounds, advance)
        computes = ParallelTier1Executor(same_in_all_layers(await computing(database)), task_group=tasks)
        rounds = plan.rounds * COMPUTING_ROUNDS
        with progress("Layers that compute", rounds) as advance:
            computed = await measure_speedups(computes, [PLAIN], rounds, advance)
        rounds = plan.rounds * STORE_ROUNDS
        async with store_layers(settings, database, tasks) as store:
            with progress("Layers of the store", rounds) as advance:
                executor = ParallelTier1Executor(store.methods, task_group=tasks)
                stored = await measure_speedups(executor, await store.questions(asked, K), rounds, advance)
        with progress("Overhead", 2 * plan.calls) as advance:
            idle = ParallelTier1Executor(same_in_all_layers(nothing), task_group=tasks)
            overhead = await measure_overhead(idle, plan.calls, advance)
            ones = ParallelTier1Executor(same_in_all_layers(asking_for_one(database)), task_group=tasks)
            overhead_one = await measure_overhead(ones, plan.calls, advance)
    async with open_app(settings) as app:
        manager = await app.manager()
        await app.warmed()
        with progress("Cache", len(asked)) as advance:
            cache = await measure_cache(manager, asked, advance)
    return InProcess(
        waited, computed, stored, overhead, overhead_one, cache, await _hanging(settings, plan, asked, progress)
    )


async def _hanging(
    settings: Settings, plan: LatencyPlan, asked: Sequence[str], progress: Progress
) -> tuple[Hanging, ...]:
    measured = []
    async with (
        open_database(settings, max_connections=CONNECTIONS) as database,
        anyio.create_task_group() as tasks,
        store_layers(settings, database, tasks) as store,
    ):
        prepared = await store.questions(asked[:10], K)
        with progress("One layer hangs", 2 * plan.hangs) as advance:
            for where, hang in (
                ("in a statement", hangs_in_statement(database)),
                ("outside the database", hangs_elsewhere(database)),
            ):
                found = await measure_hanging(
                    database, store.methods, prepared, where, hang, plan.hangs, tasks, advance
                )
                measured.append(found)
    return tuple(measured)
