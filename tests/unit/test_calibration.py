"""The arithmetic of `athena-mcp bench calibration`, against hand computations and known weights."""

from __future__ import annotations

import dataclasses
import random
from typing import Any

import numpy as np
import pytest

from athena_mcp.bench.calibration.constants import FittedConstants, StageFit
from athena_mcp.bench.calibration.figures import figures
from athena_mcp.bench.calibration.heldout import answers, fit_all, hits, predict, predict_held_out
from athena_mcp.bench.calibration.observed import Collected, Kind, Seen, SeenHit
from athena_mcp.bench.calibration.regression import Fitted, fit
from athena_mcp.bench.calibration.reliability import (
    brier,
    brier_skill,
    calibration_error,
    reliability,
    separation,
)
from athena_mcp.bench.calibration.run import evaluate
from athena_mcp.bench.machine import describe_machine
from athena_mcp.recall.logistic import Logistic, Stage

ONES = np.ones(4)


def seen(
    number: int,
    *,
    case: str = "a",
    kind: Kind = Kind.ASKED,
    sign: float = 0.5,
    right: bool = True,
    depth: int = 1,
    vectors: bool = True,
) -> Seen:
    """An answer with two hits, the second of which is never right."""
    first = SeenHit({"covered": sign, "cosine": sign / 2}, 0.6, right)
    second = SeenHit({"covered": sign / 3, "cosine": sign / 4}, 0.1, False)
    return Seen(case, number, kind, depth, vectors, {"covered": sign}, 0.7, False, (first, second))


def nothing_found(number: int, *, case: str = "a") -> Seen:
    return Seen(case, number, Kind.OTHER, 1, True, {}, 0.0, True, ())


def crowd(*cases: str) -> list[Seen]:
    """Answers whose probability to be right is the logistic of 4 x sign - 2, drawn by a fixed seed."""
    drawn = random.Random(1)
    made = []
    for case in cases:
        for number in range(60):
            for vectors in (True, False):
                for kind in (Kind.ASKED, Kind.LEFT_OUT, Kind.OTHER):
                    sign = drawn.random()
                    right = kind is Kind.ASKED and drawn.random() < 1 / (1 + np.exp(2 - 4 * sign))
                    made.append(seen(number, case=case, kind=kind, sign=sign, right=right, vectors=vectors))
    return made


def test_the_regression_finds_the_weights_that_made_the_data() -> None:
    drawn = np.random.default_rng(5)
    signs = drawn.normal(size=(40_000, 3))
    likely = 1 / (1 + np.exp(-(-0.7 + signs @ np.array([1.5, -2.0, 0.0]))))
    right = (drawn.random(len(signs)) < likely).astype(float)
    found = fit(signs, right, np.ones(len(signs)))
    assert found.bias == pytest.approx(-0.7, abs=0.05)
    assert found.weights == pytest.approx((1.5, -2.0, 0.0), abs=0.06)


def test_a_row_that_counts_twice_is_as_good_as_two_rows() -> None:
    signs, right = np.array([[0.1], [0.4], [0.6], [0.9]]), np.array([0.0, 1.0, 0.0, 1.0])
    twice = fit(signs, right, np.array([1.0, 2.0, 1.0, 1.0]))
    repeated = fit(signs[[0, 1, 1, 2, 3]], right[[0, 1, 1, 2, 3]], np.ones(5))
    assert twice.weights == pytest.approx(repeated.weights)
    assert twice.bias == pytest.approx(repeated.bias)


def test_the_regression_stays_finite_where_a_sign_tells_right_from_wrong_without_fail() -> None:
    found = fit(np.array([[0.0], [0.1], [0.9], [1.0]]), np.array([0.0, 0.0, 1.0, 1.0]), ONES)
    assert 0 < found.weights[0] < 10
    assert np.all(np.diff(found.predict(np.array([[0.0], [0.5], [1.0]]))) > 0)


def test_the_bias_alone_gives_the_base_rate() -> None:
    found = fit(np.zeros((4, 1)), np.array([1.0, 0.0, 0.0, 0.0]), ONES)
    assert found.predict(np.zeros((1, 1)))[0] == pytest.approx(0.25)


def test_the_calibration_error_is_the_mean_distance_over_the_bins() -> None:
    predicted, right = np.array([0.12, 0.18, 0.92, 1.0]), np.array([0.0, 1.0, 1.0, 1.0])
    # Bin 0.1 to 0.2: predicted .15, observed .5; bin 0.9 to 1: predicted .96, observed 1.
    assert calibration_error(predicted, right, ONES) == pytest.approx((2 * 0.35 + 2 * 0.04) / 4)
    low, high = reliability(predicted, right, ONES)
    assert (low.low, low.n, high.high, high.n) == (0.1, 2, 1.0, 2)
    # The first row counts three times: predicted .135, observed .25.
    weighted = calibration_error(predicted, right, np.array([3.0, 1.0, 1.0, 1.0]))
    assert weighted == pytest.approx((4 * 0.115 + 2 * 0.04) / 6)


def test_brier_score_and_skill_are_as_defined() -> None:
    predicted, right = np.array([0.9, 0.6, 0.2, 0.4]), np.array([1.0, 1.0, 0.0, 0.0])
    assert brier(predicted, right, ONES) == pytest.approx((0.01 + 0.16 + 0.04 + 0.16) / 4)
    assert brier_skill(predicted, right, ONES) == pytest.approx(1 - 0.0925 / 0.25)
    assert brier_skill(np.full(4, 0.5), right, ONES) == pytest.approx(0.0)
    assert brier_skill(predicted, np.ones(4), ONES) is None


