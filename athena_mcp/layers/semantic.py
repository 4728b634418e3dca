"""The semantic layer: what is true, who says so, and how sure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from athena_mcp.db.rows import Column, RowSource
from athena_mcp.db.session import Session, Step
from athena_mcp.layers.kept import Kept
from athena_mcp.model import MAX_ITEM_CHARS, Layer, SemanticDetails, SemanticKind
from athena_mcp.search.candidates import Candidate, Search, find_candidates
from athena_mcp.validation import check_choice, check_fraction, check_text

FIELDS = ("kind", "confidence", "source")

_ROWS = RowSource(
    Column("project_id", "integer"),
    Column("memory_id", "bigint"),
    Column("kind", "athena.semantic_kind"),
    Column("confidence", "float8"),
    Column("source", "text"),
)
_KEEP = """
INSERT INTO athena.semantic_details (project_id, memory_id, kind, confidence, source)
SELECT g.project_id, g.memory_id, g.kind, g.confidence, g.source
FROM {rows}
WHERE EXISTS (SELECT 1 FROM athena.memories WHERE project_id = g.project_id AND id = g.memory_id OFFSET 0)
"""


def parse(raw: Mapping[str, Any]) -> SemanticDetails:
    """Typed details from a caller's; the keys have been checked. Raises InvalidArgument."""
    return SemanticDetails(
        kind=check_choice("details.kind", raw.get("kind", SemanticKind.FACT), SemanticKind),
        confidence=check_fraction("details.confidence", raw["confidence"]) if "confidence" in raw else None,
        source=check_text("details.source", raw["source"], MAX_ITEM_CHARS) if "source" in raw else None,
    )


def keep(rows: Sequence[Kept[SemanticDetails]]) -> list[Step]:
    """How to store the details of new facts."""
    if not rows:
        return []
    values = [
        (row.project_id, row.memory_id, row.details.kind.value, row.details.confidence, row.details.source)
        for row in rows
    ]
    return [_ROWS.step(_KEEP, values)]


async def search(session: Session, query: Search) -> list[Candidate]:
    """The facts that fit the query, by relevance."""
    return await find_candidates(session, query, Layer.SEMANTIC)
