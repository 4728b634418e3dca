"""From what was seen to rows of numbers, and the probabilities of rows that a fit has not seen."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from athena_mcp.bench.calibration.observed import MIX, Kind, Seen
from athena_mcp.bench.calibration.regression import Fitted, fit

if TYPE_CHECKING:
    import numpy.typing as npt

    Floats = npt.NDArray[np.float64]
    Flags = npt.NDArray[np.bool_]

FOLDS = 5
"""How a single case is divided, by question."""


@dataclass(frozen=True, slots=True)
class Row:
    """An answer, or one hit of an answer."""

    seen: Seen
    signs: Mapping[str, float]
    """Empty for an answer that found nothing: its probability is 0, and no fit sees it."""
    right: bool
    """Whether the hit, or any hit of the answer, is relevant."""
    shipped: float
    """The probability that Athena gave."""
    rank: int = 0
    """Of a hit, from 0."""


@dataclass(frozen=True, slots=True)
class Sample:
    """Rows that one set of constants is for, and as arrays with one element a row."""

    rows: tuple[Row, ...]
    names: tuple[str, ...]
    """Of the signs, in the order of the constants."""
    signs: Floats
    """Shape (rows, names)."""
    signless: Flags
    right: Floats
    shipped: Floats
    counts: Floats
    """What a row counts: kinds as in MIX, and every case the same whatever its size."""

    def where(self, chosen: Flags) -> Sample:
        """Only these rows."""
        return _sample([self.rows[place] for place in np.flatnonzero(chosen)], self.names)

    def of(self, kind: Kind) -> Flags:
        """The rows of a kind."""
        return np.array([row.seen.kind is kind for row in self.rows], bool)

    def of_case(self, case: str) -> Flags:
        """The rows of a case."""
        return np.array([row.seen.case == case for row in self.rows], bool)

    @property
    def found(self) -> Flags:
        """The rows whose answer has a relevant memory."""
        return np.array([row.seen.found for row in self.rows], bool)

    @property
    def first(self) -> Flags:
        """The rows of a first hit."""
        return np.array([row.rank == 0 for row in self.rows], bool)

    @property
    def cases(self) -> tuple[str, ...]:
        """The cases, each once."""
        return tuple(dict.fromkeys(row.seen.case for row in self.rows))


def answers(seen: Sequence[Seen]) -> Sample:
    """A row an answer."""
    return _sample([Row(row, row.signs, row.found, row.confidence) for row in seen])


def hits(seen: Sequence[Seen]) -> Sample:
    """A row a hit; an answer without any is one row without signs."""
    return _sample(
        [
            made
            for row in seen
            for made in (
                [Row(row, hit.signs, hit.right, hit.confidence, rank) for rank, hit in enumerate(row.hits)]
                or [Row(row, {}, False, 0.0)]
            )
        ]
    )


def fit_all(sample: Sample, *, first: float = 1.0) -> Fitted:
    """The constants for all rows; a first hit counts `first` times what the others do."""
    usable = ~sample.signless
    counts = sample.counts * np.where(sample.first, first, 1.0)
    return fit(sample.signs[usable], sample.right[usable], counts[usable])


def predict(fitted: Fitted, sample: Sample) -> Floats:
    """The probability of each row."""
    return np.where(sample.signless, 0.0, fitted.predict(sample.signs))


def predict_held_out(sample: Sample, *, first: float = 1.0) -> Floats:
    """The probability of each row by constants fitted without its case; of a single case, without its fold."""
    by_case = len(sample.cases) > 1
    folds = np.array([row.seen.case if by_case else str(row.seen.number % FOLDS) for row in sample.rows])
    predicted = np.zeros(len(folds))
    for fold in dict.fromkeys(folds.tolist()):
        held = folds == fold
        if not held.all():
            predicted[held] = predict(fit_all(sample.where(~held), first=first), sample.where(held))
    return predicted


def _sample(rows: Sequence[Row], names: tuple[str, ...] | None = None) -> Sample:
    named = next((tuple(row.signs) for row in rows if row.signs), ()) if names is None else names
    return Sample(
        rows=tuple(rows),
        names=named,
        signs=np.array([[row.signs.get(name, 0.0) for name in named] for row in rows], float).reshape(-1, len(named)),
        signless=np.array([not row.signs for row in rows], bool),
        right=np.array([row.right for row in rows], float),
        shipped=np.array([row.shipped for row in rows], float),
        counts=_counts(row.seen for row in rows),
    )


def _counts(seen: Iterable[Seen]) -> Floats:
    listed = list(seen)
    whole: dict[str, float] = {}
    for row in listed:
        whole[row.case] = whole.get(row.case, 0.0) + MIX[row.kind]
    share = sum(whole.values()) / max(1, len(whole))
    return np.array([MIX[row.kind] * share / whole[row.case] for row in listed], float)
