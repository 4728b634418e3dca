from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from athena_mcp import validation as v
from athena_mcp.errors import InvalidArgument
from athena_mcp.model import Layer, Outcome

HUGE = 10**5000


def refused(check: Any, *arguments: Any) -> InvalidArgument:
    with pytest.raises(InvalidArgument) as raised:
        check(*arguments)
    return raised.value


@pytest.mark.parametrize("value", [None, 5, b"bytes", [], "", "  \n\t", "a\x00b", "\ud800", "x" * 11])
def test_a_text_must_be_text_that_says_something_and_can_be_stored(value: object) -> None:
    assert refused(v.check_text, "content", value, 10).argument == "content"


@pytest.mark.parametrize(
    "value",
    [
        "\u200b",
        "\u00ad\u034f",
        " \u200e\u200f\t",
        "\x01\x02",
        "\x1b[1;31m",
        "\u202a\u202c",
        "\u2066\u2069",
        "\ufeff",
        "\u3164",
        "\u2800",
        "\ufe0f",
        "\U000e0041\U000e007f",
        "\U000e0100",
    ],
)
def test_a_text_that_nobody_sees_is_empty(value: str) -> None:
    error = refused(v.check_text, "content", value, 40)
    assert error.argument == "content"
    assert "invisible" in error.problem


@pytest.mark.parametrize(
    "value",
    ["\u200bx", "\x1b[31mred", "\U0001f44d\ufe0f", "\U0001f3f4\U000e0067\U000e0062\U000e007f", "?", "\u0301", "。"],
)
def test_a_text_with_one_visible_character_is_a_text(value: str) -> None:
    assert v.check_text("content", value, 40) == value


def test_a_text_is_returned_as_it_is() -> None:
    assert v.check_text("content", " Größe 尺寸 👩‍💻 ", 20) == " Größe 尺寸 👩‍💻 "


def test_a_name_is_one_printable_line_without_margins() -> None:
    assert v.check_name("project", "  my team / a repo ") == "my team / a repo"
    for value in ("two\nlines", "bell\x07", "zero\u200bwidth"):
        assert refused(v.check_name, "project", value).argument == "project"


@pytest.mark.parametrize(
    "value",
    [
        0,
        -1,
        51,
        10**9,
        pytest.param(HUGE, id="huge"),
        pytest.param(-HUGE, id="minus huge"),
        True,
        5.0,
        math.nan,
        "five",
        None,
        [5],
    ],
)
def test_a_whole_number_is_neither_text_nor_boolean_nor_out_of_range(value: object) -> None:
    error = refused(v.check_integer, "k", value, 1, 50)
    assert error.argument == "k"
    assert len(str(error)) < 200


@pytest.mark.parametrize(
    "value",
    [
        -0.1,
        1.1,
        math.nan,
        math.inf,
        -math.inf,
        pytest.param(HUGE, id="huge"),
        pytest.param(-HUGE, id="minus huge"),
        True,
        "0.5",
        None,
    ],
)
def test_a_fraction_is_finite_and_between_nought_and_one(value: object) -> None:
    error = refused(v.check_fraction, "importance", value)
    assert error.argument == "importance"
    assert len(str(error)) < 200


@pytest.mark.parametrize("value", [0, 1, 0.25])
def test_a_fraction_may_be_given_as_a_whole_number(value: float) -> None:
    assert v.check_fraction("importance", value) == value


@pytest.mark.parametrize("value", [0, -1, 2**63, True, "17"])
def test_an_id_fits_the_database(value: object) -> None:
    assert refused(v.check_id, "replaces", value).argument == "replaces"
    assert v.check_id("replaces", 2**63 - 1) == 2**63 - 1


def test_a_wrong_choice_names_the_choices_and_the_nearest() -> None:
    assert v.check_choice("layer", "graph", Layer) is Layer.GRAPH
    assert v.check_choice("layer", Layer.GRAPH, Layer) is Layer.GRAPH
    error = refused(v.check_choice, "layer", "episodical", Layer)
    assert "episodic, semantic, procedural, prospective, graph" in error.problem
    assert "did you mean 'episodic'?" in error.problem
    for value in (None, 3, ["graph"], {"a": 1}, "x" * 100_000):
        assert len(str(refused(v.check_choice, "details.outcome", value, Outcome))) < 300


