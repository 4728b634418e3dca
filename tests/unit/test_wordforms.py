from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from athena_mcp.search.wordforms import CueTable, expand, inflections, participle, past, plural, words


@pytest.mark.parametrize(
    ("base", "forms"),
    [
        ("fail", {"fail", "fails", "failed", "failing"}),
        ("crash", {"crash", "crashes", "crashed", "crashing"}),
        ("decide", {"decide", "decides", "decided", "deciding"}),
        ("retry", {"retry", "retries", "retried", "retrying"}),
        ("deploy", {"deploy", "deploys", "deployed", "deploying"}),
        ("fix", {"fix", "fixes", "fixed", "fixing"}),
        ("agree", {"agree", "agrees", "agreed", "agreeing"}),
        ("show", {"show", "shows", "showed", "showing"}),
    ],
)
def test_a_regular_word_has_exactly_its_four_forms(base: str, forms: set[str]) -> None:
    assert inflections(base) == forms


@pytest.mark.parametrize(("base", "form"), [("stop", "stopped"), ("debug", "debugged"), ("occur", "occurred")])
def test_the_last_letter_is_doubled_where_it_may_be(base: str, form: str) -> None:
    assert form in past(base)
    assert form.removesuffix("ed") + "ing" in participle(base)


@pytest.mark.parametrize(("base", "form"), [("visit", "visited"), ("open", "opened"), ("trigger", "triggered")])
def test_the_last_letter_need_not_be_doubled(base: str, form: str) -> None:
    assert form in past(base)


@pytest.mark.parametrize(("base", "form"), [("class", "classes"), ("dependency", "dependencies"), ("day", "days")])
def test_plurals_follow_the_spelling(base: str, form: str) -> None:
    assert plural(base) == form


def test_words_are_lower_case_and_parted_by_anything_but_letters_digits_and_inner_apostrophes() -> None:
    assert words("Don\N{RIGHT SINGLE QUOTATION MARK}t  panic: it's test_failed, re-run 'Now'!") == (
        *("don't", "panic", "it's", "test", "failed"),
        *("re", "run", "now"),
    )
    assert words("") == ()
    assert words("... \N{GRINNING FACE} --") == ()


def test_marks_and_alternatives_widen_a_cue() -> None:
    assert expand("last week") == {("last", "week")}
    assert expand("how do|can i") == {("how", "do", "i"), ("how", "can", "i")}
    assert expand("merge^") == {("merged",)}
    assert expand("depend~ on") == {(form, "on") for form in ("depend", "depends", "depended", "depending")}


def test_a_cue_is_found_as_whole_words_only() -> None:
    table = CueTable({"past": ("last week, last",), "show": ("show~",)})

    assert table.find(words("elastic showcase blast")) == []
    assert [(match.meaning, match.text, match.start) for match in table.find(words("Shown last week, showing"))] == [
        ("past", "last week", 1),
        ("past", "last", 1),
        ("show", "showing", 3),
    ]


def test_where_two_meanings_claim_a_word_the_earlier_one_comes_first() -> None:
    table = CueTable({"b": ("plan~",), "a": ("plan",)})

    assert [match.meaning for match in table.find(("plan",))] == ["b", "a"]
    assert table.first_by_meaning(("planning", "plan")) == {"b": "planning", "a": "plan"}


def test_a_phrase_does_not_match_its_beginning_at_the_end_of_the_text() -> None:
    assert CueTable({"x": ("part of",)}).find(("a", "part")) == []


@given(st.text(max_size=200))
def test_taking_words_apart_twice_changes_nothing(text: str) -> None:
    once = words(text)

    assert words(" ".join(once)) == once
