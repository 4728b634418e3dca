"""The semantic layer: what is true, who says so, and how sure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from athena_mcp.db.session import Session
from athena_mcp.layers.kept import Kept
from athena_mcp.model import MAX_ITEM_CHARS, Layer, SemanticDetails, SemanticKind
from athena_mcp.search.candidates import Candidate, Search, find_candidates
from athena_mcp.validation import check_choice, check_fraction, check_text

FIELDS = ("kind", "confidence", "source")

_KEEP = """
INSERT INTO athena.semantic_details (project_id, memory_id, kind, confidence, source)
VALUES (%(project)s, %(memory)s, %(kind)s::athena.semantic_kind, %(confidence)s, %(source)s)
"""


def parse(raw: Mapping[str, Any]) -> SemanticDetails:
    """Typed details from a caller's; the keys have been checked. Raises InvalidArgument."""
    return SemanticDetails(
        kind=check_choice("details.kind", raw.get("kind", SemanticKind.FACT), SemanticKind),
        confidence=check_fraction("details.confidence", raw["confidence"]) if "confidence" in raw else None,
        source=check_text("details.source", raw["source"], MAX_ITEM_CHARS) if "source" in raw else None,
    )


async def keep(session: Session, rows: Sequence[Kept[SemanticDetails]]) -> None:
    """Store the details of new facts."""
    await session.execute_many(
        _KEEP,
        [
            {
                "project": row.project_id,
                "memory": row.memory_id,
                "kind": row.details.kind.value,
                "confidence": row.details.confidence,
                "source": row.details.source,
            }
            for row in rows
        ],
    )


async def search(session: Session, query: Search) -> list[Candidate]:
    """The facts that fit the query, by relevance."""
    return await find_candidates(session, query, Layer.SEMANTIC)
