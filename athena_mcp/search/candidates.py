"""One layer's best memories for a query, by both arms, each with both of its scores."""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, NamedTuple

from psycopg.rows import args_row
from psycopg.sql import SQL

from athena_mcp.db.session import Session
from athena_mcp.model import Layer
from athena_mcp.search.lexical import K1, B, LexicalQuery

if TYPE_CHECKING:
    from athena_mcp.embed.embedder import Vector

EXACT_LIMIT = 8_000
"""Up to so many memories of a layer in scope every vector is compared; above, the HNSW index is asked."""
LIMIT_STEP = 40
"""The limit of an index scan is rounded up to a multiple of this, so that there are few statements."""


@dataclass(frozen=True, slots=True)
class Filters:
    """What a memory must satisfy to be found at all; None or empty means anything."""

    since: datetime | None = None
    until: datetime | None = None
    tags: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return self.since is not None or self.until is not None or bool(self.tags)


@dataclass(frozen=True, slots=True)
class TaskList:
    """Tasks that are asked for as such: the open ones, and of these perhaps only some."""

    statuses: tuple[str, ...] = ("pending", "in_progress", "blocked")
    dated: bool = False
    """Only those that have a due time, the soonest first; else the most urgent ones are first."""
    due_from: datetime | None = None
    due_before: datetime | None = None
    """Only those that are due from then on, and before then."""


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
    tasks: TaskList | None = None
    """Which tasks as such are wanted, whatever they are about."""
    entities: tuple[tuple[int, int], ...] = ()
    """The graph's entities that the query names: project and id."""


class Indexed(NamedTuple):
    """What a scan of an HNSW index is asked for, all of it in the statement's text.

    A prepared plan cannot know that a parameter is the embedder that the index is limited to (see search/hnsw.py), and
    takes a limit that it does not know for a large one.
    """

    embedder_id: int
    dimension: int
    limit: int


@dataclass(frozen=True, slots=True)
class Shape:
    """What a candidates statement has. `index` is given where the HNSW index is to be used."""

    lexical: bool
    vector: bool
    filtered: bool
    index: Indexed | None = None


class Candidate(NamedTuple):
    """A memory that some arm named. Scores are raw: BM25, the weight of the query terms it has, and the cosine.

    The fields stand in the order of the columns of `candidates_sql`. A tuple, since a recall makes hundreds: a frozen
    dataclass takes four times as long to make.
    """

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
    statement = candidates_sql(layer, shape_of(search, layer))
    return await session.fetch(statement, candidate_values(search), rows=args_row(Candidate), binary=True)


