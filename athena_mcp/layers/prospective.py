"""The prospective layer: what is to be done, and what makes it due."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from psycopg.rows import class_row

from athena_mcp.db.rows import Column, RowSource
from athena_mcp.db.session import Session, Step
from athena_mcp.errors import InvalidArgument
from athena_mcp.jsonable import isoformat
from athena_mcp.layers.kept import Kept
from athena_mcp.model import (
    MAX_ITEM_CHARS,
    Layer,
    Priority,
    ProspectiveDetails,
    TaskStatus,
    Trigger,
    TriggerKind,
)
from athena_mcp.search.candidates import Candidate, Search, find_candidates
from athena_mcp.validation import check_choice, check_list, check_mapping, check_text, check_time

FIELDS = ("status", "priority", "due_at", "triggers")

_ROWS = RowSource(
    Column("project_id", "integer"),
    Column("memory_id", "bigint"),
    Column("status", "athena.task_status"),
    Column("priority", "athena.priority"),
    Column("due_at", "timestamptz"),
)
_TRIGGER_ROWS = RowSource(
    Column("project_id", "integer"),
    Column("memory_id", "bigint"),
    Column("position", "smallint"),
    Column("kind", "athena.trigger_kind"),
    Column("value", "text"),
    Column("fires_at", "timestamptz"),
)
_KEEP = """
INSERT INTO athena.prospective_details (project_id, memory_id, status, priority, due_at)
SELECT g.project_id, g.memory_id, g.status, g.priority, g.due_at
FROM {rows}
WHERE EXISTS (SELECT 1 FROM athena.memories WHERE project_id = g.project_id AND id = g.memory_id OFFSET 0)
"""
_KEEP_TRIGGERS = """
INSERT INTO athena.prospective_triggers (project_id, memory_id, position, kind, value, fires_at)
SELECT g.project_id, g.memory_id, g.position, g.kind, g.value, g.fires_at
FROM {rows}
WHERE EXISTS (SELECT 1 FROM athena.memories WHERE project_id = g.project_id AND id = g.memory_id OFFSET 0)
"""


@dataclass(frozen=True, slots=True)
class TaskMove:
    """What a report changes of the task it is about; what is None stays."""

    status: TaskStatus | None = None
    due_at: datetime | None = None

    def __bool__(self) -> bool:
        return self.status is not None or self.due_at is not None

    def to_dict(self) -> dict[str, Any]:
        """What is changed, as a receipt says it."""
        changed = {"status": self.status and self.status.value, "due_at": self.due_at and isoformat(self.due_at)}
        return {name: value for name, value in changed.items() if value is not None}


FINISHED = frozenset({TaskStatus.COMPLETED, TaskStatus.CANCELLED})
_STATUS = """
SELECT status::text FROM athena.prospective_details WHERE project_id = %(project)s AND memory_id = %(memory)s
"""
_MOVE = """
UPDATE athena.prospective_details
SET status = coalesce(%(status)s::athena.task_status, status), due_at = coalesce(%(due_at)s::timestamptz, due_at)
WHERE project_id = %(project)s AND memory_id = %(memory)s
"""
_OUTDATED = """
DELETE FROM athena.prospective_triggers
WHERE project_id = %(project)s AND memory_id = %(memory)s AND kind = 'time' AND fires_at < %(due_at)s::timestamptz
"""
# The primary key serves it.
_STANDS = """
SELECT status = coalesce(%(status)s::athena.task_status, status)
    AND due_at IS NOT DISTINCT FROM coalesce(%(due_at)s::timestamptz, due_at)
FROM athena.prospective_details WHERE project_id = ANY (%(projects)s) AND memory_id = %(memory)s
"""

# The primary keys of both tables serve it. What is finished is no answer to what is open.
_LIST = """
SELECT m.id, m.project_id, m.layer::text AS layer, m.at, m.session_id, m.importance,
    1 - 0.001 * (row_number() OVER (ORDER BY
        CASE WHEN %(dated)s THEN d.due_at END,
        CASE WHEN d.status IN ('completed', 'cancelled') THEN m.updated_at END DESC,
        d.priority DESC, d.due_at NULLS LAST, m.at DESC, m.id DESC) - 1)::float8 AS linked
