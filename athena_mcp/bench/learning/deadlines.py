"""Learned deadlines beside fixed ones: a layer that hangs, one that has become slow, and a busy, healthy store."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import anyio
import anyio.abc

from athena_mcp.bench.progress import Advance
from athena_mcp.bench.timing import Latency, elapsed_ms
from athena_mcp.config import LearningMode
from athena_mcp.manager import MemoryManager
from athena_mcp.model import Layer
from athena_mcp.recall import parallel_tier1
from athena_mcp.recall.parallel_tier1 import ParallelTier1Executor
from athena_mcp.recall.query_method import Context, QueryMethod
from athena_mcp.recall.tier1_learning import ENOUGH

HEALTHY_S = 0.005
SLOW_S = 2.0
"""What a layer takes that has become slow: more than it is given after healthy answers, less than was set."""
MOST_S = 10.0
"""The fixed deadline: the default of the setting."""
MOST_TRIES = 30
NAMES = tuple(layer.value for layer in Layer)
SICK = NAMES[-1]


@dataclass(frozen=True, slots=True)
class HangingLayer:
    """Recalls while one layer hangs, with deadlines fixed and learned."""

    fixed: Latency
    learned: Latency
    fixed_mean_ms: float
    learned_mean_ms: float

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        return {
            "fixed": {**self.fixed.to_dict(), "mean_ms": round(self.fixed_mean_ms, 1)},
            "learned": {**self.learned.to_dict(), "mean_ms": round(self.learned_mean_ms, 1)},
        }


@dataclass(frozen=True, slots=True)
class BusyStore:
    """Recalls of a healthy store, several at once, with learned deadlines."""

    layer_queries: int
    late: int
    """How many were called late: all of them false alarms."""
    least_deadline_s: float
    slowest_ms: float

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        return {
            "layer_queries": self.layer_queries,
            "late": self.late,
            "least_deadline_s": self.least_deadline_s,
            "slowest_ms": self.slowest_ms,
        }


class _Patient:
    """A layer that answers quickly until it is told to take another time."""

    def __init__(self) -> None:
        self.takes_s = HEALTHY_S

    def methods(self) -> dict[str, QueryMethod[int]]:
        async def healthy(query: str, context: Context | None, k: int) -> list[int]:
            await anyio.sleep(HEALTHY_S)
            return [k]

        async def sick(query: str, context: Context | None, k: int) -> list[int]:
            await anyio.sleep(self.takes_s)
            return [k]

        return {name: sick if name == SICK else healthy for name in NAMES}


async def measure_hanging_layer(recalls: int, tasks: anyio.abc.TaskGroup, advance: Advance) -> HangingLayer:
    """Make `recalls` at once, both ways at the same time, with the executor's own deadline."""
    times: dict[LearningMode, list[float]] = {"off": [], "on": []}

    async def measure(mode: LearningMode) -> None:
        patient = _Patient()
        executor = _executor(patient, mode, recalls, tasks)
        await _warm(executor)
        patient.takes_s = 3600.0
        # The first to be late is not one of them: by it the executor learns that the layer is.
        await executor.execute_tier_1_parallel("q", layers=NAMES)

        async def one() -> None:
            began = time.perf_counter()
            await executor.execute_tier_1_parallel("q", layers=NAMES)
            times[mode].append(elapsed_ms(began))
            advance(1)

        async with anyio.create_task_group() as requests:
            for _ in range(recalls):
                requests.start_soon(one)

    with without_warnings():
        async with anyio.create_task_group() as both:
            for mode in times:
                both.start_soon(measure, mode)
    fixed, learned = times["off"], times["on"]
    return HangingLayer(Latency.of(fixed), Latency.of(learned), sum(fixed) / len(fixed), sum(learned) / len(learned))


async def measure_slow_layer(tasks: anyio.abc.TaskGroup, advance: Advance) -> int:
    """How many recalls miss the answers of a layer that has become slow, until it is waited for."""
    patient = _Patient()
    executor = _executor(patient, "on", len(NAMES), tasks)
    await _warm(executor)
    patient.takes_s = SLOW_S
    for tried in range(MOST_TRIES):
        with without_warnings():
            answer = await executor.execute_tier_1_parallel("q", layers=NAMES)
        advance(1)
        if answer.outcomes[SICK].status == "ok":
            return tried
    return MOST_TRIES


async def measure_busy_store(
    manager: MemoryManager, questions: Sequence[str], at_once: int, advance: Advance
) -> BusyStore:
    """Ask a healthy store, `at_once` recalls side by side."""
    executor = manager.parallel_tier1_executor
    executor.reset_statistics()
    executor.learning = "on"
    turns = iter(questions)

    async def client() -> None:
        for question in turns:
            await manager.recall(question, use_cache=False)
            advance(1)

    async with anyio.create_task_group() as clients:
        for _ in range(at_once):
            clients.start_soon(client)
    counted = executor.get_statistics()
    slowest = [ms for row in counted["layers"].values() if (ms := row["latency_ms"]["max"]) is not None]
    return BusyStore(
        counted["layer_queries"],
        counted["timeouts"],
        min(counted["learning"]["deadline_s"].values()),
        max(slowest, default=0.0),
    )


def _executor(
    patient: _Patient, mode: LearningMode, recalls: int, tasks: anyio.abc.TaskGroup
) -> ParallelTier1Executor[int]:
    # Places for all, since what is measured is the time of a recall and not that of a queue.
    return ParallelTier1Executor(
        patient.methods(),
        max_concurrent=len(NAMES) * recalls,
        timeout_seconds=MOST_S,
        task_group=tasks,
        learning=mode,
    )


async def _warm(executor: ParallelTier1Executor[int]) -> None:
    for _ in range(ENOUGH):
        await executor.execute_tier_1_parallel("q", layers=NAMES)


@contextmanager
def without_warnings() -> Iterator[None]:
    """Late layers are what is wanted here."""
    logger = logging.getLogger(parallel_tier1.__name__)
    before = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(before)
