"""The graph layer: entities, the typed relations between them, and the memories that state these."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from psycopg.rows import class_row
from psycopg.sql import SQL

from athena_mcp.db.session import Session, Step
from athena_mcp.layers.entity_names import keys_in, name_key, relation_key
from athena_mcp.layers.kept import Kept, Replaced
from athena_mcp.layers.single_valued import is_single_valued
from athena_mcp.model import GraphDetails, Layer, Relation
from athena_mcp.search.candidates import Candidate, Search, find_candidates

FIELDS: tuple[str, ...] = ()

MAX_EDGES = 100
"""Edges that one recall follows."""
MAX_NAMED = 100
"""Entities of a query whose edges are followed."""

_ENTITIES = """
INSERT INTO athena.entities (project_id, name, name_key)
SELECT * FROM unnest(%(projects)s::integer[], %(names)s::text[], %(keys)s::text[])
ON CONFLICT (project_id, name_key) DO NOTHING
"""
# An edge that a memory states again after it had ended holds again. Told twice at once it is one edge: a row cannot be
# inserted and updated by one statement.
_RELATE = """
INSERT INTO athena.relations (project_id, memory_id, subject_id, relation, relation_key, object_id, ended_at)
SELECT project_id, memory_id, subject_id, relation, relation_key, object_id, ended_at
FROM (
    SELECT DISTINCT ON (r.project_id, r.memory_id, s.id, r.relation_key, o.id)
        r.project_id, r.memory_id, s.id AS subject_id, r.relation, r.relation_key, o.id AS object_id, r.ended_at,
        r.place
    FROM unnest(%(projects)s::integer[], %(memories)s::bigint[], %(subjects)s::text[], %(relations)s::text[],
        %(relation_keys)s::text[], %(objects)s::text[], %(ended_ats)s::timestamptz[]) WITH ORDINALITY
        AS r (project_id, memory_id, subject_key, relation, relation_key, object_key, ended_at, place)
    JOIN athena.entities s ON s.project_id = r.project_id AND s.name_key = r.subject_key
    JOIN athena.entities o ON o.project_id = r.project_id AND o.name_key = r.object_key
    ORDER BY r.project_id, r.memory_id, s.id, r.relation_key, o.id, r.place
) AS stated
ORDER BY place
ON CONFLICT (project_id, memory_id, subject_id, relation_key, object_id)
    DO UPDATE SET ended_at = NULL, ended_by = NULL WHERE relations.ended_at IS NOT NULL AND excluded.ended_at IS NULL
"""
# A graph memory all of whose edges have ended was replaced as a whole, by the last that ended one of them. Memories
# and what they have stated are looked up by their keys: without OFFSET the planner might read all that a layer has.
_END = """
WITH ended AS (
    UPDATE athena.relations old SET ended_at = now(), ended_by = new.memory_id
    FROM (
        SELECT n.place, r.*
        FROM unnest(%(projects)s::integer[], %(memories)s::bigint[], %(keys)s::text[]) WITH ORDINALITY
            AS n (project_id, memory_id, relation_key, place)
        CROSS JOIN LATERAL (
            SELECT project_id, memory_id, subject_id, relation_key, object_id FROM athena.relations
            WHERE project_id = n.project_id AND memory_id = n.memory_id AND relation_key = n.relation_key
                AND ended_at IS NULL OFFSET 0) AS r
    ) AS new
    WHERE old.project_id = new.project_id AND old.subject_id = new.subject_id AND old.relation_key = new.relation_key
        AND old.object_id <> new.object_id AND old.memory_id <> new.memory_id AND old.ended_at IS NULL
    RETURNING old.id, old.project_id, old.memory_id, new.place, new.memory_id AS ended_by
), left_of AS (
    SELECT DISTINCT ON (project_id, memory_id) project_id, memory_id, ended_by FROM ended
    ORDER BY project_id, memory_id, place DESC
)
SELECT l.project_id, l.memory_id, l.ended_by
FROM left_of l
CROSS JOIN LATERAL (
    SELECT layer, superseded_at FROM athena.memories WHERE project_id = l.project_id AND id = l.memory_id OFFSET 0) AS m
