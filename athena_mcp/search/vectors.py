"""The vector arm's store: which embedder made the vectors, and the vectors themselves."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from psycopg.sql import SQL

from athena_mcp.db.rows import Column, RowSource
from athena_mcp.db.session import Session, Step
from athena_mcp.errors import EmbedderMismatch
from athena_mcp.model import Layer
from athena_mcp.search.candidates import EXACT_LIMIT, Indexed, half_vector

if TYPE_CHECKING:
    from athena_mcp.embed.embedder import Vector


@dataclass(frozen=True, slots=True)
class NewVector:
    """A memory's vector, by the memory's key."""

    project_id: int
    memory_id: int
    layer: Layer
    vector: Vector


class Unembedded(NamedTuple):
    """A live memory that has no vector of the active embedder yet."""

    project_id: int
    id: int
    layer: str
    content: str


_REGISTER = """
INSERT INTO athena.embedders (name, dimension, active)
SELECT %(name)s, %(dimension)s, true WHERE NOT EXISTS (SELECT 1 FROM athena.embedders WHERE active)
ON CONFLICT DO NOTHING
"""
_ACTIVE = "SELECT id, name, dimension FROM athena.embedders WHERE active"
_ROWS = RowSource(
    Column("project_id", "integer"), Column("memory_id", "bigint"), Column("embedding", "halfvec", binary=True)
)
# Of no other embedder than the store's: while this one was read, the store may have changed to another, and a vector of
# an embedder that is gone would be of no use to anybody. `making` is for who prepares that change.
_INSERT = """
INSERT INTO athena.vectors (project_id, memory_id, embedder_id, layer, embedding)
SELECT g.project_id, g.memory_id, %(embedder)s, m.layer, g.embedding
FROM {rows}
CROSS JOIN LATERAL (
    SELECT layer FROM athena.memories
    WHERE project_id = g.project_id AND id = g.memory_id AND superseded_at IS NULL OFFSET 0) AS m
WHERE EXISTS (SELECT 1 FROM athena.embedders e WHERE e.id = %(embedder)s AND (e.active OR %(making)s))
ON CONFLICT DO NOTHING
"""
# In a large project the index is asked, as by `search.candidates`. Every vector is compared in others, and where the
# index gives up since what is near is of other projects. Only what is nearest is looked up, and put in order, which the
# index does not quite (`db.pool`).
_NEAREST = """
WITH held AS MATERIALIZED (
    SELECT coalesce(sum(memories), 0) > {exact} AS many FROM athena.layer_totals
    WHERE project_id = %(project)s AND layer = '{layer}'
), indexed AS MATERIALIZED (
    SELECT v.memory_id, v.embedding::halfvec({dimension}) <=> %(vector)s::halfvec({dimension}) AS distance
    FROM athena.vectors_{layer} v
    WHERE (SELECT many FROM held) AND v.project_id = %(project)s AND v.embedder_id = {embedder_id}
    ORDER BY distance LIMIT {limit}
), compared AS MATERIALIZED (
    SELECT v.memory_id, v.embedding <=> %(vector)s::halfvec AS distance
    FROM athena.vectors_{layer} v
    WHERE (SELECT count(*) FROM indexed) < {limit} AND v.project_id = %(project)s AND v.embedder_id = {embedder_id}
    ORDER BY distance LIMIT {limit}
)
SELECT n.memory_id, m.content, 1 - n.distance AS cosine
FROM (
    SELECT memory_id, min(distance) AS distance
    FROM (SELECT * FROM indexed UNION ALL SELECT * FROM compared) AS either GROUP BY memory_id
) AS n
JOIN athena.memories m ON m.project_id = %(project)s AND m.id = n.memory_id
ORDER BY n.distance LIMIT {limit}
"""
# What is embedded is what `remember` embeds: of a procedure also when it applies and its steps.
_UNEMBEDDED = """
SELECT m.project_id, m.id, m.layer::text,
    left(concat_ws(E'\n', m.content, nullif(d.applies_when, ''), nullif(array_to_string(d.steps, E'\n'), '')), 16384)
