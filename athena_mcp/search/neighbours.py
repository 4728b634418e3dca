"""What was said around a memory: those before and after it in the same session, within minutes of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from psycopg.rows import args_row

from athena_mcp.db.session import Session
from athena_mcp.model import Layer
from athena_mcp.search.candidates import Search, half_vector

if TYPE_CHECKING:
    from collections.abc import Collection

REACH = 2
"""How many memories before and after."""
WINDOW_S = 600
"""Farther apart in time, two memories of one session are no conversation (measured: docs/benchmarks.md)."""


@dataclass(frozen=True, slots=True)
class Neighbour:
    """A memory beside `seed_id`; `distance` is 1 for the one next to it. The rest is a candidate's.

    The fields stand in the order of the statement's columns.
    """

    seed_id: int
    distance: int
    id: int
    project_id: int
    layer: str
    at: datetime
    session_id: str
    importance: float
    cosine: float | None


# memories_by_id finds the seeds, memories_by_session what is beside them; what was replaced does not count as a
# neighbour.
_NEIGHBOURS = """
WITH seeds AS MATERIALIZED (
    SELECT m.project_id, m.id, m.session_id, m.at
    FROM unnest(%(seeds)s::bigint[]) AS w (id) CROSS JOIN LATERAL (
        SELECT * FROM athena.memories WHERE id = w.id AND project_id = ANY (%(projects)s::integer[]) OFFSET 0) AS m
), beside AS (
    SELECT s.id AS seed_id, row_number() OVER (PARTITION BY s.id ORDER BY n.at DESC, n.id DESC) AS distance, n.*
    FROM seeds s CROSS JOIN LATERAL (
        SELECT m.id, m.project_id, m.layer, m.at, m.session_id, m.importance, m.tags FROM athena.memories m
        WHERE m.project_id = s.project_id AND m.session_id = s.session_id AND (m.at, m.id) < (s.at, s.id)
            AND m.at >= s.at - make_interval(secs => %(window_s)s) AND m.superseded_at IS NULL
        ORDER BY m.at DESC, m.id DESC LIMIT %(reach)s) AS n
    UNION ALL
    SELECT s.id, row_number() OVER (PARTITION BY s.id ORDER BY n.at, n.id), n.*
    FROM seeds s CROSS JOIN LATERAL (
        SELECT m.id, m.project_id, m.layer, m.at, m.session_id, m.importance, m.tags FROM athena.memories m
        WHERE m.project_id = s.project_id AND m.session_id = s.session_id AND (m.at, m.id) > (s.at, s.id)
            AND m.at <= s.at + make_interval(secs => %(window_s)s) AND m.superseded_at IS NULL
        ORDER BY m.at, m.id LIMIT %(reach)s) AS n
)
SELECT b.seed_id, b.distance::integer AS distance, b.id, b.project_id, b.layer::text AS layer, b.at, b.session_id,
    b.importance, CASE WHEN %(vector)s::halfvec IS NOT NULL THEN (
        SELECT 1 - (v.embedding <=> %(vector)s::halfvec) FROM athena.vectors v
        WHERE v.project_id = b.project_id AND v.memory_id = b.id AND v.embedder_id = %(embedder)s AND v.layer = b.layer
    ) END AS cosine
FROM beside b
WHERE b.layer = ANY (%(layers)s::athena.layer[])
    AND (%(since)s::timestamptz IS NULL OR b.at >= %(since)s)
    AND (%(until)s::timestamptz IS NULL OR b.at <= %(until)s)
    AND b.tags @> %(tags)s::text[]
"""


async def find_neighbours(
    session: Session, search: Search, seeds: Sequence[int], layers: Collection[Layer]
) -> list[Neighbour]:
    """The memories around these, of the layers that may be answered from, that pass the search's filters."""
    if not seeds:
        return []
    return await session.fetch(
        _NEIGHBOURS,
        {
            "projects": search.project_ids,
            "seeds": list(seeds),
            "reach": REACH,
            "window_s": WINDOW_S,
            "vector": half_vector(search.vector),
            "embedder": search.embedder_id,
            "layers": [layer.value for layer in layers],
            "since": search.filters.since,
            "until": search.filters.until,
            "tags": list(search.filters.tags),
        },
        rows=args_row(Neighbour),
    )
