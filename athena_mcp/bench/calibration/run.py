"""From cases to a report: collect, predict with the shipped constants and with held-out ones, and fit new ones."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np

from athena_mcp.bench.calibration.collect import CalibrationPlan, collect
from athena_mcp.bench.calibration.constants import FittedConstants, StageFit
from athena_mcp.bench.calibration.figures import NEGATIVES, Figures, figures
from athena_mcp.bench.calibration.heldout import Sample, answers, fit_all, hits, predict, predict_held_out
from athena_mcp.bench.calibration.observed import Collected, Kind, Seen
from athena_mcp.bench.calibration.report import ALL, CalibrationReport, Flagged, Measured, Stops
from athena_mcp.bench.machine import Machine
from athena_mcp.bench.progress import Progress, no_progress
from athena_mcp.recall.calibration import NOTHING_RELEVANT
from athena_mcp.recall.confidence import stage_of
from athena_mcp.recall.depth import GOOD_ENOUGH, WEAK
from athena_mcp.recall.logistic import Stage

if TYPE_CHECKING:
    from athena_mcp.bench.calibration.heldout import Floats

SHIPPED = "shipped"
HELD_OUT = "held out"
FIRST_HIT = 4.0
"""What a first hit counts in a fit beside each of the others: it is the one that is acted on, and there are nine others
(measured: docs/benchmarks.md, Confidence)."""
TRIED = (0.05, 0.1, 0.15, 0.2)
"""Thresholds of `nothing_relevant` whose outcome is shown beside that of the shipped one."""
MAY_BE_LOST = 0.02
"""The share of the answers found that a fitted threshold may call irrelevant: one in fifty."""


async def measure_calibration(
    plan: CalibrationPlan, machine: Machine, *, fit: bool = False, progress: Progress = no_progress
) -> CalibrationReport:
    """Run the plan; with `fit` the report has constants fitted on all its cases."""
    return evaluate(await collect(plan, progress=progress), machine, k=plan.k, fit=fit)


def evaluate(collected: Collected, machine: Machine, *, k: int, fit: bool) -> CalibrationReport:
    """The report on what was collected."""
    measured: list[Measured] = []
    flagged: list[Flagged] = []
    stops: list[Stops] = []
    for vectors in (True, False):
        seen = [row for row in collected.seen if row.vectors is vectors]
        whole, each = answers(seen), hits(seen)
        for constants, of_answer, of_hit in (
            (SHIPPED, whole.shipped, each.shipped),
            (HELD_OUT, _held_out(whole), _held_out(each, first=FIRST_HIT)),
        ):
            first = each.first
            measured += [
                Measured("answer", constants, vectors, dict(_by_case(whole, of_answer))),
                Measured("rank 1", constants, vectors, dict(_by_case(each.where(first), of_hit[first]))),
                Measured("hits", constants, vectors, dict(_by_case(each, of_hit))),
            ]
            flagged.append(_flagged(whole, of_answer, NOTHING_RELEVANT, constants, vectors=vectors))
            if vectors:
                stops.append(_stops(whole, of_answer, constants))
                flagged += [_flagged(whole, of_answer, below, constants, vectors=True) for below in TRIED]
    return CalibrationReport(
        machine=machine,
        k=k,
        cases=collected.cases,
        measured=tuple(measured),
        flagged=tuple(flagged),
        stops=tuple(stops),
        thresholds=(GOOD_ENOUGH, WEAK),
        constants=_fit(collected.seen) if fit else None,
        remarks=collected.remarks,
    )


def _held_out(sample: Sample, *, first: float = 1.0) -> Floats:
    """The probability of each row by constants of its stage that were fitted without its case."""
    depths = np.array([row.seen.depth for row in sample.rows])
    predicted = np.zeros(len(depths))
    for depth in dict.fromkeys(depths.tolist()):
        own = depths == depth
        predicted[own] = predict_held_out(sample.where(own), first=first)
    return predicted


def _by_case(sample: Sample, predicted: Floats) -> Iterator[tuple[str, Figures]]:
    for case in sample.cases:
        own = sample.of_case(case)
        yield case, figures(sample.where(own), predicted[own])
    yield ALL, figures(sample, predicted)


def _flagged(sample: Sample, predicted: Floats, threshold: float, constants: str, *, vectors: bool) -> Flagged:
    asked, found = sample.of(Kind.ASKED), sample.found
    groups = {"found": asked & found, "not found": asked & ~found, **{str(kind): sample.of(kind) for kind in NEGATIVES}}
    below = predicted < threshold
    shares = {name: float(below[rows].mean()) for name, rows in groups.items() if rows.any()}
    return Flagged(constants, vectors, threshold, shares)


def _stops(sample: Sample, predicted: Floats, constants: str) -> Stops:
    asked = np.array([row.seen.kind is Kind.ASKED and row.seen.depth == 1 for row in sample.rows], bool)
    good = asked & (predicted >= GOOD_ENOUGH)
    return Stops(
        constants,
        good_enough=float(good.sum() / asked.sum()),
        found=float(sample.found[good].mean()) if good.any() else None,
        weak=float((predicted[asked] < WEAK).mean()),
    )


def _fit(seen: Sequence[Seen]) -> FittedConstants:
    by_stage = {stage: own for stage in Stage if (own := _at(seen, stage))}
    stages = {
        stage: StageFit(hit=fit_all(hits(own), first=FIRST_HIT), answer=fit_all(answers(own)))
        for stage, own in by_stage.items()
    }
    # The stage that most answers are given at.
    usual = next(
        stage for stage in (Stage.READ, Stage.FOUND, Stage.READ_BY_WORDS, Stage.FOUND_BY_WORDS) if stage in stages
    )
    whole = answers(by_stage[usual])
    return FittedConstants(
        stages, nothing_relevant=_threshold(whole, predict(stages[usual].answer, whole)), cases=whole.cases
    )


def _at(seen: Sequence[Seen], stage: Stage) -> list[Seen]:
    """What was seen at a stage: at depth 2 the best hits have been read."""
    return [row for row in seen if stage_of(vectors=row.vectors, read=row.depth > 1) is stage]


def _threshold(sample: Sample, predicted: Floats) -> float:
    """The highest probability, in hundredths, below which no more than MAY_BE_LOST of the answers found lie."""
    found = np.sort(predicted[sample.of(Kind.ASKED) & sample.found])
    lost = found[math.floor(MAY_BE_LOST * len(found))]
    return math.floor(100 * float(lost)) / 100
