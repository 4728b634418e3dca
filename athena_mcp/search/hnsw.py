"""Approximate indexes on the vectors of large layers: built in the background, by one process, while everybody works.

Comparing a query with every vector is exact and fast enough up to `EXACT_LIMIT` memories of a layer in scope. Where a
scope holds more, the layer's partition gets an HNSW index. It covers one embedder's vectors only, so that a store that
changes its embedder keeps vectors of two dimensions side by side, each with its own index.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import NamedTuple

import anyio
from psycopg.sql import SQL, Identifier, Literal

from athena_mcp.db.pool import Database
from athena_mcp.db.session import Session
from athena_mcp.errors import AthenaError, DatabaseUnavailable
from athena_mcp.model import GLOBAL_PROJECT, Layer
from athena_mcp.search.candidates import EXACT_LIMIT

log = logging.getLogger(__name__)

ADVISORY_KEY = 0x617468686E7377  # "athhnsw"
BUILD_S = 4 * 3600.0
BUILD_MEMORY = "256MB"
"""Enough for the graph of about 200,000 vectors of 256 numbers; a larger one is built on disk, more slowly."""
M = 16
EF_CONSTRUCTION = 128
"""pgvector's defaults are 16 and 64. On 100,000 vectors of texts, at the `hnsw.ef_search` of `db.pool`, the ten nearest
are found to 99.1 % with 64 and to 99.5 % with 128; the build takes 50 s instead of 30."""


class Wanted(NamedTuple):
    """A layer that is to have an index, and the embedder whose vectors go into it."""

    layer: str
    embedder_id: int
    dimension: int

    @property
    def name(self) -> str:
        """The index's name, in the schema athena."""
        return f"vectors_{self.layer}_hnsw_{self.embedder_id}"


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be done: indexes to build, and the names of those to drop, left over from a build or an embedder."""

    build: tuple[Wanted, ...]
    drop: tuple[str, ...]

    def __bool__(self) -> bool:
        return bool(self.build or self.drop)


# The largest scope of each layer: a project and what is shared by all. From the totals, a row a project and layer.
_LARGE = """
SELECT t.layer::text, e.id, e.dimension
FROM athena.layer_totals t
JOIN athena.projects p ON p.id = t.project_id
CROSS JOIN athena.embedders e
WHERE CASE WHEN %(embedder)s::smallint IS NULL THEN e.active ELSE e.id = %(embedder)s END
GROUP BY t.layer, e.id, e.dimension
HAVING coalesce(max(t.memories) FILTER (WHERE p.name <> %(global)s), 0)
    + coalesce(max(t.memories) FILTER (WHERE p.name = %(global)s), 0) > %(limit)s
"""
_THERE = """
SELECT c.relname, i.indisvalid, EXISTS (
    SELECT 1 FROM athena.embedders e WHERE c.relname LIKE '%%\\_hnsw\\_' || e.id) AS current
