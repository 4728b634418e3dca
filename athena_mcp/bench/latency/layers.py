"""The layers that latency is measured with: some that wait, some that compute, and those of the store."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import anyio
import anyio.abc

from athena_mcp.bench.latency.speedup import Question
from athena_mcp.bench.timing import elapsed_ms
from athena_mcp.config import Settings
from athena_mcp.db.pool import Database
from athena_mcp.embed.choose import configured_handle
from athena_mcp.model import Layer
from athena_mcp.recall.cascade import Cascade, query_methods
from athena_mcp.recall.prepared import PreparedContext
from athena_mcp.recall.query_method import Context, QueryMethod
from athena_mcp.search.candidates import Candidate
from athena_mcp.search.vector_arm import VectorArm

WAIT_S = 0.05
"""How long a waiting layer waits in the database: the specification's example."""
COMPUTE_MS = 5.0
"""About how long a computing layer keeps a core of the database busy."""
PLAIN = Question("which port does staging use?", None, 5)
"""For layers that do not look at the question."""
_TRIAL_STEPS = 20_000
_SLEEP = "SELECT pg_sleep(%(seconds)s)"
_COMPUTE = "SELECT sum(sqrt(step)) FROM generate_series(1, %(steps)s) AS step"


def same_in_all_layers(method: QueryMethod[Any]) -> dict[str, QueryMethod[Any]]:
    """Five layers that all do this."""
    return dict.fromkeys((layer.value for layer in Layer), method)


def waiting(database: Database, wait_s: float = WAIT_S) -> QueryMethod[int]:
    """A layer that waits in the database."""

    async def wait(query: str, context: Context | None, k: int) -> list[int]:
        async with database.session() as session:
            await session.fetch(_SLEEP, {"seconds": wait_s})
        return [k]

    return wait


def asking_for_one(database: Database) -> QueryMethod[int]:
    """A layer that asks the database for the number one."""

    async def one(query: str, context: Context | None, k: int) -> list[int]:
        async with database.session() as session:
            return [row[0] for row in await session.fetch("SELECT 1")]

    return one


async def computing(database: Database, compute_ms: float = COMPUTE_MS) -> QueryMethod[int]:
    """A layer whose statement keeps a core busy for about `compute_ms`, as tried out on this machine."""
    trials: list[float] = []
    async with database.session() as session:
        for _ in range(5):
            began = time.perf_counter()
            await session.fetch(_COMPUTE, {"steps": _TRIAL_STEPS})
            trials.append(elapsed_ms(began))
    steps = max(1, round(_TRIAL_STEPS * compute_ms / min(trials)))

    async def compute(query: str, context: Context | None, k: int) -> list[int]:
        async with database.session() as session:
            await session.fetch(_COMPUTE, {"steps": steps})
        return [k]

    return compute


@dataclass(frozen=True, slots=True)
class StoreLayers:
    """The store's own layers, and a way to ask them as a recall does: with the search made ready once for all."""

    methods: dict[str, QueryMethod[Candidate]]
    cascade: Cascade
    project: str

    async def questions(self, texts: Iterable[str], k: int) -> list[Question]:
        """Questions made ready; `k` is that of the recall."""
        made = []
        for text in texts:
            search = await self.cascade.prepare(text, {"project": self.project}, k)
            made.append(Question(text, PreparedContext({}, search), search.limit))
        return made


@asynccontextmanager
async def store_layers(
    settings: Settings, database: Database, tasks: anyio.abc.TaskGroup
) -> AsyncIterator[StoreLayers]:
    """The layers of a store on `database`, with its embedder loaded."""
    vectors = VectorArm(configured_handle(settings))
    try:
        await vectors.warm()
        await vectors.register(database)
        cascade = Cascade(database, vectors, task_group=tasks)
        yield StoreLayers(query_methods(database, cascade.prepare), cascade, settings.project)
    finally:
        with anyio.CancelScope(shield=True):
            await vectors.close()