CROSS JOIN LATERAL (
    SELECT count(*) AS edges FROM athena.relations r
    WHERE r.project_id = l.project_id AND r.memory_id = l.memory_id AND r.ended_at IS NULL
        AND r.id NOT IN (SELECT id FROM ended)) AS lasting
WHERE m.layer = 'graph' AND m.superseded_at IS NULL AND lasting.edges = 0
ORDER BY l.memory_id
"""
_ORPHANS = """
DELETE FROM athena.entities e
WHERE e.project_id = %(project)s AND NOT EXISTS (
        SELECT 1 FROM athena.relations r WHERE r.project_id = e.project_id AND r.subject_id = e.id)
    AND NOT EXISTS (SELECT 1 FROM athena.relations r WHERE r.project_id = e.project_id AND r.object_id = e.id)
"""
# relations_by_subject and relations_by_object serve it. An edge between two named entities answers best.
_EDGES_TEXT = """
WITH named AS MATERIALIZED (
    SELECT project_id, id FROM unnest(%(projects)s::integer[], %(entities)s::bigint[]) AS n (project_id, id)
), edges AS (
    SELECT r.project_id, r.memory_id, r.id FROM named n
    JOIN athena.relations r ON r.project_id = n.project_id AND r.subject_id = n.id AND r.ended_at IS NULL
    UNION ALL
    SELECT r.project_id, r.memory_id, r.id FROM named n
    JOIN athena.relations r ON r.project_id = n.project_id AND r.object_id = n.id AND r.ended_at IS NULL
), linked AS (
    SELECT e.project_id, e.memory_id, max(e.ends) AS ends
    FROM (SELECT project_id, memory_id, id, count(*) AS ends FROM edges GROUP BY project_id, memory_id, id) AS e
    {filter}
    GROUP BY e.project_id, e.memory_id ORDER BY ends DESC, e.memory_id DESC LIMIT %(limit)s
)
SELECT m.id, m.project_id, m.layer::text AS layer, m.at, m.session_id, m.importance,
    least(1.0, l.ends / 2.0)::float8 AS linked
FROM linked l
JOIN athena.memories m ON m.project_id = l.project_id AND m.id = l.memory_id
WHERE m.superseded_at IS NULL AND m.layer = ANY (%(layers)s::athena.layer[])
"""
# Before the limit, so that it never costs a hit; without filters the memories of all edges need not be looked at.
_FILTER = """
JOIN athena.memories f ON f.project_id = e.project_id AND f.id = e.memory_id
    AND f.superseded_at IS NULL AND f.layer = ANY (%(layers)s::athena.layer[])
    AND f.at BETWEEN coalesce(%(since)s::timestamptz, '-infinity') AND coalesce(%(until)s::timestamptz, 'infinity')
    AND f.tags @> %(tags)s::text[]
