"""How good probabilities are: calibration, Brier score, and how well they tell right from wrong. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

    Floats = npt.NDArray[np.float64]

BINS = 10


@dataclass(frozen=True, slots=True)
class Bin:
    """The predictions from `low` up to `high`."""

    low: float
    high: float
    n: int
    count: float
    """What they count together."""
    predicted: float
    observed: float
    """The share that was right."""

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        return {
            "low": self.low,
            "high": self.high,
            "n": self.n,
            "predicted": round(self.predicted, 4),
            "observed": round(self.observed, 4),
        }


def reliability(predicted: Floats, right: Floats, counts: Floats, bins: int = BINS) -> list[Bin]:
    """The bins of equal width that hold anything."""
    place = np.minimum((predicted * bins).astype(int), bins - 1)
    found = []
    for number in range(bins):
        inside = place == number
        if inside.any():
            count = counts[inside]
            found.append(
                Bin(
                    number / bins,
                    (number + 1) / bins,
                    int(inside.sum()),
                    float(count.sum()),
                    float(np.average(predicted[inside], weights=count)),
                    float(np.average(right[inside], weights=count)),
                )
            )
    return found


def calibration_error(predicted: Floats, right: Floats, counts: Floats, bins: int = BINS) -> float:
    """The expected calibration error: the mean distance of predicted and observed over the bins."""
    rows = reliability(predicted, right, counts, bins)
    return sum(row.count * abs(row.predicted - row.observed) for row in rows) / sum(row.count for row in rows)


def brier(predicted: Floats, right: Floats, counts: Floats) -> float:
    """The mean squared distance of prediction and outcome."""
    return float(np.average((predicted - right) ** 2, weights=counts))


def brier_skill(predicted: Floats, right: Floats, counts: Floats) -> float | None:
    """How much better than always predicting the base rate: 1 is perfect, 0 no better. None if all are alike."""
    base = float(np.average(right, weights=counts))
    if base in (0.0, 1.0):
        return None
    return 1 - brier(predicted, right, counts) / (base * (1 - base))


def separation(positive: Floats, negative: Floats) -> float | None:
    """The area under the ROC curve: how often a positive is above a negative; ties count half. None without both."""
    if not len(positive) or not len(negative):
        return None
    both = np.concatenate([positive, negative])
    _, where, times = np.unique(both, return_inverse=True, return_counts=True)
    # The mean rank of those that are equal.
    ranks = (np.cumsum(times) - (times - 1) / 2)[where]
    wins = ranks[: len(positive)].sum() - len(positive) * (len(positive) + 1) / 2
    return float(wins / (len(positive) * len(negative)))
