"""One list from all layers and arms. Pure: candidates in, ranked candidates out, with the trace of each score.

Scores of an arm are scaled by the best of that arm over all layers and added, each with its weight. Adding scaled
scores beat fusing ranks on every set that was measured (docs/benchmarks.md).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from athena_mcp.search.candidates import Candidate


@dataclass(frozen=True, slots=True)
class Weights:
    """How much each arm counts beside the lexical one, whose best hit counts 1."""

    cosine: float = 0.6
    linked: float = 0.3


@dataclass(frozen=True, slots=True)
class Ranked:
    """A candidate in its place. `score` has no unit; the parts add up to it."""

    candidate: Candidate
    score: float
    lexical: float
    cosine: float
    linked: float


def fuse(candidates: Iterable[Candidate], weights: Weights | None = None) -> list[Ranked]:
    """Every candidate once, best first; of equals the later one, then the higher id."""
    weights = weights or Weights()
    merged = merge(candidates)
    best_lexical = max((row.lexical for row in merged), default=0.0) or 1.0
    best_cosine = max((row.cosine or 0.0 for row in merged), default=0.0)
    ranked = []
    for row in merged:
        lexical = row.lexical / best_lexical
        cosine = weights.cosine * max(0.0, row.cosine or 0.0) / best_cosine if best_cosine > 0 else 0.0
        linked = weights.linked * row.linked
        ranked.append(Ranked(row, lexical + cosine + linked, lexical, cosine, linked))
    return sorted(ranked, key=lambda row: (-row.score, -row.candidate.at.timestamp(), -row.candidate.id))


def merge(candidates: Iterable[Candidate]) -> Sequence[Candidate]:
    """One row a memory, with the best that any arm knows of it."""
    merged: dict[int, Candidate] = {}
    for row in candidates:
        known = merged.get(row.id)
        if known is None:
            merged[row.id] = row
            continue
        merged[row.id] = dataclasses.replace(
            known,
            lexical=max(known.lexical, row.lexical),
            covered=max(known.covered, row.covered),
            cosine=max((value for value in (known.cosine, row.cosine) if value is not None), default=None),
            linked=max(known.linked, row.linked),
        )
    return list(merged.values())
