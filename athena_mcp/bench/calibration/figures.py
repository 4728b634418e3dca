"""How reliable a column of probabilities is, in numbers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from athena_mcp.bench.calibration.heldout import Sample
from athena_mcp.bench.calibration.observed import Kind
from athena_mcp.bench.calibration.reliability import Bin, brier, brier_skill, calibration_error, reliability, separation

if TYPE_CHECKING:
    from athena_mcp.bench.calibration.heldout import Floats

NEGATIVES = (Kind.OTHER, Kind.LEFT_OUT, Kind.UNANSWERABLE)


@dataclass(frozen=True, slots=True)
class Separation:
    """The area under the ROC curve of questions as they are against those of another kind."""

    found: float | None
    """Only those that were answered right."""
    every: float | None
    """All of them: also those that recall failed on, whose confidence should be low."""

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        return {"found": _rounded(self.found), "all": _rounded(self.every)}


@dataclass(frozen=True, slots=True)
class Figures:
    """What is said of one column of probabilities."""

    n: int
    base_rate: float
    """The share of rows that are right, by what they count."""
    calibration_error: float
    brier: float
    skill: float | None
    separations: Mapping[Kind, Separation]
    bins: tuple[Bin, ...]

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        return {
            "n": self.n,
            "base_rate": round(self.base_rate, 4),
            "expected_calibration_error": round(self.calibration_error, 4),
            "brier": round(self.brier, 4),
            "brier_skill": _rounded(self.skill),
            "auroc": {str(kind): row.to_dict() for kind, row in self.separations.items()},
            "reliability": [row.to_dict() for row in self.bins],
        }


def figures(sample: Sample, predicted: Floats) -> Figures:
    """The figures of `predicted`, a probability for each row of `sample`."""
    right, counts = sample.right, sample.counts
    asked = sample.of(Kind.ASKED)
    return Figures(
        n=len(sample.rows),
        base_rate=float((right * counts).sum() / counts.sum()),
        calibration_error=calibration_error(predicted, right, counts),
        brier=brier(predicted, right, counts),
        skill=brier_skill(predicted, right, counts),
        separations={
            kind: Separation(
                separation(predicted[asked & (right > 0)], predicted[negative]),
                separation(predicted[asked], predicted[negative]),
            )
            for kind in NEGATIVES
            if (negative := sample.of(kind)).any()
        },
        bins=tuple(reliability(predicted, right, counts)),
    )


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 4)