FROM athena.prospective_details d
JOIN athena.memories m ON m.project_id = d.project_id AND m.id = d.memory_id
WHERE d.project_id = ANY (%(projects)s) AND d.status = ANY (%(statuses)s::athena.task_status[])
    AND m.superseded_at IS NULL AND (NOT %(dated)s OR d.due_at IS NOT NULL)
    AND (%(due_from)s::timestamptz IS NULL OR d.due_at >= %(due_from)s)
    AND (%(due_before)s::timestamptz IS NULL OR d.due_at < %(due_before)s)
    AND (%(since)s::timestamptz IS NULL OR m.at >= %(since)s)
    AND (%(until)s::timestamptz IS NULL OR m.at <= %(until)s)
    AND m.tags @> %(tags)s::text[]
ORDER BY linked DESC LIMIT %(limit)s
"""


def parse(raw: Mapping[str, Any]) -> ProspectiveDetails:
    """Typed details from a caller's; the keys have been checked. Raises InvalidArgument."""
    return ProspectiveDetails(
        status=check_choice("details.status", raw.get("status", TaskStatus.PENDING), TaskStatus),
        priority=check_choice("details.priority", raw.get("priority", Priority.MEDIUM), Priority),
        due_at=check_time("details.due_at", raw["due_at"]) if "due_at" in raw else None,
        triggers=tuple(
            parse_trigger(f"details.triggers[{i}]", entry)
            for i, entry in enumerate(check_list("details.triggers", raw.get("triggers", ())))
        ),
    )


def parse_trigger(argument: str, raw: object) -> Trigger:
    """One trigger; the value of a time trigger is normalised to UTC. Raises InvalidArgument."""
    fields = check_mapping(argument, raw, ("on", "value"))
    for field in ("on", "value"):
        if field not in fields:
            raise InvalidArgument(f"{argument}.{field}", "is missing")
    kind = check_choice(f"{argument}.on", fields["on"], TriggerKind)
    if kind is TriggerKind.TIME:
        return Trigger(kind, isoformat(check_time(f"{argument}.value", fields["value"])))
    return Trigger(kind, check_text(f"{argument}.value", fields["value"], MAX_ITEM_CHARS).strip())


def keep(rows: Sequence[Kept[ProspectiveDetails]]) -> list[Step]:
    """How to store the details of new tasks."""
    if not rows:
        return []
    tasks = [
        (
            row.project_id,
            row.memory_id,
            row.details.status.value,
            row.details.priority.value,
            row.details.due_at,
        )
        for row in rows
    ]
    conditions = [
        (
            row.project_id,
            row.memory_id,
            place,
            trigger.on.value,
            trigger.value,
            trigger.value if trigger.on is TriggerKind.TIME else None,
        )
        for row in rows
        for place, trigger in enumerate(row.details.triggers)
    ]
    steps = [_ROWS.step(_KEEP, tasks)]
    return [*steps, _TRIGGER_ROWS.step(_KEEP_TRIGGERS, conditions)] if conditions else steps


async def is_open(session: Session, project_id: int, memory_id: int) -> bool:
    """Whether a task is still to be done."""
    row = await session.fetch_one(_STATUS, {"project": project_id, "memory": memory_id})
    return row is None or TaskStatus(row[0]) not in FINISHED


async def move(session: Session, project_id: int, memory_id: int, to: TaskMove) -> None:
    """Give a task another status, another time, or both. What would make it due before that time is taken away."""
    values = {"project": project_id, "memory": memory_id, **_values(to)}
    await session.execute_steps([Step(_MOVE, values), Step(_OUTDATED, values)])


async def stands(session: Session, project_ids: Sequence[int], memory_id: int, to: TaskMove) -> bool:
    """Whether a task is where it is to be moved to; so is what is no task."""
    values = {"projects": list(project_ids), "memory": memory_id, **_values(to)}
    row = await session.fetch_one(_STANDS, values)
    return row is None or bool(row[0])


def _values(to: TaskMove) -> dict[str, Any]:
    return {"status": to.status.value if to.status else None, "due_at": to.due_at}


async def search(session: Session, query: Search) -> list[Candidate]:
    """The tasks that fit the query, by relevance; what is due stands beside them (athena_mcp/layers/due.py).

    Where tasks as such are wanted, it is those, whatever words they have; `linked` falls with their urgency.
    """
    if query.tasks is None:
        return await find_candidates(session, query, Layer.PROSPECTIVE)
    values = {
        "projects": query.project_ids,
        "limit": query.limit,
        "statuses": list(query.tasks.statuses),
        "dated": query.tasks.dated,
        "due_from": query.tasks.due_from,
        "due_before": query.tasks.due_before,
        "since": query.filters.since,
        "until": query.filters.until,
        "tags": list(query.filters.tags),
    }
    return await session.fetch(_LIST, values, rows=class_row(Candidate))
