"""The outcome of a calibration run: the shipped constants beside constants fitted without the case they judge."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from athena_mcp.bench.calibration.constants import FittedConstants
from athena_mcp.bench.calibration.figures import NEGATIVES, Figures
from athena_mcp.bench.calibration.observed import Kind
from athena_mcp.bench.chart import Chart, Lines
from athena_mcp.bench.machine import Machine
from athena_mcp.bench.quality.measured import LoadedCase
from athena_mcp.bench.report import ABSENT, Table, percent, share

ALL = "all"


@dataclass(frozen=True, slots=True)
class Measured:
    """One column of probabilities: of what, by which constants, in a store with an embedder or without."""

    target: str
    """`answer`, `rank 1` or `hits`."""
    constants: str
    """`shipped` or `held out`."""
    vectors: bool
    by_case: Mapping[str, Figures]
    """Every case, then ALL, in which every case counts the same."""

    @property
    def title(self) -> str:
        """What it is, for a heading."""
        return f"{self.target}, {self.constants} constants" + ("" if self.vectors else ", words only")

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        return {
            "target": self.target,
            "constants": self.constants,
            "vectors": self.vectors,
            "by_case": {case: found.to_dict() for case, found in self.by_case.items()},
        }


@dataclass(frozen=True, slots=True)
class Flagged:
    """The share of answers of each group that say that nothing relevant was found."""

    constants: str
    vectors: bool
    threshold: float
    shares: Mapping[str, float]

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        shares = {name: round(value, 4) for name, value in self.shares.items()}
        return {"constants": self.constants, "vectors": self.vectors, "threshold": self.threshold, "shares": shares}


@dataclass(frozen=True, slots=True)
class Stops:
    """What the confidence at depth 1 makes of the questions as they are."""

    constants: str
    good_enough: float
    """The share that is answered at depth 1."""
    found: float | None
    """The share of those that have a relevant memory."""
    weak: float
    """The share for which the layers left out are asked too."""

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        return {
            "constants": self.constants,
            "good_enough": round(self.good_enough, 4),
            "found": None if self.found is None else round(self.found, 4),
            "weak": round(self.weak, 4),
        }


@dataclass(frozen=True, slots=True)
class CalibrationReport:
    """Everything about one run."""

    machine: Machine
    k: int
    cases: tuple[LoadedCase, ...]
    measured: tuple[Measured, ...]
    flagged: tuple[Flagged, ...]
    stops: tuple[Stops, ...]
    thresholds: tuple[float, float]
    """Of `Stops`: good enough, weak."""
    constants: FittedConstants | None
    """Fitted on all cases, where that was asked for."""
    remarks: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        return {
            "bench": "calibration",
            "machine": self.machine.to_dict(),
            "k": self.k,
            "cases": [case.to_dict() for case in self.cases],
            "measured": [row.to_dict() for row in self.measured],
            "nothing_relevant": [row.to_dict() for row in self.flagged],
            "depth": [row.to_dict() for row in self.stops],
            "constants": None if self.constants is None else self.constants.module(),
            "notes": list(self.notes()),
        }

    def tables(self) -> Sequence[Table]:
        """The figures of each column, the reliability of the first two targets, what is flagged, where depth stops."""
        return (
            *(_figures_table(row) for row in self.measured if row.target != "hits"),
            *(_reliability_table(row) for row in self.measured if row.target != "hits" and row.vectors),
            _hits_table([row for row in self.measured if row.target == "hits"]),
            _flagged_table(self.flagged),
            self._stops_table(),
        )

    def notes(self) -> Sequence[str]:
        """What was stored and asked, and what the figures mean."""
        return (*(case.sentence() for case in self.cases), *_EXPLAINED, *self.remarks)

    def charts(self) -> Sequence[Chart]:
        """What was predicted against what was observed; a probability that is what it says lies on the diagonal."""
        curves = {
            row.title: tuple((found.predicted, found.observed) for found in row.by_case[ALL].bins)
            for row in self.measured
            if row.target != "hits" and row.vectors
        }
        diagonal = {"as predicted": ((0.0, 0.0), (1.0, 1.0))}
        return (Lines("Reliability", "predicted", "observed", {**diagonal, **curves}),)

    def _stops_table(self) -> Table:
        good, weak = self.thresholds
        return Table(
            "Questions as they are, by the confidence at depth 1",
            ("constants", f"≥ {good:g}: stops", "of those found", f"< {weak:g}: widens"),
            tuple(
                (row.constants, percent(row.good_enough), percent(row.found), percent(row.weak)) for row in self.stops
            ),
        )


_EXPLAINED = (
    "Questions count 1 as they are and ½ in each other way; every case counts the same. ECE: 10 bins of equal width.",
    "Skill: 1 - Brier score / that of the base rate. AUROC: questions answered right (all) against those without one.",
    "Held out: a case is judged by constants fitted on the other cases; a single case in five folds of its questions.",
    "The shipped constants may have been fitted on these very cases.",
)


def _figures_table(measured: Measured) -> Table:
    kinds = [kind for kind in NEGATIVES if kind in measured.by_case[ALL].separations]
    return Table(
        measured.title,
        ("case", "n", "right", "ECE", "Brier", "skill", *(f"AUROC {kind}" for kind in kinds)),
        tuple(
            (
                case,
                f"{row.n:,}",
                percent(row.base_rate),
                share(row.calibration_error),
                share(row.brier),
                ABSENT if row.skill is None else f"{row.skill:+.3f}",
                *_separations(row, kinds),
            )
            for case, row in measured.by_case.items()
        ),
    )


def _separations(row: Figures, kinds: Sequence[Kind]) -> Iterator[str]:
    for kind in kinds:
        found = row.separations.get(kind)
        yield ABSENT if found is None else f"{share(found.found)} ({share(found.every)})"


def _reliability_table(measured: Measured) -> Table:
    return Table(
        f"Reliability of {measured.title}",
        ("probability", "n", "predicted", "observed"),
        tuple(
            (f"{row.low:.1f} to {row.high:.1f}", f"{row.n:,}", share(row.predicted), share(row.observed))
            for row in measured.by_case[ALL].bins
        ),
    )


def _hits_table(measured: Sequence[Measured]) -> Table:
    return Table(
        "Hits at all ranks",
        ("constants", "n", "right", "ECE", "Brier"),
        tuple(
            (
                row.constants + ("" if row.vectors else ", words only"),
                f"{row.by_case[ALL].n:,}",
                percent(row.by_case[ALL].base_rate),
                share(row.by_case[ALL].calibration_error),
                share(row.by_case[ALL].brier),
            )
            for row in measured
        ),
    )


def _flagged_table(flagged: Sequence[Flagged]) -> Table:
    groups = list(flagged[0].shares) if flagged else []
    return Table(
        "Answers that say nothing_relevant",
        ("constants", "below", *groups),
        tuple(
            (
                row.constants + ("" if row.vectors else ", words only"),
                f"{row.threshold:.2f}",
                *(f"{100 * row.shares[group]:.1f} %" for group in groups),
            )
            for row in flagged
        ),
    )