def candidate_values(search: Search) -> dict[str, Any]:
    """The parameters of `candidates_sql`."""
    return {
        "projects": search.project_ids,
        "term_projects": search.lexical.project_ids,
        "terms": search.lexical.term_ids,
        "weights": search.lexical.weights,
        "mean_length": search.lexical.mean_length,
        "k1": K1,
        "k1_plus_1": K1 + 1,
        "b": B,
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


@functools.cache
def candidates_sql(layer: Layer, shape: Shape) -> SQL:
    """The query put to one layer; its arms, and the filters, are there only when they are needed.

    A statement has few shapes and is made once for each: composing it anew would cost as much as sending it.
    """
    found = []
    near = short = ""
    if shape.lexical:
        found.append(_LEXICAL_ARM.format(layer=layer.value))
    if shape.vector and shape.index is not None:
        passes = _PASSES.format(exact=EXACT_LIMIT) if shape.filtered else ""
        kept = _KEPT.format(layer=layer.value, one_more=EXACT_LIMIT + 1) if shape.filtered else ""
        near = kept + _NEAR.format(layer=layer.value, passes=passes, **shape.index._asdict())
        found.append(_OF_NEAR)
        short = _SHORT
    if shape.vector:
        own_filter = _FILTER.format(row="v") if shape.filtered else ""
        found.append(_VECTOR_ARM.format(layer=layer.value, filter=own_filter, short=short))
    text = _CANDIDATES.format(
        near=near,
        found=" UNION ALL ".join(found),
        filter=_FILTER.format(row="a") if shape.filtered else "",
        cosine=_COSINE.format(layer=layer.value) if shape.vector else "NULL::float8",
    )
    # Put together from the constants below and the names of an enumeration; no caller's text gets here.
    return SQL(text)


def shape_of(search: Search, layer: Layer) -> Shape:
    """Which shape of the statement a search needs for a layer."""
    index = None
    if search.vector is not None and search.embedder_id is not None and layer not in search.exact:
        limit = math.ceil(search.limit / LIMIT_STEP) * LIMIT_STEP
        index = Indexed(search.embedder_id, len(search.vector), limit)
    return Shape(
        lexical=bool(search.lexical), vector=search.vector is not None, filtered=bool(search.filters), index=index
    )


# Read from the covering index of the layer's partition alone.
_LEXICAL_ARM = """
SELECT p.project_id, p.memory_id, w.weight, NULL::float8 AS distance,
    w.weight * p.tf * %(k1_plus_1)s::float8
        / (p.tf + %(k1)s::float8 * (1 - %(b)s::float8 + %(b)s::float8 * p.length / %(mean_length)s::float8)) AS part
FROM unnest(%(term_projects)s::integer[], %(terms)s::integer[], %(weights)s::float8[])
    AS w (project_id, term_id, weight)
JOIN athena.postings_{layer} p ON p.project_id = w.project_id AND p.term_id = w.term_id
"""

# Every vector of the projects is compared.
_VECTOR_ARM = """
(SELECT v.project_id, v.memory_id, 0::float8 AS weight, v.embedding <=> %(vector)s::halfvec AS distance,
    0::float8 AS part
FROM athena.vectors_{layer} v {filter}
WHERE {short} v.project_id = ANY (%(projects)s) AND v.embedder_id = %(embedder)s
ORDER BY distance LIMIT %(limit)s)
"""

# Read from the HNSW index of the layer's partition. It gives up when too much of what is near does not pass; only then
# is every vector compared after all.
_NEAR = """near AS MATERIALIZED (
    SELECT v.project_id, v.memory_id, v.embedding::halfvec({dimension}) <=> %(vector)s::halfvec({dimension}) AS distance
    FROM athena.vectors_{layer} v
    WHERE v.project_id = ANY (%(projects)s) AND v.embedder_id = {embedder_id} {passes}
    ORDER BY distance LIMIT {limit}
), """
_OF_NEAR = "SELECT project_id, memory_id, 0::float8 AS weight, distance, 0::float8 AS part FROM near"
_SHORT = "(SELECT count(*) FROM near) < %(limit)s AND"

# All that the vector arm names and then the best of the lexical arm. The arms are added up in one pass: joining two
# lists whose sizes the planner cannot know cost ten times as much.
_CANDIDATES = """
WITH {near}added AS (
    SELECT f.project_id, f.memory_id, sum(f.part) AS lexical, sum(f.weight) AS covered, min(f.distance) AS distance
    FROM ({found}) AS f GROUP BY f.project_id, f.memory_id
), chosen AS MATERIALIZED (
    SELECT a.* FROM added a {filter}
    ORDER BY a.distance IS NULL, a.lexical DESC, a.memory_id DESC LIMIT 2 * %(limit)s
)
SELECT m.id, m.project_id, m.layer::text AS layer, m.at, m.session_id, m.importance, c.lexical, c.covered,
    {cosine} AS cosine
FROM chosen c
JOIN athena.memories m ON m.project_id = c.project_id AND m.id = c.memory_id
"""

# The vectors of what the words alone have found are looked up for it.
_COSINE = """
    1 - coalesce(c.distance, (
        SELECT v.embedding <=> %(vector)s::halfvec FROM athena.vectors_{layer} v
        WHERE v.project_id = c.project_id AND v.memory_id = c.memory_id AND v.embedder_id = %(embedder)s))
"""

_FILTER = """
JOIN athena.memories f ON f.project_id = {row}.project_id AND f.id = {row}.memory_id
    AND f.project_id = ANY (%(projects)s)
    AND f.at BETWEEN coalesce(%(since)s::timestamptz, '-infinity') AND coalesce(%(until)s::timestamptz, 'infinity')
    AND f.tags @> %(tags)s::text[]
"""
# Where few memories pass, the index is not asked: it would be read far and wide before it has enough of them.
_KEPT = """kept AS MATERIALIZED (
    SELECT FROM athena.memories f
    WHERE f.project_id = ANY (%(projects)s) AND f.layer = '{layer}' AND f.superseded_at IS NULL
        AND f.at BETWEEN coalesce(%(since)s::timestamptz, '-infinity') AND coalesce(%(until)s::timestamptz, 'infinity')
        AND f.tags @> %(tags)s::text[]
    LIMIT {one_more}
), """
# The filter row by row: a join would be started from the other side, without the index.
_PASSES = """AND (SELECT count(*) FROM kept) > {exact} AND (
        SELECT f.at BETWEEN coalesce(%(since)s::timestamptz, '-infinity')
            AND coalesce(%(until)s::timestamptz, 'infinity') AND f.tags @> %(tags)s::text[]
        FROM athena.memories f WHERE f.project_id = v.project_id AND f.id = v.memory_id)"""
