"""Memories as rows: written all at once, read whole whatever their layer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from psycopg.rows import namedtuple_row

from athena_mcp.db.rows import Column, RowSource
from athena_mcp.db.session import Session, Statement, Step
from athena_mcp.layers.kept import Kept, array_literal
from athena_mcp.layers.registry import layer_rooms
from athena_mcp.model import (
    Details,
    EpisodicDetails,
    EpisodicKind,
    GraphDetails,
    Layer,
    Memory,
    Outcome,
    Priority,
    ProceduralDetails,
    ProspectiveDetails,
    Relation,
    SemanticDetails,
    SemanticKind,
    TaskStatus,
    Trigger,
    TriggerKind,
)

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
EVENT_REPEAT_S = 60
"""An event without a time of its own that is told again within this many seconds is the same event."""


@dataclass(frozen=True, slots=True)
class NewMemory:
    """A memory on its way in: validated, redacted, its project and layer known."""

    project_id: int
    id: int
    """A fresh one (`next_ids`), or its own when an import keeps its ids."""
    layer: Layer
    content: str
    content_hash: bytes
    session_id: str
    details: Details
    also: str = ""
    """What else it is found by."""
    occurred_at: datetime | None = None
    created_at: datetime | None = None
    tags: tuple[str, ...] = ()
    importance: float = 0.5
    key: str | None = None
    about: int | None = None
    superseded_by: int | None = None
    superseded_at: datetime | None = None


_NEXT_IDS = "SELECT nextval(pg_get_serial_sequence('athena.memories', 'id')) FROM generate_series(1, %(n)s)"
_ROWS = RowSource(
    Column("project_id", "integer"),
    Column("id", "bigint"),
    Column("layer", "athena.layer"),
    Column("content", "text", binary=True),
    Column("content_hash", "bytea", binary=True),
    Column("also", "text", binary=True),
    Column("occurred_at", "timestamptz"),
    Column("created_at", "timestamptz"),
    Column("session_id", "text"),
    Column("tags", "text"),
    Column("importance", "float8"),
    Column("key", "text"),
    Column("about_id", "bigint"),
    Column("superseded_by", "bigint"),
    Column("superseded_at", "timestamptz"),
)
# A memory that has a twin by now is left out, and with it its details and its vector, which ask for it.
_INSERT = """
INSERT INTO athena.memories (project_id, id, layer, content, content_hash, also, occurred_at, created_at, session_id,
    tags, importance, key, about_id, superseded_by, superseded_at)
SELECT g.project_id, g.id, g.layer, g.content, g.content_hash, g.also, g.occurred_at, coalesce(g.created_at, now()),
    g.session_id, g.tags::text[], g.importance, g.key, g.about_id, g.superseded_by, g.superseded_at
FROM {rows}
WHERE NOT EXISTS (
        SELECT 1 FROM athena.memories k WHERE k.project_id = g.project_id AND k.key = g.key)
    AND (g.superseded_at IS NOT NULL OR NOT EXISTS (
        SELECT 1 FROM athena.memories t
        WHERE t.project_id = g.project_id AND t.layer = g.layer AND t.content_hash = g.content_hash
            AND t.superseded_at IS NULL AND (
                g.layer <> 'episodic'
                OR (t.about_id IS NOT DISTINCT FROM g.about_id AND (
                    t.occurred_at = g.occurred_at
                    OR (t.occurred_at IS NULL AND g.occurred_at IS NULL
                        AND abs(extract(epoch FROM coalesce(g.created_at, now()) - t.created_at)) <= %(repeat_s)s))))))
RETURNING id
"""


async def next_ids(session: Session, count: int) -> list[int]:
    """Fresh ids; one that is not used leaves a gap."""
    return [row[0] for row in await session.fetch(_NEXT_IDS, {"n": count})]


def insert_steps(rows: Sequence[NewMemory]) -> list[Step]:
    """How to insert memories with their details, in a transaction that holds their projects' locks.

    The first step returns the ids that were inserted: all but those that have a twin.
    """
    memories = [
        (
            row.project_id,
            row.id,
            row.layer.value,
            row.content,
            row.content_hash,
            row.also,
            row.occurred_at,
            row.created_at,
            row.session_id,
            array_literal(row.tags),
            row.importance,
            row.key,
            row.about,
            row.superseded_by,
            row.superseded_at,
        )
        for row in rows
    ]
    rooms = layer_rooms()
    details = [
        step
        for layer in Layer
        if (kept := [Kept(row.project_id, row.id, row.details) for row in rows if row.layer is layer])
        for step in rooms[layer].keep(kept)
    ]
    return [_ROWS.step(_INSERT, memories, repeat_s=EVENT_REPEAT_S), *details]


_MEMORY = """
SELECT m.id, p.name AS project, m.layer::text AS layer, m.content, m.created_at, m.occurred_at, m.session_id, m.tags,
    m.importance, m.key, m.about_id, m.superseded_by, m.superseded_at,
    e.kind::text AS episodic_kind, e.outcome::text AS outcome, e.files,
    s.kind::text AS semantic_kind, s.confidence, s.source,
    d.steps, d.applies_when, d.successes, d.failures,
    t.status::text AS status, t.priority::text AS priority, t.due_at,
    CASE WHEN t.memory_id IS NOT NULL THEN (
        SELECT array_agg(ARRAY[g.kind::text, g.value] ORDER BY g.position)
        FROM athena.prospective_triggers g WHERE g.project_id = m.project_id AND g.memory_id = m.id) END AS triggers,
    (SELECT array_agg(ARRAY[a.name, r.relation, b.name, (extract(epoch FROM r.ended_at) * 1000000)::bigint::text]
            ORDER BY r.id)
        FROM athena.relations r
        JOIN athena.entities a ON a.project_id = r.project_id AND a.id = r.subject_id
        JOIN athena.entities b ON b.project_id = r.project_id AND b.id = r.object_id
        WHERE r.project_id = m.project_id AND r.memory_id = m.id
            AND (%(ended)s OR r.ended_at IS NULL)) AS relations
