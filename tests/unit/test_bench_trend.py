"""When `athena-mcp bench soak` calls a measure flat."""

from __future__ import annotations

import pytest

from athena_mcp.bench.soak.trend import Trend

MINUTES = tuple(float(minute) for minute in range(1, 9))


def trend(*values: float, allowed: float = 5.0, limit: float | None = None) -> Trend:
    return Trend("memory", "bytes", MINUTES[: len(values)], values, allowed, limit)


def test_steady_growth_is_told_by_the_hour_and_grows() -> None:
    found = trend(*(100 + 2 * minute for minute in MINUTES))
    assert found.slope == pytest.approx(2)
    # The first two of eight windows do not count, so that five minutes lie between the others.
    assert found.growth == pytest.approx(10)
    assert found.verdict == "grows"
    assert found.to_dict()["slope_per_hour"] == pytest.approx(120)


def test_growth_while_it_settles_does_not_count() -> None:
    found = trend(10, 90, 100, 100, 100, 100, 100, 100)
    assert found.growth == 0
    assert found.flat


def test_one_outlier_does_not_bend_the_slope() -> None:
    assert trend(100, 100, 100, 100, 100, 100, 100, 900).growth == 0
    assert trend(100, 100, 100, 900, 100, 100, 100, 100).flat


def test_what_shrinks_is_flat() -> None:
    assert trend(100, 90, 80, 70, 60, 50, 40, 30).flat


def test_above_its_limit_even_what_is_flat_is_not() -> None:
    found = trend(*[100.0] * 8, limit=99.0)
    assert not found.flat
    assert found.verdict == "above its limit"


def test_a_single_window_has_no_slope() -> None:
    assert trend(100).growth == 0
