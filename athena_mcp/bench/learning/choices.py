"""What is not learned: how many layers run at once, which layers are worth asking, and which should wait for others."""

from __future__ import annotations

import random
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import anyio

from athena_mcp.bench.latency.speedup import Question
from athena_mcp.bench.progress import Advance
from athena_mcp.bench.timing import Latency, elapsed_ms
from athena_mcp.manager import MemoryManager
from athena_mcp.model import Layer
from athena_mcp.recall.parallel_tier1 import ParallelTier1Executor

BOUNDS = (1, 2, 3, 5, 8)
AT_ONCE = 5
WORTHLESS = 0.05
"""A learner would leave out a layer of which so small a share of the queries reached the list."""
EXPLORE = 0.1
ENOUGH_QUERIES = 20
NAMES = tuple(layer.value for layer in Layer)


@dataclass(frozen=True, slots=True)
class Bound:
    """Recalls a second with so many places, from AT_ONCE callers."""

    max_concurrent: int
    per_second: float


@dataclass(frozen=True, slots=True)
class Usefulness:
    """A learner that leaves out layers whose hits have not reached the list, replayed on recorded recalls."""

    queries: int
    saved: int
    shown: int
    lost: int
    """Memories of the shown that came from a layer left out."""
    share: Mapping[str, float]
    """Of each layer, the share of its queries of which something reached the list."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """Five layers side by side, and four before the fifth, which could use their hits."""

    together: Latency
    one_after: Latency


async def measure_bounds(
    manager: MemoryManager, questions: Sequence[str], rounds: int, advance: Advance
) -> tuple[Bound, ...]:
    """Ask all questions with every bound, in turns."""
    executor = manager.parallel_tier1_executor
    before = executor.max_concurrent
    seconds = dict.fromkeys(BOUNDS, 0.0)
    try:
        for turn in range(rounds):
            # To and fro, so that what the machine does meanwhile favours none.
            for bound in BOUNDS if turn % 2 else reversed(BOUNDS):
                executor.max_concurrent = bound
                began = time.perf_counter()
                await _ask_all(manager, questions)
                seconds[bound] += elapsed_ms(began) / 1000
                advance(1)
    finally:
        executor.max_concurrent = before
    return tuple(Bound(bound, rounds * len(questions) / seconds[bound]) for bound in BOUNDS)


async def _ask_all(manager: MemoryManager, questions: Sequence[str]) -> None:
    turns = iter(questions)

    async def client() -> None:
        for question in turns:
            await manager.recall(question, use_cache=False)

    async with anyio.create_task_group() as clients:
        for _ in range(AT_ONCE):
            clients.start_soon(client)


async def measure_usefulness(
    manager: MemoryManager, questions: Sequence[str], seed: int, advance: Advance
) -> Usefulness:
    """Ask, and let a learner decide afterwards what it would have left out; facts are asked in any case."""
    dice = random.Random(seed)  # noqa: S311  # nothing hangs on it but what is explored
    asked_of = dict.fromkeys(NAMES, 0)
    useful_of = dict.fromkeys(NAMES, 0)
    queries = saved = shown = lost = 0
    for question in questions:
        result = await manager.recall(question, use_cache=False)
        advance(1)
        asked = [layer.value for layer, row in result.layers.items() if row.status != "skipped"]
        queries += len(asked)
        shown += len(result.memories)
        for name in asked:
            reached = sum(hit.memory.layer.value == name for hit in result.memories)
            share = (useful_of[name] + 1) / (asked_of[name] + 2)
            left_out = (
                name != Layer.SEMANTIC.value
                and asked_of[name] >= ENOUGH_QUERIES
                and share < WORTHLESS
                and dice.random() >= EXPLORE
            )
            if left_out:
                saved += 1
                lost += reached
            else:
                asked_of[name] += 1
                useful_of[name] += reached > 0
    share_of = {name: useful_of[name] / asked_of[name] for name in NAMES if asked_of[name]}
    return Usefulness(queries, saved, shown, lost, share_of)


async def measure_waiting(
    executor: ParallelTier1Executor[Any], questions: Sequence[Question], rounds: int, advance: Advance
) -> Waiting:
    """Ask both ways in turns."""
    together: list[float] = []
    one_after: list[float] = []
    for number in range(rounds):
        question = questions[number % len(questions)]
        for samples, groups in ((together, [NAMES]), (one_after, [NAMES[:-1], NAMES[-1:]])):
            began = time.perf_counter()
            for group in groups:
                await executor.execute_tier_1_parallel(question.query, question.context, question.k, layers=group)
            samples.append(elapsed_ms(began))
        advance(1)
    return Waiting(Latency.of(together), Latency.of(one_after))