FROM athena.memories m
LEFT JOIN athena.procedural_details d ON d.project_id = m.project_id AND d.memory_id = m.id
WHERE m.superseded_at IS NULL AND m.id > %(after)s AND NOT EXISTS (
    SELECT 1 FROM athena.vectors v
    WHERE v.project_id = m.project_id AND v.memory_id = m.id AND v.layer = m.layer AND v.embedder_id = %(embedder)s)
ORDER BY m.id LIMIT %(limit)s
"""


async def register_embedder(session: Session, name: str, dimension: int) -> int:
    """The id of the store's embedder, which becomes this one when the store has none yet.

    Raises EmbedderMismatch when the store's vectors were made by another.
    """
    await session.execute(_REGISTER, {"name": name, "dimension": dimension})
    active = await session.fetch_one(_ACTIVE)
    if active is None or (active[1], active[2]) != (name, dimension):
        raise _mismatch(active, f"{name} ({dimension} dimensions)")
    return int(active[0])


async def find_embedder(session: Session, name: str, dimension: int) -> int | None:
    """The id of the store's embedder, None when it has none yet. Raises EmbedderMismatch when it is another."""
    active = await session.fetch_one(_ACTIVE)
    if active is not None and (active[1], active[2]) != (name, dimension):
        raise _mismatch(active, f"{name} ({dimension} dimensions)")
    return None if active is None else int(active[0])


async def check_embedder(session: Session, name: str) -> None:
    """Raises EmbedderMismatch when the store's embedder has another name; for one whose dimension is not known yet."""
    active = await session.fetch_one(_ACTIVE)
    if active is not None and active[1] != name:
        raise _mismatch(active, name)


def _mismatch(active: tuple[Any, ...] | None, own: str) -> EmbedderMismatch:
    made_by = f"{active[1]} ({active[2]} dimensions)" if active else "nothing yet"
    return EmbedderMismatch(
        f"The store's vectors were made by {made_by}, this server embeds with {own}. Go back to that embedder, or run "
        "`athena-mcp reembed` with these settings, which embeds all memories anew."
    )


def vector_steps(embedder_id: int, vectors: Sequence[NewVector], *, making: bool = False) -> list[Step]:
    """How to store the vectors of memories that are live; zero vectors, which point nowhere, are left out.

    `making`: even though the embedder is not the store's yet.
    """
    rows = [row for row in vectors if row.vector.any()]
    if not rows:
        return []
    values = [(row.project_id, row.memory_id, half_vector(row.vector)) for row in rows]
    return [_ROWS.step(_INSERT, values, embedder=embedder_id, making=making)]


class Neighbour(NamedTuple):
    """A memory near a vector; `cosine` is at most 1."""

    id: int
    content: str
    cosine: float


async def nearest(
    session: Session, project_id: int, layer: Layer, embedder_id: int, vector: Vector, limit: int
) -> list[Neighbour]:
    """The memories of one project and layer nearest to a vector, nearest first."""
    statement = _nearest_sql(layer, Indexed(embedder_id, len(vector), limit))
    found = await session.fetch(statement, {"project": project_id, "vector": half_vector(vector)})
    return [Neighbour(*row) for row in found]


@functools.cache
def _nearest_sql(layer: Layer, index: Indexed) -> SQL:
    # Put together from numbers and the names of an enumeration; no caller's text gets here.
    return SQL(_NEAREST.format(layer=layer.value, exact=EXACT_LIMIT, **index._asdict()))


async def unembedded(session: Session, embedder_id: int, *, after_id: int, limit: int) -> list[Unembedded]:
    """A page of live memories without a vector, in the order of their ids."""
    found = await session.fetch(_UNEMBEDDED, {"embedder": embedder_id, "after": after_id, "limit": limit})
    return [Unembedded(*row) for row in found]


async def highest_id(session: Session) -> int:
    """The highest id of a memory, or 0."""
    row = await session.fetch_one("SELECT coalesce(max(id), 0) FROM athena.memories")
    return int(row[0]) if row else 0