FROM pg_class c
JOIN pg_namespace n ON n.oid = c.relnamespace AND n.nspname = 'athena'
JOIN pg_index i ON i.indexrelid = c.oid
WHERE c.relname LIKE 'vectors\\_%%\\_hnsw\\_%%'
"""
_COUNT = SQL("SELECT count(*) FROM (SELECT FROM {table} WHERE embedder_id = {embedder} LIMIT {limit}) AS v")
_BUILD = SQL(
    "CREATE INDEX CONCURRENTLY {name} ON {table} USING hnsw ((embedding::halfvec({dimension})) halfvec_cosine_ops)"
    " WITH (m = {m}, ef_construction = {ef_construction}) WHERE embedder_id = {embedder}"
)
# Without statistics the planner expects a handful of vectors, and compares them all instead of asking the index.
_ANALYZE = SQL("ANALYZE {table}")
_DROP = SQL("DROP INDEX CONCURRENTLY IF EXISTS {name}")


async def tend_indexes(database: Database, embedder_id: int | None = None) -> None:
    """Build the indexes that are missing, and drop what a build that was killed or an embedder that is gone left.

    Cheap when there is nothing to do; else it takes minutes for a large store. One process at a time does it, and none
    while an import puts it off; for the others there is nothing to do. `embedder_id`: for that one instead of the
    store's. Raises the database's errors.
    """
    async with database.session() as session:
        if not await _plan(session, embedder_id):
            return
    async with database.own_session() as session:
        if not await session.fetch("SELECT 1 WHERE pg_try_advisory_lock(%s)", (ADVISORY_KEY,)):
            return
        plan = await _plan(session, embedder_id)
        with anyio.fail_after(BUILD_S):
            for name in plan.drop:
                log.info("Dropping the index %s.", name)
                await session.execute(_DROP.format(name=Identifier("athena", name)))
            for wanted in plan.build:
                await _build(session, wanted)


@asynccontextmanager
async def builds_put_off(database: Database) -> AsyncIterator[None]:
    """For who stores many memories: no process begins to build an index meanwhile; what is missing is built at the end.

    A vector that comes into an index takes 1.1 to 1.4 ms, one that is there when it is built 0.3 ms. An index that is
    there or being built stays. A process that is killed puts nothing off. Raises DatabaseUnavailable when it cannot
    begin; an index that cannot be built at the end is left to the upkeep.
    """
    async with database.own_session() as session:
        # Builders ask for the same lock for themselves alone; any number of importers may have it together.
        row = await session.fetch_one("SELECT pg_try_advisory_lock_shared(%s)", (ADVISORY_KEY,))
        yield
        if row is not None and row[0]:
            # Closing the connection would do it too, but only when the server comes to notice. A lost one has done it.
            with suppress(DatabaseUnavailable):
                await session.execute("SELECT pg_advisory_unlock_shared(%s)", (ADVISORY_KEY,))
    try:
        await tend_indexes(database)
    except AthenaError as error:
        log.info("The vector indexes wait for the next time: %s", error)


async def drop_indexes(session: Session, embedder_ids: Sequence[int]) -> None:
    """Drop the indexes on the vectors of these embedders; not inside a transaction."""
    with anyio.fail_after(BUILD_S):
        for embedder_id in embedder_ids:
            for layer in Layer:
                name = Wanted(layer.value, embedder_id, 0).name
                await session.execute(_DROP.format(name=Identifier("athena", name)))


async def _plan(session: Session, embedder_id: int | None) -> Plan:
    """What is to be done now."""
    values = {"embedder": embedder_id, "limit": EXACT_LIMIT, "global": GLOBAL_PROJECT}
    wanted = [Wanted(*row) for row in await session.fetch(_LARGE, values)]
    there = await session.fetch(_THERE, {})
    valid = {name for name, is_valid, current in there if is_valid and current}
    # A build that goes on is not valid yet either; its process holds the lock, and who drops holds it too.
    return Plan(
        build=tuple(index for index in wanted if index.name not in valid),
        drop=tuple(name for name, _, _ in there if name not in valid),
    )


async def _build(session: Session, wanted: Wanted) -> None:
    values = {
        "table": Identifier("athena", f"vectors_{Layer(wanted.layer)}"),
        "name": Identifier(wanted.name),
        "dimension": Literal(wanted.dimension),
        "embedder": Literal(wanted.embedder_id),
        "limit": Literal(EXACT_LIMIT + 1),
        "m": Literal(M),
        "ef_construction": Literal(EF_CONSTRUCTION),
    }
    row = await session.fetch_one(_COUNT.format(**values))
    if row is None or row[0] <= EXACT_LIMIT:  # most memories have no vector yet
        return
    started = anyio.current_time()
    log.info("Building the vector index of the %s layer.", wanted.layer)
    # One worker: it need not be fast, and parallel ones want shared memory that containers are short of.
    await session.execute("SELECT set_config('maintenance_work_mem', %s, false)", (BUILD_MEMORY,))
    await session.execute("SELECT set_config('max_parallel_maintenance_workers', '0', false)")
    await session.execute(_BUILD.format(**values))
    await session.execute(_ANALYZE.format(**values))
    log.info("Built the vector index of the %s layer in %.0f s.", wanted.layer, anyio.current_time() - started)
