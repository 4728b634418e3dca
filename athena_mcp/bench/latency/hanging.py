"""One of five layers never answers: when the answer is out, what it holds, and what becomes of the connections."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import anyio
import anyio.abc

from athena_mcp.bench.latency.layers import waiting
from athena_mcp.bench.latency.speedup import WARM_CALLS, Question
from athena_mcp.bench.progress import Advance
from athena_mcp.bench.timing import Latency, elapsed_ms
from athena_mcp.db.pool import Database
from athena_mcp.recall import parallel_tier1
from athena_mcp.recall.parallel_tier1 import ParallelTier1Executor
from athena_mcp.recall.query_method import Context, QueryMethod
from athena_mcp.search.candidates import Candidate

DEADLINE_S = 0.25
"""The time that a layer has here: several times what a healthy one takes."""
HANG_S = 60.0
CONNECTIONS = 5
"""The pool's size: one a layer and none to spare, so that a connection that is not given back is missed at once."""


@dataclass(frozen=True, slots=True)
class Hanging:
    """Recalls with one hanging layer, in the database or elsewhere, a connection borrowed."""

    where: str
    late: Latency
    """From the deadline until the answer was out."""
    latest_ms: float
    whole: int
    """Answers that held all the hits of the other four layers."""
    named: int
    """Answers that called the hanging layer, and no other, late."""
    connections: int
    """In the pool afterwards."""
    idle: int
    lost: int
    """Connections that had to be replaced."""
    running: int
    """Layers that were given up and still ran when the connections had been counted."""

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        return {
            "where": self.where,
            "recalls": self.late.n,
            "deadline_ms": DEADLINE_S * 1000,
            "late": self.late.to_dict(),
            "latest_ms": round(self.latest_ms, 3),
            "with_all_other_hits": self.whole,
            "naming_the_layer": self.named,
            "still_running": self.running,
            "pool": {"connections": self.connections, "idle": self.idle, "lost": self.lost},
        }


def hangs_in_statement(database: Database) -> QueryMethod[Any]:
    """A layer whose statement takes HANG_S."""
    return waiting(database, HANG_S)


def hangs_elsewhere(database: Database) -> QueryMethod[Any]:
    """A layer that borrows a connection and waits for something that never comes."""

    async def hang(query: str, context: Context | None, k: int) -> list[Any]:
        async with database.session():
            await anyio.sleep_forever()
        return []

    return hang


async def measure_hanging(
    database: Database,
    methods: Mapping[str, QueryMethod[Candidate]],
    questions: Sequence[Question],
    where: str,
    hang: QueryMethod[Any],
    recalls: int,
    tasks: anyio.abc.TaskGroup,
    advance: Advance,
) -> Hanging:
    """Ask `recalls` times; each layer hangs in its turn. `database` must have CONNECTIONS connections."""
    healthy = ParallelTier1Executor(methods, task_group=tasks)
    hanging = {
        name: ParallelTier1Executor({**methods, name: hang}, timeout_seconds=DEADLINE_S, task_group=tasks)
        for name in methods
    }
    names = list(methods)
    # Every layer on every connection, so that none has its statements yet to prepare within the deadline.
    for _ in range(WARM_CALLS):
        await _ask(healthy, questions[0], names)
    before = await _backends(database)
    late: list[float] = []
    whole = named = 0
    for number in range(recalls):
        question, hung = questions[number % len(questions)], names[number % len(names)]
        expected = (await _ask(healthy, question, names)).rows
        began = time.perf_counter()
        with _without_warnings():
            answer = await _ask(hanging[hung], question, names)
        late.append(elapsed_ms(began) - DEADLINE_S * 1000)
        others = [name for name in names if name != hung]
        whole += all(_ids(answer.rows[name]) == _ids(expected[name]) for name in others)
        named += answer.outcomes[hung].status == "timeout" and answer.failed == (hung,)
        advance(1)
    after = await _backends(database)
    counts = database.counts()
    return Hanging(
        where,
        Latency.of(late),
        max(late, default=0.0),
        whole,
        named,
        counts["connections"],
        counts["idle"],
        len(before - after),
        sum(executor.get_statistics()["stragglers_running"] for executor in hanging.values()),
    )


@contextmanager
def _without_warnings() -> Iterator[None]:
    """Late layers are what is wanted here."""
    logger = logging.getLogger(parallel_tier1.__name__)
    before = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(before)


async def _ask(executor: ParallelTier1Executor[Any], question: Question, names: Sequence[str]) -> Any:
    return await executor.execute_tier_1_parallel(question.query, question.context, question.k, layers=names)


def _ids(rows: Sequence[Candidate]) -> list[int]:
    return [row.id for row in rows]


async def _backends(database: Database) -> set[int]:
    """The process numbers of the pool's connections: that many sessions at once are all of them."""
    found: set[int] = set()
    borrowed = anyio.Event()
    waiting_for = CONNECTIONS

    async def borrow() -> None:
        nonlocal waiting_for
        async with database.session() as session:
            row = await session.fetch_one("SELECT pg_backend_pid()")
            found.add(int(row[0]) if row else 0)
            waiting_for -= 1
            if not waiting_for:
                borrowed.set()
            await borrowed.wait()

    async with anyio.create_task_group() as group:
        for _ in range(CONNECTIONS):
            group.start_soon(borrow)
    return found
