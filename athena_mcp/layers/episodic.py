"""The episodic layer: what happened, and how it ended."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from athena_mcp.db.session import Session, Step
from athena_mcp.layers.kept import Kept
from athena_mcp.model import EpisodicDetails, EpisodicKind, Layer, Outcome
from athena_mcp.search.candidates import Candidate, Search, find_candidates
from athena_mcp.validation import check_choice, check_texts

FIELDS = ("kind", "outcome", "files")

_KEEP = """
INSERT INTO athena.episodic_details (project_id, memory_id, kind, outcome, files)
SELECT %(project)s::integer, %(memory)s::bigint, %(kind)s::athena.episodic_kind,
    %(outcome)s::athena.outcome, %(files)s::text[]
WHERE EXISTS (SELECT 1 FROM athena.memories WHERE project_id = %(project)s AND id = %(memory)s)
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
    return [
        Step(
            _KEEP,
            {
                "project": row.project_id,
                "memory": row.memory_id,
                "kind": row.details.kind.value,
                "outcome": row.details.outcome and row.details.outcome.value,
                "files": list(row.details.files),
            },
        )
        for row in rows
    ]


async def search(session: Session, query: Search) -> list[Candidate]:
    """The events that fit the query, by relevance."""
    return await find_candidates(session, query, Layer.EPISODIC)
