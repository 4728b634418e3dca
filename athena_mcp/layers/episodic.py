"""The episodic layer: what happened, and how it ended."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from athena_mcp.db.rows import Column, RowSource
from athena_mcp.db.session import Session, Step
from athena_mcp.layers.kept import Kept, array_literal
from athena_mcp.model import EpisodicDetails, EpisodicKind, Layer, Outcome
from athena_mcp.search.candidates import Candidate, Search, find_candidates
from athena_mcp.validation import check_choice, check_texts

FIELDS = ("kind", "outcome", "files")

_ROWS = RowSource(
    Column("project_id", "integer"),
    Column("memory_id", "bigint"),
    Column("kind", "athena.episodic_kind"),
    Column("outcome", "athena.outcome"),
    Column("files", "text"),
)
_KEEP = """
INSERT INTO athena.episodic_details (project_id, memory_id, kind, outcome, files)
SELECT g.project_id, g.memory_id, g.kind, g.outcome, g.files::text[]
FROM {rows}
WHERE EXISTS (SELECT 1 FROM athena.memories WHERE project_id = g.project_id AND id = g.memory_id OFFSET 0)
"""


def parse(raw: Mapping[str, Any]) -> EpisodicDetails:
    """Typed details from a caller's; the keys have been checked. Raises InvalidArgument."""
    return EpisodicDetails(
        kind=check_choice("details.kind", raw.get("kind", EpisodicKind.EVENT), EpisodicKind),
        outcome=check_choice("details.outcome", raw["outcome"], Outcome) if "outcome" in raw else None,
        files=tuple(dict.fromkeys(check_texts("details.files", raw.get("files", ())))),
    )


def keep(rows: Sequence[Kept[EpisodicDetails]]) -> list[Step]:
    """How to store the details of new events."""
    if not rows:
        return []
    values = [
        (
            row.project_id,
            row.memory_id,
            row.details.kind.value,
            row.details.outcome and row.details.outcome.value,
            array_literal(row.details.files),
        )
        for row in rows
    ]
    return [_ROWS.step(_KEEP, values)]


async def search(session: Session, query: Search) -> list[Candidate]:
    """The events that fit the query, by relevance."""
    return await find_candidates(session, query, Layer.EPISODIC)