def test_separation_counts_the_pairs_in_the_right_order_and_half_of_the_ties() -> None:
    # Of six pairs: .9 wins both, .4 wins one and ties none, .2 ties one and loses one.
    assert separation(np.array([0.9, 0.4, 0.2]), np.array([0.2, 0.5])) == pytest.approx((2 + 1 + 0.5) / 6)
    assert separation(np.array([1.0]), np.array([0.0])) == 1.0
    assert separation(np.array([]), np.array([0.0])) is None


def test_every_case_counts_the_same_and_kinds_by_the_mix() -> None:
    rows = [seen(0), seen(0, kind=Kind.LEFT_OUT), seen(1), *(seen(n, case="b") for n in range(10))]
    counts = answers(rows).counts
    assert counts[:3].sum() == pytest.approx(counts[3:].sum())
    assert counts[1] == pytest.approx(counts[0] / 2)


def test_an_answer_without_hits_gets_no_probability_and_teaches_nothing() -> None:
    rows = [*crowd("a"), nothing_found(99)]
    for sample in (answers(rows), hits(rows)):
        fitted = fit_all(sample)
        assert predict(fitted, sample)[-1] == 0.0
        assert fitted.weights == pytest.approx(fit_all(sample.where(~sample.signless)).weights, rel=0.01)


def test_first_hits_can_count_more_in_a_fit() -> None:
    sample = hits(crowd("a"))
    firsts = sample.where(sample.first)

    def error(*, first: float) -> float:
        predicted = predict(fit_all(sample, first=first), firsts)
        return brier(predicted, firsts.right, firsts.counts)

    assert error(first=1000.0) < error(first=1.0)


def test_a_case_is_judged_by_the_others_only() -> None:
    usual = crowd("a", "b")
    # In b everything is upside down: were it part of its own fit, it would be judged better.
    turned = [
        dataclasses.replace(row, hits=(dataclasses.replace(row.hits[0], right=not row.found), row.hits[1]))
        if row.case == "b"
        else row
        for row in usual
    ]
    own = [row.case == "b" for row in usual]
    before, after = predict_held_out(answers(usual)), predict_held_out(answers(turned))
    assert after[own] == pytest.approx(before[own])
    assert not np.allclose(after[~np.array(own)], before[~np.array(own)])


def test_one_case_alone_is_judged_in_folds_of_its_questions() -> None:
    rows = crowd("a")
    turned = [
        dataclasses.replace(row, hits=(dataclasses.replace(row.hits[0], right=not row.found), row.hits[1]))
        if row.number % 5 == 2
        else row
        for row in rows
    ]
    fold = np.array([row.number % 5 == 2 for row in rows])
    before, after = predict_held_out(answers(rows)), predict_held_out(answers(turned))
    assert after[fold] == pytest.approx(before[fold])
    assert not np.allclose(after[~fold], before[~fold])


def test_separations_are_between_questions_answered_right_and_each_kind_without_an_answer() -> None:
    rows = [
        seen(0, sign=0.9),
        seen(1, sign=0.1, right=False),
        seen(0, kind=Kind.OTHER, sign=0.5, right=False),
        seen(0, kind=Kind.LEFT_OUT, sign=0.95, right=False),
    ]
    sample = answers(rows)
    found = figures(sample, sample.signs[:, 0])
    assert found.separations[Kind.OTHER].found == 1.0
    assert found.separations[Kind.OTHER].every == 0.5
    assert found.separations[Kind.LEFT_OUT].found == 0.0
    assert Kind.UNANSWERABLE not in found.separations


def test_the_report_has_every_column_and_fits_the_same_constants_twice() -> None:
    collected = Collected((), tuple(crowd("a", "b")))
    machine = describe_machine(None)
    reports = [evaluate(collected, machine, k=10, fit=True) for _ in range(2)]
    assert reports[0].constants is not None
    assert reports[0].constants == reports[1].constants
    columns = {(row.target, row.constants, row.vectors) for row in reports[0].measured}
    assert len(columns) == 3 * 2 * 2
    groups = {"found", "not found", "left out", "other case"}
    assert all(set(row.shares) == groups for row in reports[0].flagged)
    text = [cell for table in reports[0].tables() for row in table.rows for cell in row]
    assert {"a", "b", "all", "shipped", "held out", "held out, words only"} <= set(text)


def test_the_module_of_constants_is_python_that_holds_them() -> None:
    fits = {
        stage: StageFit(Fitted(-1.23456, (2.0, -0.0001)), Fitted(0.5, (float(place),)))
        for place, stage in enumerate(Stage)
    }
    module = FittedConstants(fits, 0.12, ["a", "b"]).module()
    held: dict[str, Any] = {}
    exec(compile(module, "calibration.py", "exec"), held)
    assert held["CONSTANTS"][Stage.FOUND].hit == Logistic(-1.235, (2.0, 0.0))
    assert [held["CONSTANTS"][stage].answer.weights for stage in Stage] == [(0.0,), (1.0,), (2.0,), (3.0,)]
    assert held["NOTHING_RELEVANT"] == 0.12
    assert "Fitted on: a, b." in module