"""
_DETAILS = """
JOIN athena.projects p ON p.id = m.project_id
LEFT JOIN athena.episodic_details e ON e.project_id = m.project_id AND e.memory_id = m.id
LEFT JOIN athena.semantic_details s ON s.project_id = m.project_id AND s.memory_id = m.id
LEFT JOIN athena.procedural_details d ON d.project_id = m.project_id AND d.memory_id = m.id
LEFT JOIN athena.prospective_details t ON t.project_id = m.project_id AND t.memory_id = m.id
"""
# memories_by_id serves it, once an id: without OFFSET the planner might read all that the projects hold.
_WANTED = """
FROM unnest(%(ids)s::bigint[]) AS w (id)
CROSS JOIN LATERAL (
    SELECT * FROM athena.memories WHERE id = w.id AND project_id = ANY (%(projects)s::integer[]) OFFSET 0
) AS m
"""
_BY_IDS = _MEMORY + _WANTED + _DETAILS
_EVERY = _MEMORY + "FROM athena.memories m" + _DETAILS
_NEWEST = (
    _EVERY
    + """
WHERE (%(projects)s::integer[] IS NULL OR m.project_id = ANY (%(projects)s)) AND m.id < %(before)s
    AND (%(layer)s::athena.layer IS NULL OR m.layer = %(layer)s)
    AND (%(superseded)s OR m.superseded_at IS NULL)
ORDER BY m.id DESC LIMIT %(limit)s
"""
)
_FROM_OLDEST = (
    _EVERY
    + """
WHERE (%(projects)s::integer[] IS NULL OR m.project_id = ANY (%(projects)s)) AND m.id > %(after)s
ORDER BY m.id LIMIT %(limit)s
"""
)


async def read_memories(session: Session, project_ids: Sequence[int], ids: Sequence[int]) -> dict[int, Memory]:
    """The memories with these ids, by id, with the relations that still hold; those not in the projects are absent."""
    return await _read(session, _BY_IDS, {"projects": list(project_ids), "ids": list(ids), "ended": False})


async def read_newest(
    session: Session,
    project_ids: Sequence[int] | None,
    *,
    layer: Layer | None,
    limit: int,
    before_id: int,
    superseded: bool,
) -> list[Memory]:
    """A page of memories, newest first; no project ids means every project."""
    values = {
        "projects": None if project_ids is None else list(project_ids),
        "before": before_id,
        "layer": layer and layer.value,
        "superseded": superseded,
        "ended": False,
        "limit": limit,
    }
    return list((await _read(session, _NEWEST, values)).values())


async def read_from_oldest(
    session: Session, project_ids: Sequence[int] | None, *, after_id: int, limit: int
) -> list[Memory]:
    """A page of memories in the order of their ids, history included."""
    values = {
        "projects": None if project_ids is None else list(project_ids),
        "after": after_id,
        "limit": limit,
        "ended": True,
    }
    return list((await _read(session, _FROM_OLDEST, values)).values())


async def _read(session: Session, statement: Statement, values: dict[str, Any]) -> dict[int, Memory]:
    rows: list[Any] = list(await session.fetch(statement, values, rows=namedtuple_row))
    return {row.id: _memory(row) for row in rows}


def _memory(row: Any) -> Memory:
    return Memory(
        id=row.id,
        project=row.project,
        layer=Layer(row.layer),
        content=row.content,
        created_at=row.created_at,
        occurred_at=row.occurred_at,
        session_id=row.session_id,
        tags=tuple(row.tags),
        importance=row.importance,
        details=_details(row),
        relations=tuple(_relation(*edge) for edge in row.relations or ()),
        key=row.key,
        about=row.about_id,
        superseded_by=row.superseded_by,
        superseded_at=row.superseded_at,
    )


def _relation(subject: str, relation: str, to: str, ended_us: str | None) -> Relation:
    """An edge whose end is given in microseconds since 1970, which no conversion rounds."""
    return Relation(subject, relation, to, None if ended_us is None else _EPOCH + timedelta(microseconds=int(ended_us)))


def _details(row: Any) -> Details:
    match Layer(row.layer):
        case Layer.EPISODIC:
            outcome = Outcome(row.outcome) if row.outcome else None
            return EpisodicDetails(EpisodicKind(row.episodic_kind), outcome, tuple(row.files))
        case Layer.SEMANTIC:
            return SemanticDetails(SemanticKind(row.semantic_kind), row.confidence, row.source)
        case Layer.PROCEDURAL:
            return ProceduralDetails(tuple(row.steps), row.applies_when, row.successes, row.failures)
        case Layer.PROSPECTIVE:
            triggers = tuple(Trigger(TriggerKind(kind), value) for kind, value in row.triggers or ())
            return ProspectiveDetails(TaskStatus(row.status), Priority(row.priority), row.due_at, triggers)
        case Layer.GRAPH:
            return GraphDetails()
