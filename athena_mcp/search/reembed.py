"""Changing the embedder of a store while it is used.

The new vectors are made beside the old ones, which answer until every live memory has a new one; then the store goes
over in one short transaction, and the old vectors are removed. What was made stays when a run is interrupted, and the
next one goes on from there.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import anyio
from psycopg.sql import SQL, Identifier

from athena_mcp.db.pool import Database
from athena_mcp.db.session import Session, Step
from athena_mcp.embed.embedder import Embedder
from athena_mcp.errors import StorageError
from athena_mcp.model import Layer
from athena_mcp.search.hnsw import drop_indexes, tend_indexes
from athena_mcp.search.store_lock import store_locked
from athena_mcp.search.vectors import NewVector, Unembedded, unembedded, vector_steps

log = logging.getLogger(__name__)

ADVISORY_KEY = 0x617468656D6264  # "athembd"
BATCH = 256
"""Memories embedded between two looks at the store."""
LATE = 16
"""Memories that may be embedded while writers wait; when more were stored meanwhile, another round is made first."""
LATE_S = 5.0
LOOK_S = 120.0
"""The limit of a statement that reads all vectors."""
SWEPT_BLOCKS = 256
"""Old vectors are removed from so many blocks at a time, a few milliseconds in which writers wait."""

Report = Callable[[int, int], None]
"""Told how many memories have a new vector, of how many."""


@dataclass(frozen=True, slots=True)
class Reembedded:
    """What a run did. `before` is the embedder that the store had, None when it had none or this one already."""

    name: str
    dimension: int
    before: str | None
    embedded: int
    removed: int


_PREPARE = """
INSERT INTO athena.embedders (name, dimension) VALUES (%(name)s, %(dimension)s) ON CONFLICT DO NOTHING
"""
_FIND = """
SELECT id, active, (SELECT o.name FROM athena.embedders o WHERE o.active)
FROM athena.embedders WHERE name = %(name)s AND dimension = %(dimension)s
"""
_COUNTS = """
SELECT (SELECT count(*) FROM athena.vectors WHERE embedder_id = %(embedder)s),
    (SELECT coalesce(sum(memories), 0)::bigint FROM athena.layer_totals)
