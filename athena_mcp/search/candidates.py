"""One layer's best memories for a query, by both arms, each with both of its scores."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from psycopg.rows import class_row
from psycopg.sql import SQL, Composed, Identifier, Literal

from athena_mcp.db.session import Session
from athena_mcp.model import Layer
from athena_mcp.search.lexical import K1, B, LexicalQuery

if TYPE_CHECKING:
    from athena_mcp.embed.embedder import Vector

EXACT_LIMIT = 8_000
"""Up to so many memories of a layer in scope every vector is compared; above, the HNSW index is asked."""


@dataclass(frozen=True, slots=True)
class Filters:
    """What a memory must satisfy to be found at all; None or empty means anything."""

    since: datetime | None = None
    until: datetime | None = None
    tags: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return self.since is not None or self.until is not None or bool(self.tags)


@dataclass(frozen=True, slots=True)
class Search:
    """A query made ready: embedded once, its terms weighed once, then put to every layer."""

    text: str
    project_ids: list[int]
    lexical: LexicalQuery
    vector: Vector | None
    embedder_id: int | None
    filters: Filters
    limit: int
    """How many candidates an arm may name."""
    exact: frozenset[Layer]
    """The layers small enough in this scope to compare every vector."""
    allowed: frozenset[Layer] = frozenset(Layer)
    """The caller's hard limit: a hit may come from these layers only."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A memory that some arm named. Scores are raw: BM25, the weight of the query terms it has, and the cosine."""

    id: int
    project_id: int
    layer: str
    at: datetime
    session_id: str
    importance: float
    lexical: float = 0.0
    covered: float = 0.0
    cosine: float | None = None
    linked: float = 0.0
    """How strongly the graph ties it to the query's entities, 0 to 1."""


async def find_candidates(session: Session, search: Search, layer: Layer) -> list[Candidate]:
    """The union of what both arms find in one layer; filters apply before the limit, so they never cost a hit."""
    if not search.lexical and search.vector is None:
        return []
    return await session.fetch(candidates_sql(layer, search), candidate_values(search), rows=class_row(Candidate))


def candidate_values(search: Search) -> dict[str, Any]:
    """The parameters of `candidates_sql`."""
    return {
        "projects": search.project_ids,
        "term_projects": search.lexical.project_ids,
        "terms": search.lexical.term_ids,
        "weights": search.lexical.weights,
        "mean_length": search.lexical.mean_length,
        "limit": search.limit,
        "vector": half_vector(search.vector),
        "embedder": search.embedder_id,
        "since": search.filters.since,
        "until": search.filters.until,
        "tags": list(search.filters.tags),
    }


def half_vector(vector: Vector | None) -> object:
    """A vector as the driver sends it."""
    if vector is None:
        return None
    from pgvector import HalfVector

    return HalfVector(vector)


def candidates_sql(layer: Layer, search: Search) -> Composed:
    """The query put to one layer; its arms, and the filters, are there only when they are needed."""
    vectors = Identifier("athena", f"vectors_{layer}")
    filtered = bool(search.filters)
    arms: list[Composed] = []
    if search.lexical:
        arms.append(
            SQL(
                "(SELECT s.project_id, s.memory_id FROM scored s {filter} ORDER BY s.lexical DESC, s.memory_id DESC"
                " LIMIT %(limit)s)"
            ).format(filter=SQL(_FILTER).format(row=SQL("s")) if filtered else SQL(""))
        )
    if search.vector is not None:
        distance = _distance(search, layer)
        arms.append(
            SQL(
                "(SELECT v.project_id, v.memory_id FROM {vectors} v {filter}"
                " {word} v.project_id = ANY (%(projects)s) AND v.embedder_id = %(embedder)s"
                " ORDER BY {distance} LIMIT %(limit)s)"
            ).format(
                vectors=vectors,
                filter=SQL(_FILTER).format(row=SQL("v")) if filtered else SQL(""),
                word=SQL("AND" if filtered else "WHERE"),
                distance=distance,
            )
        )
    cosine = SQL("1 - (v.embedding <=> %(vector)s::halfvec)") if search.vector is not None else SQL("NULL::float8")
    joined = (
        SQL(
            "LEFT JOIN {vectors} v ON v.project_id = c.project_id AND v.memory_id = c.memory_id"
            " AND v.embedder_id = %(embedder)s"
        ).format(vectors=vectors)
        if search.vector is not None
        else SQL("")
    )
    return SQL(_CANDIDATES).format(
        postings=Identifier("athena", f"postings_{layer}"),
        k1=Literal(K1),
        k1_plus_1=Literal(K1 + 1),
        one_minus_b=Literal(1 - B),
        b=Literal(B),
        arms=SQL(" UNION ").join(arms),
        cosine=cosine,
        joined=joined,
    )


def _distance(search: Search, layer: Layer) -> Composed | SQL:
    """Cosine distance; written as the HNSW index has it where that index is to be used (athena_mcp/search/hnsw.py)."""
    if layer in search.exact or search.vector is None:
        return SQL("v.embedding <=> %(vector)s::halfvec")
    dimension = Literal(len(search.vector))
    return SQL("v.embedding::halfvec({d}) <=> %(vector)s::halfvec({d})").format(d=dimension)


# Postings are read from the covering index of the layer's partition; memories and vectors by their keys.
_CANDIDATES = """
WITH scored AS MATERIALIZED (
    SELECT p.project_id, p.memory_id, sum(w.weight) AS covered,
        sum(w.weight * p.tf * {k1_plus_1}::float8
            / (p.tf + {k1}::float8 * ({one_minus_b}::float8 + {b}::float8 * p.length / %(mean_length)s::float8)
            )) AS lexical
    FROM unnest(%(term_projects)s::integer[], %(terms)s::integer[], %(weights)s::float8[])
        AS w (project_id, term_id, weight)
    JOIN {postings} p ON p.project_id = w.project_id AND p.term_id = w.term_id
    GROUP BY p.project_id, p.memory_id
), chosen AS (
    {arms}
)
SELECT m.id, m.project_id, m.layer::text AS layer, m.at, m.session_id, m.importance,
    coalesce(s.lexical, 0) AS lexical, coalesce(s.covered, 0) AS covered, {cosine} AS cosine
FROM chosen c
JOIN athena.memories m ON m.project_id = c.project_id AND m.id = c.memory_id
LEFT JOIN scored s ON s.project_id = c.project_id AND s.memory_id = c.memory_id
{joined}
"""

_FILTER = """
JOIN athena.memories f ON f.project_id = {row}.project_id AND f.id = {row}.memory_id
WHERE (%(since)s::timestamptz IS NULL OR f.at >= %(since)s)
    AND (%(until)s::timestamptz IS NULL OR f.at <= %(until)s)
    AND f.tags @> %(tags)s::text[]
"""
