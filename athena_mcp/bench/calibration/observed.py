"""What was seen: each question as it was put, the signs of its answer, and whether the answer was right."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from athena_mcp.bench.quality.measured import LoadedCase


class Kind(StrEnum):
    """How a question was put."""

    ASKED = "asked"
    """As it is, in a store that has its answer."""
    LEFT_OUT = "left out"
    """In a store that lacks its relevant memories and has all else that was said about them."""
    OTHER = "other case"
    """A question of another case: the store is about something else."""
    UNANSWERABLE = "unanswerable"
    """One that its case calls unanswerable: it names no relevant memory."""


MIX: Mapping[Kind, float] = {Kind.ASKED: 1.0, Kind.LEFT_OUT: 0.5, Kind.OTHER: 0.5, Kind.UNANSWERABLE: 0.5}
"""What a question of each kind counts: as many that can be answered as cannot, the usual case of an agent at work."""


@dataclass(frozen=True, slots=True)
class SeenHit:
    """One hit of an answer."""

    signs: Mapping[str, float]
    confidence: float
    """The probability that Athena gave."""
    right: bool


@dataclass(frozen=True, slots=True)
class Seen:
    """One answer."""

    case: str
    number: int
    """Which question of its case; the same for all ways to put it."""
    kind: Kind
    depth: int
    vectors: bool
    """Whether the store had an embedder."""
    signs: Mapping[str, float]
    """Empty when nothing was found."""
    confidence: float
    nothing_relevant: bool
    hits: tuple[SeenHit, ...]
    """Best first."""

    @property
    def found(self) -> bool:
        """Whether a relevant memory is among the hits."""
        return any(hit.right for hit in self.hits)


@dataclass(frozen=True, slots=True)
class Collected:
    """Everything that was seen, in the order of the cases and their questions."""

    cases: tuple[LoadedCase, ...]
    seen: tuple[Seen, ...]
    remarks: tuple[str, ...] = ()
