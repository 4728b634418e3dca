"""`athena-mcp bench learning`: the measurements, on a store that is filled already."""

from __future__ import annotations

from dataclasses import dataclass, field

import anyio

from athena_mcp.app import open_app
from athena_mcp.bench.latency.layers import store_layers
from athena_mcp.bench.learning.choices import (
    AT_ONCE,
    BOUNDS,
    measure_bounds,
    measure_usefulness,
    measure_waiting,
)
from athena_mcp.bench.learning.deadlines import measure_busy_store, measure_hanging_layer, measure_slow_layer
from athena_mcp.bench.learning.report import LearningReport
from athena_mcp.bench.machine import Machine
from athena_mcp.bench.progress import Progress
from athena_mcp.bench.store import open_database
from athena_mcp.bench.synthetic.fill import questions
from athena_mcp.bench.synthetic.grammar import Grammar
from athena_mcp.config import Settings
from athena_mcp.recall.parallel_tier1 import ParallelTier1Executor

SEED = 1


@dataclass(frozen=True, slots=True)
class LearningPlan:
    """Memories in the store, questions asked of it, rounds of them, and recalls with a hanging layer."""

    memories: int
    questions: int
    rounds: int
    hangs: int
    grammar: Grammar = field(default_factory=Grammar)


async def measure_learning(
    settings: Settings, machine: Machine, plan: LearningPlan, progress: Progress
) -> LearningReport:
    """All of it, one after the other."""
    asked = list(questions(plan.grammar, plan.memories, plan.questions))
    async with anyio.create_task_group() as tasks:
        with progress("One layer hangs", 2 * plan.hangs) as advance:
            hanging = await measure_hanging_layer(plan.hangs, tasks, advance)
        with progress("One layer is slow", 10) as advance:
            missed = await measure_slow_layer(tasks, advance)
    async with open_app(settings) as app:
        manager = await app.manager()
        await app.warmed()
        with progress("A busy store", len(asked)) as advance:
            busy = await measure_busy_store(manager, asked, AT_ONCE, advance)
        with progress("Bounds", plan.rounds * len(BOUNDS)) as advance:
            bounds = await measure_bounds(manager, asked[: max(AT_ONCE, len(asked) // 4)], plan.rounds, advance)
        with progress("Usefulness", len(asked)) as advance:
            usefulness = await measure_usefulness(manager, asked, SEED, advance)
    async with (
        open_database(settings) as database,
        anyio.create_task_group() as tasks,
        store_layers(settings, database, tasks) as store,
    ):
        executor = ParallelTier1Executor(store.methods, task_group=tasks)
        prepared = await store.questions(asked[:20], 5)
        with progress("Waiting for others", len(asked)) as advance:
            waiting = await measure_waiting(executor, prepared, len(asked), advance)
    return LearningReport(machine, hanging, missed, busy, bounds, usefulness, waiting)