"""
_EDGES = SQL(_EDGES_TEXT.format(filter=""))
_FILTERED_EDGES = SQL(_EDGES_TEXT.format(filter=_FILTER))


# The edges of each entity in `{of}`, both ways, that its newest memories state; relations_by_subject and
# relations_by_object serve it.
_NEWEST = """
SELECT o.project_id, e.memory_id, x.other_id FROM {of} AS o CROSS JOIN LATERAL (
    (SELECT r.memory_id, array_agg(r.object_id) AS others FROM athena.relations r
     WHERE r.project_id = o.project_id AND r.subject_id = o.id AND r.ended_at IS NULL
     GROUP BY r.memory_id ORDER BY r.memory_id DESC LIMIT %(newest)s)
    UNION ALL
    (SELECT r.memory_id, array_agg(r.subject_id) FROM athena.relations r
     WHERE r.project_id = o.project_id AND r.object_id = o.id AND r.ended_at IS NULL
     GROUP BY r.memory_id ORDER BY r.memory_id DESC LIMIT %(newest)s)
) AS e CROSS JOIN LATERAL unnest(e.others) AS x (other_id)
"""

# From the edges that the seeds state to the entities they join, and on to what else is stated of these; then once more,
# unless that is more than can be shown already. No entity has more to give than its newest edges.
_EXPAND_TEXT = """
WITH near AS MATERIALIZED (
    SELECT DISTINCT r.project_id, e.id
    FROM athena.relations r CROSS JOIN LATERAL (VALUES (r.subject_id), (r.object_id)) AS e (id)
    WHERE r.project_id = ANY (%(projects)s) AND r.memory_id = ANY (%(seeds)s) AND r.ended_at IS NULL
), first AS MATERIALIZED ({of_near}), far AS MATERIALIZED (
    SELECT project_id, other_id AS id FROM first
    WHERE (SELECT count(DISTINCT (project_id, memory_id)) FROM first) < %(newest)s
    EXCEPT SELECT project_id, id FROM near
), reached AS (
    SELECT e.project_id, e.memory_id, min(e.hop) AS hop
    FROM (
        SELECT project_id, memory_id, 1 AS hop FROM first
        UNION ALL
        SELECT project_id, memory_id, 2 FROM ({of_far}) AS second
    ) AS e
    {filter}
    WHERE NOT e.memory_id = ANY (%(seeds)s)
    GROUP BY e.project_id, e.memory_id ORDER BY hop, e.memory_id DESC LIMIT %(limit)s
)
SELECT m.id, m.project_id, m.layer::text AS layer, m.at, m.session_id, m.importance,
    (0.5 / power(2, f.hop))::float8 AS linked
FROM reached f
JOIN athena.memories m ON m.project_id = f.project_id AND m.id = f.memory_id
WHERE m.superseded_at IS NULL AND m.layer = ANY (%(layers)s::athena.layer[])
"""


def _expand(filter: str) -> SQL:
    # Put together from constants; no caller's text gets here.
    return SQL(_EXPAND_TEXT.format(of_near=_NEWEST.format(of="near"), of_far=_NEWEST.format(of="far"), filter=filter))


_EXPAND, _FILTERED_EXPAND = _expand(""), _expand(_FILTER)
MOST_FILTERED = 1_000
"""Of an entity's newest memories so many are looked at where only some of them may be shown."""


# The rows of `NamedEntity`, the longest name first: it is told apart better than a short one.
# entities_project_id_name_key_key serves it.
NAMED = """
SELECT project_id, id, name FROM athena.entities
WHERE project_id = ANY ({projects}) AND name_key = ANY (%(keys)s::text[])
ORDER BY length(name_key) DESC, name_key LIMIT %(named)s
"""


class Slot(NamedTuple):
    """What a relation is stated of: where it is single-valued, one object at a time is in the slot."""

    project_id: int
    subject_key: str
    relation_key: str


class Stated(NamedTuple):
    """What a memory states: its edges."""

    project_id: int
    memory_id: int
    relations: Sequence[Relation]

    @property
    def single_valued(self) -> list[str]:
        """The keys of its relations that have one object at a time."""
        return sorted({key for edge in self.relations if is_single_valued(key := relation_key(edge.relation))})

    @property
    def slots(self) -> set[Slot]:
        """The slots of its edges."""
        return {Slot(self.project_id, name_key(edge.subject), relation_key(edge.relation)) for edge in self.relations}


class NamedEntity(NamedTuple):
    """An entity that a query names."""

    project_id: int
    id: int
    name: str


def named_values(query: str) -> dict[str, Any]:
    """The parameters of `NAMED`."""
    return {"keys": keys_in(query), "named": MAX_NAMED}


@dataclass(frozen=True, slots=True)
class Related:
    """What stating relations changed: the graph memories that are replaced as a whole."""

    supersedes: tuple[int, ...] = ()


def parse(raw: Mapping[str, Any]) -> GraphDetails:
    """The graph layer has no details; its edges are the argument `relations`."""
    return GraphDetails()


def keep(rows: Sequence[Kept[GraphDetails]]) -> list[Step]:
    """Nothing besides the memory itself; see `relate`."""
    return []


