"""The trace of a recall: what was looked for, and how each hit came by its place."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from athena_mcp.recall.fusion import Ranked
from athena_mcp.search.candidates import Search
from athena_mcp.search.scope import Scope

MAX_TERMS = 20


def explain(search: Search, best: Sequence[Ranked], scope: Scope) -> dict[str, Any]:
    """Why these hits, in this order: the weight of each term (rare ones weigh more) and the parts of each score."""
    weights = sorted(search.lexical.weight_of.items(), key=lambda item: -item[1])[:MAX_TERMS]
    return {
        "terms": {term[:60]: round(weight, 2) for term, weight in weights},
        "unknown_terms": [term[:60] for term in search.lexical.unknown[:MAX_TERMS]],
        "vector": search.vector is not None,
        "searched": {layer.value: count for layer, count in scope.memories.items() if count},
        "scores": [
            {
                "id": row.candidate.id,
                "score": round(row.score, 3),
                "lexical": round(row.lexical, 3),
                "cosine": round(row.cosine, 3),
                "linked": round(row.linked, 3),
            }
            for row in best
        ],
    }
