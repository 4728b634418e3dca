"""The lines of an export: a header, then one memory a line, each a JSON object whose keys always stand in one order."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from athena_mcp.model import Details, Memory, ProspectiveDetails, Relation, details_row

FORMAT_VERSION = 1


@dataclass(frozen=True, slots=True)
class Header:
    """The first line of an export: what wrote it, when, and how many memories of which projects follow."""

    version: str
    """Athena's version, for people; readers go by `FORMAT_VERSION`."""
    exported_at: datetime
    projects: Sequence[str]

    def to_row(self) -> dict[str, Any]:
        """The header as JSON."""
        return {
            "athena_export": FORMAT_VERSION,
            "version": self.version,
            "exported_at": exact_time(self.exported_at),
            "projects": list(self.projects),
        }


def memory_to_row(memory: Memory) -> dict[str, Any]:
    """A memory as JSON, whole: history and links included, empty fields left out, keys in a fixed order."""
    row: dict[str, Any] = {
        "id": memory.id,
        "project": memory.project,
        "layer": memory.layer.value,
        "content": memory.content,
        "occurred_at": exact_time(memory.occurred_at) if memory.occurred_at else None,
        "created_at": exact_time(memory.created_at),
        "session_id": memory.session_id,
        "tags": list(memory.tags) or None,
        "importance": memory.importance,
        "details": _details_row(memory.details) or None,
        "relations": [_relation_row(relation) for relation in memory.relations] or None,
        "key": memory.key,
        "about": memory.about,
        "superseded_by": memory.superseded_by,
        "superseded_at": exact_time(memory.superseded_at) if memory.superseded_at else None,
    }
    return {name: value for name, value in row.items() if value is not None}


def _details_row(details: Details | None) -> dict[str, Any]:
    row = details_row(details)
    if isinstance(details, ProspectiveDetails) and details.due_at is not None:
        row["due_at"] = exact_time(details.due_at)
    return row


def _relation_row(relation: Relation) -> dict[str, str]:
    row = relation.to_dict()
    return row if relation.ended_at is None else {**row, "ended_at": exact_time(relation.ended_at)}


def to_line(row: dict[str, Any]) -> str:
    """One line of an export, with its line end."""
    # ASCII escapes would double the size of a Chinese memory; U+2028 is legal in a JSON string and splits no line here.
    return json.dumps(row, ensure_ascii=False, separators=(",", ":"), allow_nan=False) + "\n"


def exact_time(moment: datetime) -> str:
    """ISO 8601 in UTC to the microsecond: a rounded time would make a re-imported event another event."""
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")