async def relate(session: Session, stated: Sequence[Stated]) -> None:
    """Store the edges that memories state, in their order; of an entity's spellings the first stays."""
    names: dict[tuple[int, str], str] = {}
    for memory in stated:
        own = {name_key(name): name for edge in memory.relations for name in (edge.subject, edge.object)}
        for key, name in own.items():
            names.setdefault((memory.project_id, key), name)
    if not names:
        return
    entities = sorted(names)
    edges = [(memory, edge) for memory in stated for edge in memory.relations]
    await session.execute_steps(
        [
            Step(
                _ENTITIES,
                {
                    "projects": [project_id for project_id, _ in entities],
                    "names": [names[entity] for entity in entities],
                    "keys": [key for _, key in entities],
                },
            ),
            Step(
                _RELATE,
                {
                    "projects": [memory.project_id for memory, _ in edges],
                    "memories": [memory.memory_id for memory, _ in edges],
                    "subjects": [name_key(edge.subject) for _, edge in edges],
                    "relations": [edge.relation for _, edge in edges],
                    "relation_keys": [relation_key(edge.relation) for _, edge in edges],
                    "objects": [name_key(edge.object) for _, edge in edges],
                    "ended_ats": [edge.ended_at for _, edge in edges],
                },
            ),
        ]
    )


async def end_replaced(session: Session, stated: Stated) -> Related:
    """End the edges of single-valued relations that a memory's edges, which are stored, replace."""
    return Related(supersedes=tuple(row.id for row in await end_replaced_by_each(session, [stated])))


async def end_replaced_by_each(session: Session, stated: Sequence[Stated]) -> list[Replaced]:
    """The same for several memories at once, no two of which state anything of the same slot; see `Slot`."""
    ends = [(memory, key) for memory in stated for key in memory.single_valued]
    if not ends:
        return []
    values = {
        "projects": [memory.project_id for memory, _ in ends],
        "memories": [memory.memory_id for memory, _ in ends],
        "keys": [key for _, key in ends],
    }
    return [Replaced(*row) for row in await session.fetch(_END, values)]


async def drop_orphans(session: Session, project_id: int) -> None:
    """Remove the entities that no relation names any more."""
    await session.execute(_ORPHANS, {"project": project_id})


async def search(session: Session, query: Search) -> list[Candidate]:
    """Graph memories that fit the query, and whatever memory states a relation of an entity that it names (one hop)."""
    candidates = await find_candidates(session, query, Layer.GRAPH)
    if not query.entities:
        return candidates
    found = {(row.project_id, row.id): row for row in candidates}
    edges = await session.fetch(
        _FILTERED_EDGES if _narrowed(query) else _EDGES,
        {
            "projects": [project_id for project_id, _ in query.entities],
            "entities": [entity_id for _, entity_id in query.entities],
            "limit": MAX_EDGES,
            "layers": [layer.value for layer in query.allowed],
            "since": query.filters.since,
            "until": query.filters.until,
            "tags": list(query.filters.tags),
        },
        rows=class_row(Candidate),
    )
    for edge in edges:
        known = found.get((edge.project_id, edge.id))
        found[edge.project_id, edge.id] = known._replace(linked=edge.linked) if known else edge
    return list(found.values())


def _narrowed(query: Search) -> bool:
    """Whether not all memories of the scope may be found."""
    return bool(query.filters) or query.allowed < frozenset(Layer)


async def expand(session: Session, query: Search, seeds: Sequence[int]) -> list[Candidate]:
    """What the relations stated by these memories lead to, one and two steps on; the farther, the weaker."""
    return await session.fetch(
        _FILTERED_EXPAND if _narrowed(query) else _EXPAND,
        {
            "projects": query.project_ids,
            "seeds": list(seeds),
            "limit": MAX_EDGES,
            # The seeds' own edges are passed over afterwards.
            "newest": MOST_FILTERED if _narrowed(query) else MAX_EDGES + len(seeds),
            "layers": [layer.value for layer in query.allowed],
            "since": query.filters.since,
            "until": query.filters.until,
            "tags": list(query.filters.tags),
        },
        rows=class_row(Candidate),
    )
