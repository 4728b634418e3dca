"""The pair of deadlines of one layer."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from athena_mcp.db.deadline import MAX_SLACK_S, budget_s, scope_s

seconds = st.floats(min_value=1e-4, max_value=1e5)


@given(timeout_s=seconds)
def test_a_statement_sent_at_once_gets_exactly_the_timeout(timeout_s: float) -> None:
    assert budget_s(scope_s(timeout_s)) == pytest.approx(timeout_s, rel=1e-9)


@given(remaining_s=seconds)
def test_a_scope_made_for_a_budget_closes_when_it_did(remaining_s: float) -> None:
    assert scope_s(budget_s(remaining_s)) == pytest.approx(remaining_s, rel=1e-9)


@given(timeout_s=seconds)
def test_the_scope_stands_behind_the_timeout_by_a_tenth_and_never_more_than_the_most(timeout_s: float) -> None:
    slack_s = scope_s(timeout_s) - timeout_s
    assert 0 < slack_s <= MAX_SLACK_S + 1e-9
    assert slack_s == pytest.approx(min(MAX_SLACK_S, timeout_s / 10), abs=1e-9)


@given(remaining_s=seconds, later_s=seconds)
def test_a_statement_ends_before_its_scope_and_later_ones_get_less(remaining_s: float, later_s: float) -> None:
    assert budget_s(remaining_s) < remaining_s
    assert (budget_s(remaining_s) < budget_s(later_s)) == (remaining_s < later_s)


@pytest.mark.parametrize("remaining_s", [0.0, -0.0, -0.1, -5.0, -math.inf])
def test_nothing_left_is_a_budget_of_nothing(remaining_s: float) -> None:
    assert budget_s(remaining_s) == 0.0


def test_without_a_scope_there_is_no_limit() -> None:
    assert budget_s(math.inf) == math.inf


@pytest.mark.parametrize(("timeout_s", "expected_s"), [(0.05, 0.055), (1.0, 1.02), (2.0, 2.02), (10.0, 10.02)])
def test_some_scopes(timeout_s: float, expected_s: float) -> None:
    assert scope_s(timeout_s) == pytest.approx(expected_s)