"""
_LOCK = "SELECT athena.lock_projects(%(projects)s)"
_RETIRE = "UPDATE athena.embedders SET active = false WHERE active"
_ACTIVATE = "UPDATE athena.embedders SET active = true WHERE id = %(embedder)s"
_TOUCH = "UPDATE athena.projects SET version = version + 1"
_OTHERS = "SELECT id FROM athena.embedders WHERE NOT active"
_BLOCKS = "SELECT pg_relation_size(%(table)s::regclass) / current_setting('block_size')::integer"
_SWEEP = SQL(
    "WITH gone AS (DELETE FROM {table} WHERE ctid >= %(first)s::tid AND ctid < %(end)s::tid"
    " AND embedder_id <> %(embedder)s RETURNING 1) SELECT count(*) FROM gone"
)
_FORGET = "DELETE FROM athena.embedders WHERE NOT active"


async def reembed(database: Database, embedder: Embedder, report: Report = lambda done, total: None) -> Reembedded:
    """Make `embedder`, which must be warm, the store's.

    Raises EmbedderUnavailable when it fails on the way, and the database's errors; a next run goes on from there.
    Raises StorageError while another run is at work.
    """
    async with database.own_session() as turn:
        if not await turn.fetch("SELECT 1 WHERE pg_try_advisory_lock(%s)", (ADVISORY_KEY,)):
            raise StorageError("Another `athena-mcp reembed` is at work on this store; let it end.")
        values = {"name": embedder.name, "dimension": embedder.dimension}
        await turn.execute(_PREPARE, values)
        found = await turn.fetch_one(_FIND, values)
        if found is None:
            raise StorageError("The new embedder could not be noted; try again.")
        embedder_id, active, before = found
        work = _Work(database, embedder, int(embedder_id), report)
        await work.count()
        await work.fill()
        if not active:
            await tend_indexes(database, work.embedder_id)
            while not await work.switch():
                await work.fill()
        removed = await work.sweep()
    return Reembedded(embedder.name, embedder.dimension, None if active else before, work.embedded, removed)


class _Work:
    """The steps of a run, and how far it is."""

    def __init__(self, database: Database, embedder: Embedder, embedder_id: int, report: Report) -> None:
        self.embedder_id = embedder_id
        self.embedded = 0
        self._database = database
        self._embedder = embedder
        self._report = report
        self._done = self._total = 0
        self._wordless: set[int] = set()
        """Memories that this embedder has no vector for; they are found by words alone."""

    async def count(self) -> None:
        """See how much is left of an earlier run, and how much there is."""
        async with self._database.session() as session:
            with anyio.fail_after(LOOK_S):
                row = await session.fetch_one(_COUNTS, {"embedder": self.embedder_id})
        self._done, self._total = row or (0, 0)
        self._report(self._done, self._total)

    async def fill(self) -> None:
        """Embed the live memories that have no new vector yet, from the oldest on; all but those that `switch` takes.

        Somebody may be storing more meanwhile, faster than they are embedded.
        """
        after_id = 0
        while True:
            async with self._database.session() as session:
                page = await unembedded(session, self.embedder_id, after_id=after_id, limit=BATCH)
            if not page:
                return
            after_id = page[-1].id
            # No connection is held meanwhile: a service may take its time.
            rows = await self._embed([row for row in page if row.id not in self._wordless])
            locks = Step(_LOCK, {"projects": sorted({row.project_id for row in rows})})
            async with self._database.session() as session:
                await session.commit_steps([locks, *vector_steps(self.embedder_id, rows, making=True)])
            self._note(len(rows))
            if len(page) < min(BATCH, LATE):
                return

    async def switch(self) -> bool:
        """Make the new embedder the store's, unless too much was stored since it was last filled."""
        async with self._database.session() as session, store_locked(session):
            limit = LATE + len(self._wordless) + 1
            page = await unembedded(session, self.embedder_id, after_id=0, limit=limit)
            late = [row for row in page if row.id not in self._wordless]
            rows: list[NewVector] | None = None
            if len(late) <= LATE:
                with anyio.move_on_after(LATE_S):
                    rows = await self._embed(late)
            if rows is None:
                return False
            await session.execute_steps(vector_steps(self.embedder_id, rows, making=True))
            await session.execute(_RETIRE)
            await session.execute(_ACTIVATE, {"embedder": self.embedder_id})
            # Every process's answers were found with the old vectors.
            await session.execute(_TOUCH)
        self._note(len(rows))
        log.info("The store goes by the vectors of %s now.", self._embedder.name)
        return True

    async def sweep(self) -> int:
        """Remove the vectors of all other embedders, and the embedders; how many vectors there were."""
        removed = 0
        async with self._database.own_session() as session:
            others = [row[0] for row in await session.fetch(_OTHERS)]
            if not others:
                return 0
            await drop_indexes(session, others)
            for layer in Layer:
                removed += await self._sweep_layer(session, f"vectors_{layer}")
            async with store_locked(session):
                with anyio.fail_after(LOOK_S):
                    await session.execute(_FORGET)
        return removed

    async def _sweep_layer(self, session: Session, table: str) -> int:
        removed = 0
        row = await session.fetch_one(_BLOCKS, {"table": f"athena.{table}"})
        blocks = int(row[0]) if row else 0
        statement = _SWEEP.format(table=Identifier("athena", table))
        for first in range(0, blocks, SWEPT_BLOCKS):
            values = {"first": f"({first},0)", "end": f"({first + SWEPT_BLOCKS},0)", "embedder": self.embedder_id}
            # Writers remove vectors too, in an order of their own.
            async with store_locked(session):
                gone = await session.fetch_one(statement, values)
            removed += int(gone[0]) if gone else 0
        return removed

    async def _embed(self, page: Sequence[Unembedded]) -> list[NewVector]:
        if not page:
            return []
        vectors = await self._embedder.embed([row.content for row in page])
        self._wordless.update(row.id for row, vector in zip(page, vectors, strict=True) if not vector.any())
        return [
            NewVector(row.project_id, row.id, Layer(row.layer), vector)
            for row, vector in zip(page, vectors, strict=True)
            if vector.any()
        ]

    def _note(self, count: int) -> None:
        self.embedded += count
        self._done += count
        self._report(self._done, max(self._done, self._total))