@pytest.mark.parametrize(
    ("given", "means"),
    [
        ("2026-01-31T09:30:00Z", datetime(2026, 1, 31, 9, 30, tzinfo=UTC)),
        ("2026-01-31T09:30:00+02:00", datetime(2026, 1, 31, 7, 30, tzinfo=UTC)),
        (" 2026-01-31 ", datetime(2026, 1, 31, tzinfo=UTC)),
        ("2026-01-31T09:30", datetime(2026, 1, 31, 9, 30, tzinfo=UTC)),
        (datetime(2026, 1, 31, 9, 30), datetime(2026, 1, 31, 9, 30, tzinfo=UTC)),  # noqa: DTZ001
        (datetime(2026, 1, 31, 9, tzinfo=timezone(timedelta(hours=-3))), datetime(2026, 1, 31, 12, tzinfo=UTC)),
    ],
)
def test_a_time_is_iso_8601_and_utc_without_a_zone(given: object, means: datetime) -> None:
    assert v.check_time("since", given) == means
    assert v.check_time("since", given).tzinfo is UTC


@pytest.mark.parametrize(
    "value",
    [
        "yesterday",
        "2026-02-30",
        "10000-01-01",
        "+10000-01-01T00:00:00Z",
        "0001-01-01T00:00:00+14:00",
        "9999-12-31T23:59:59-05:00",
        "",
        "2026-01-31T25:00",
        5,
        1.5e9,
        None,
        pytest.param("9" * 100_000, id="long"),
    ],
)
def test_what_is_no_time_is_refused(value: object) -> None:
    error = refused(v.check_time, "occurred_at", value)
    assert error.argument == "occurred_at"
    assert len(str(error)) < 200


def test_tags_are_trimmed_and_not_repeated() -> None:
    assert v.check_tags("tags", [" api ", "db", "api"]) == ("api", "db")
    assert refused(v.check_tags, "tags", "api").argument == "tags"
    assert refused(v.check_tags, "tags", ["t"] * 33).argument == "tags"
    assert refused(v.check_tags, "tags", ["x" * 65]).argument == "tags[0]"
    assert refused(v.check_tags, "tags", ["ok", " "]).argument == "tags[1]"
    assert refused(v.check_tags, "tags", {"a": 1}).argument == "tags"


def test_an_unknown_key_is_named_with_the_nearest_known_one() -> None:
    error = refused(v.check_mapping, "details", {"outcom": "success"}, ("kind", "outcome"))
    assert "details.outcom: " in str(error)
    assert "did you mean 'outcome'?" in str(error)
    assert refused(v.check_mapping, "details", ["outcome"], ("kind",)).argument == "details"
    assert len(str(refused(v.check_mapping, "details", {"x" * 100_000: 1, 5: 2}, ("kind",)))) < 300
    assert v.check_mapping("details", {"kind": None}, ("kind",)) == {}


def test_layers_are_a_list_of_at_least_one_in_canonical_order() -> None:
    assert v.check_layers("layers", ["graph", "episodic", "graph"]) == (Layer.EPISODIC, Layer.GRAPH)
    assert refused(v.check_layers, "layers", []).argument == "layers"
    assert refused(v.check_layers, "layers", "graph").argument == "layers"
    assert refused(v.check_layers, "layers", ["graph", "grap"]).argument == "layers[1]"


def test_a_flag_is_not_a_number() -> None:
    assert v.check_flag("use_cache", False) is False
    for value in (0, 1, "true", None):
        assert refused(v.check_flag, "use_cache", value).argument == "use_cache"


def test_what_an_error_repeats_of_the_input_is_escaped_and_short() -> None:
    assert v.short("a\nb\u2028") == r"'a\nb\u2028'"
    assert len(v.short("x" * 1000)) == 60
    assert len(v.short(HUGE)) <= 60


@pytest.mark.parametrize(
    ("given", "moment"),
    [
        ("2026-01-31", "2026-01-31T23:59:59.999999+00:00"),
        (" 20260131 ", "2026-01-31T23:59:59.999999+00:00"),
        ("9999-12-31", "9999-12-31T23:59:59.999999+00:00"),
        ("2026-01-31T00:00", "2026-01-31T00:00:00+00:00"),
        ("2026-01-31T09:30:00+01:00", "2026-01-31T08:30:00+00:00"),
    ],
)
def test_a_date_alone_as_the_end_includes_its_day(given: str, moment: str) -> None:
    assert v.check_end("until", given).isoformat() == moment
