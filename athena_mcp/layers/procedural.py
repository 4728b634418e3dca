"""The procedural layer: how a thing is done, when that applies, and how often it worked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from athena_mcp.db.rows import Column, RowSource
from athena_mcp.db.session import Session, Step
from athena_mcp.layers.kept import Kept, array_literal
from athena_mcp.model import MAX_ITEM_CHARS, Layer, Outcome, ProceduralDetails
from athena_mcp.search.candidates import Candidate, Search, find_candidates
from athena_mcp.validation import check_text, check_texts

FIELDS = ("steps", "applies_when")

_ROWS = RowSource(
    Column("project_id", "integer"),
    Column("memory_id", "bigint"),
    Column("steps", "text"),
    Column("applies_when", "text"),
    Column("successes", "integer"),
    Column("failures", "integer"),
)
_KEEP = """
INSERT INTO athena.procedural_details (project_id, memory_id, steps, applies_when, successes, failures)
SELECT g.project_id, g.memory_id, g.steps::text[], g.applies_when, g.successes, g.failures
FROM {rows}
WHERE EXISTS (SELECT 1 FROM athena.memories WHERE project_id = g.project_id AND id = g.memory_id OFFSET 0)
"""
_COUNT = """
UPDATE athena.procedural_details
SET successes = successes + %(succeeded)s, failures = failures + %(failed)s
WHERE project_id = %(project)s AND memory_id = %(memory)s
RETURNING successes, failures
"""


def parse(raw: Mapping[str, Any]) -> ProceduralDetails:
    """Typed details from a caller's; the keys have been checked. Raises InvalidArgument."""
    applies_when = raw.get("applies_when")
    return ProceduralDetails(
        steps=check_texts("details.steps", raw.get("steps", ())),
        applies_when=None if applies_when is None else check_text("details.applies_when", applies_when, MAX_ITEM_CHARS),
    )


def keep(rows: Sequence[Kept[ProceduralDetails]]) -> list[Step]:
    """How to store the details of new procedures."""
    if not rows:
        return []
    values = [
        (
            row.project_id,
            row.memory_id,
            array_literal(row.details.steps),
            row.details.applies_when,
            row.details.successes,
            row.details.failures,
        )
        for row in rows
    ]
    return [_ROWS.step(_KEEP, values)]


async def count_run(session: Session, project_id: int, memory_id: int, outcome: Outcome) -> dict[str, int]:
    """Count one reported run of a procedure and return both counts; only success and failure count."""
    counts = await session.fetch_one(
        _COUNT,
        {
            "project": project_id,
            "memory": memory_id,
            "succeeded": int(outcome is Outcome.SUCCESS),
            "failed": int(outcome is Outcome.FAILURE),
        },
    )
    successes, failures = counts or (0, 0)
    return {"successes": successes, "failures": failures}


async def search(session: Session, query: Search) -> list[Candidate]:
    """The procedures that fit the query, by relevance."""
    return await find_candidates(session, query, Layer.PROCEDURAL)
