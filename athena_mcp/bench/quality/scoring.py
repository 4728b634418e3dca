"""How good a ranking is, and the averages over many. No judge but the ids: no model, no opinion."""

from __future__ import annotations

import statistics
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from athena_mcp.bench.timing import Latency

CUT = 10
"""How far down the list the reciprocal rank looks."""


@dataclass(frozen=True, slots=True)
class Score:
    """One ranking against one question's relevant memories, each figure from 0 to 1."""

    frac_5: float
    """The share of the relevant memories among the first five."""
    frac_10: float
    any_10: float
    """1 when at least one relevant memory is among the first ten."""
    reciprocal_rank: float
    """1 divided by the rank of the first relevant memory, 0 beyond `CUT`."""


@dataclass(frozen=True, slots=True)
class LayerUse:
    """How many layers hold anything, and how many of those were asked."""

    filled: int
    asked: int


@dataclass(frozen=True, slots=True)
class Asked:
    """One question, asked one way."""

    case: str
    category: str | None
    score: Score
    elapsed_ms: float
    layers: LayerUse | None = None
    """None for what has no layers."""
    depth: int | None = None
    """The depth reached; None for what has no tiers."""


@dataclass(frozen=True, slots=True)
class Summary:
    """The averages over `n` questions."""

    n: int
    frac_5: float
    frac_10: float
    any_10: float
    mrr: float
    latency: Latency
    saved: float | None
    """The share of the queries to layers that hold something that were not made."""
    depth: float | None
    """The mean depth reached."""

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        figures = {
            "frac@5": self.frac_5,
            "frac@10": self.frac_10,
            "any@10": self.any_10,
            "mrr": self.mrr,
            "layer_queries_saved": self.saved,
            "mean_depth": self.depth,
        }
        rounded = {name: None if value is None else round(value, 4) for name, value in figures.items()}
        return {"n": self.n, **rounded, "recall_ms": self.latency.to_dict()}


def score(ranking: Sequence[Collection[str]], relevant: frozenset[str]) -> Score:
    """Score a ranking whose every row stands for one or more ids (texts that are equal are stored once)."""

    def found(k: int) -> int:
        return len(relevant.intersection(id for row in ranking[:k] for id in row))

    first = next((rank for rank, row in enumerate(ranking[:CUT], 1) if relevant.intersection(row)), None)
    return Score(
        frac_5=found(5) / len(relevant),
        frac_10=found(10) / len(relevant),
        any_10=float(found(10) > 0),
        reciprocal_rank=1 / first if first is not None else 0.0,
    )


def summarise(asked: Sequence[Asked]) -> Summary:
    """The averages over at least one question; every question counts the same."""
    layers = [row.layers for row in asked if row.layers is not None]
    filled = sum(row.filled for row in layers)
    depths = [row.depth for row in asked if row.depth is not None]
    return Summary(
        n=len(asked),
        frac_5=statistics.fmean(row.score.frac_5 for row in asked),
        frac_10=statistics.fmean(row.score.frac_10 for row in asked),
        any_10=statistics.fmean(row.score.any_10 for row in asked),
        mrr=statistics.fmean(row.score.reciprocal_rank for row in asked),
        latency=Latency.of([row.elapsed_ms for row in asked]),
        saved=1 - sum(row.asked for row in layers) / filled if filled else None,
        depth=statistics.fmean(depths) if depths else None,
    )
