"""What `athena-mcp bench learning` is made of, with short deadlines; no figure is judged here."""

from __future__ import annotations

import json

import anyio
import anyio.lowlevel
import pytest

from athena_mcp.bench.latency.speedup import Question
from athena_mcp.bench.learning import choices, deadlines
from athena_mcp.bench.learning.report import LearningReport
from athena_mcp.bench.machine import describe_machine
from athena_mcp.manager import MemoryManager
from athena_mcp.model import Layer
from athena_mcp.recall import tier1_learning
from athena_mcp.recall.parallel_tier1 import ParallelTier1Executor
from athena_mcp.recall.query_method import Context

pytestmark = pytest.mark.anyio


async def test_learning_is_measured_beside_what_goes_without(
    manager: MemoryManager, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tier1_learning, "LEAST_S", 0.1)
    monkeypatch.setattr(deadlines, "SLOW_S", 0.3)
    monkeypatch.setattr(deadlines, "MOST_S", 1.0)
    moved = 0

    def advance(count: int) -> None:
        nonlocal moved
        moved += count

    async def answering(query: str, context: Context | None, k: int) -> list[int]:
        await anyio.lowlevel.checkpoint()
        return [k]

    for number, layer in enumerate(Layer):
        await manager.remember(f"The nightly build number {number}.", layer=layer)
    asked = ["which nightly build?", "what is number 3?"] * 3
    async with anyio.create_task_group() as tasks:
        hanging = await deadlines.measure_hanging_layer(20, tasks, advance)
        missed = await deadlines.measure_slow_layer(tasks, advance)
        executor: ParallelTier1Executor[int] = ParallelTier1Executor(
            dict.fromkeys(choices.NAMES, answering), task_group=tasks
        )
        waiting = await choices.measure_waiting(executor, [Question("q", None, 5)], 4, advance)
    busy = await deadlines.measure_busy_store(manager, asked, 2, advance)
    bounds = await choices.measure_bounds(manager, asked, 1, advance)
    useful = await choices.measure_usefulness(manager, asked, 1, advance)
    assert hanging.fixed.p50_ms is not None
    assert hanging.learned.p50_ms is not None
    assert hanging.fixed.p50_ms >= 1000 > hanging.learned.p50_ms
    assert hanging.learned_mean_ms < hanging.fixed_mean_ms
    assert missed == tier1_learning.EXPLORE_EVERY
    assert (busy.late, busy.layer_queries > 0) == (0, True)
    assert [row.max_concurrent for row in bounds] == list(choices.BOUNDS)
    assert manager.parallel_tier1_executor.max_concurrent == 5
    assert (useful.saved, useful.lost, useful.shown > 0) == (0, 0, True)
    assert waiting.together.n == waiting.one_after.n == 4
    assert moved > 40
    report = LearningReport(describe_machine("18"), hanging, missed, busy, bounds, useful, waiting)
    shown = json.loads(json.dumps(report.to_dict(), allow_nan=False))
    assert shown["deadlines"]["recalls_that_miss_a_slow_layer"] == missed
    assert all(len(row) == len(table.headings) for table in report.tables() for row in table.rows)
    assert report.charts()
