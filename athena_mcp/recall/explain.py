"""The trace of a recall: what was looked for, and how each hit came by its place."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from athena_mcp.recall.confidence import answer_signs, hit_signs
from athena_mcp.recall.fusion import Ranked
from athena_mcp.search.candidates import Search
from athena_mcp.search.scope import Scope

MAX_TERMS = 20


def explain(search: Search, ranked: Sequence[Ranked], k: int, scope: Scope) -> dict[str, Any]:
    """Why these hits, in this order: the weight of each term (rare ones weigh more) and the parts of each score."""
    weights = sorted(search.lexical.weight_of.items(), key=lambda item: -item[1])[:MAX_TERMS]
    answer = answer_signs(ranked, search.lexical)
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
                "covered": round(row.covered, 3),
                "linked": round(row.linked, 3),
                "intended": round(row.intended, 3),
                "context": round(row.context, 3),
                "read": round(row.read, 3),
                "signs": rounded(signs),
            }
            for row, signs in zip(ranked, hit_signs(ranked, search.lexical, k), strict=False)
        ],
        "signs": rounded(answer) if answer else {},
    }


def rounded(signs: Any) -> dict[str, float]:
    """The signs of a confidence by name."""
    return {name: round(value, 4) for name, value in asdict(signs).items()}
