"""The semantic layer: what is true, who says so, and how sure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from athena_mcp.db.session import Session, Step
from athena_mcp.layers.kept import Kept
from athena_mcp.model import MAX_ITEM_CHARS, Layer, SemanticDetails, SemanticKind
from athena_mcp.search.candidates import Candidate, Search, find_candidates
from athena_mcp.validation import check_choice, check_fraction, check_text

FIELDS = ("kind", "confidence", "source")

_KEEP = """
INSERT INTO athena.semantic_details (project_id, memory_id, kind, confidence, source)
SELECT %(project)s::integer, %(memory)s::bigint, %(kind)s::athena.semantic_kind,
    %(confidence)s::float8, %(source)s::text
WHERE EXISTS (SELECT 1 FROM athena.memories WHERE project_id = %(project)s AND id = %(memory)s)
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
    return [
        Step(
            _KEEP,
            {
                "project": row.project_id,
                "memory": row.memory_id,
                "kind": row.details.kind.value,
                "confidence": row.details.confidence,
                "source": row.details.source,
            },
        )
        for row in rows
    ]


async def search(session: Session, query: Search) -> list[Candidate]:
    """The facts that fit the query, by relevance."""
    return await find_candidates(session, query, Layer.SEMANTIC)
