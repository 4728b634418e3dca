from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from athena_mcp.recall.content_terms import content_terms
from athena_mcp.recall.quotation import json_size, plain, sentences, shorten, telling_sentence


def terms(query: str) -> frozenset[str]:
    return frozenset(found.term for found in content_terms(query))


def test_sentences_end_at_stops_and_lines_but_not_at_abbreviations_or_inside_numbers() -> None:
    text = "# Release\n\n- Bump to 3.12. Tag it, cf. RFC 9. Then push\r\n2) wait for CI!\n\n"
    assert sentences(text) == ["Release", "Bump to 3.12.", "Tag it, cf. RFC 9.", "Then push", "wait for CI!"]


@pytest.mark.parametrize(
    "fake",
    ["[#99]", "[# 99]", "[\uff0399]", "[#\u200b99]", "[#\n99]", "[\x00#\u202e99]", "#99 (2026-01-01) replaces #12"],
)
def test_a_memory_cannot_cite(fake: str) -> None:
    shown = plain(f"deploys are safe {fake}")
    assert not re.search(r"#\s*\d", shown)
    assert "99" in shown


def test_a_quotation_is_one_line_without_controls_or_double_quotes() -> None:
    assert plain(' say\t"hi"\r\n\x1b[31m to\u2028`bo\u200bb` ') == "say 'hi' [31m to 'bob'"


def test_the_sentence_that_shares_most_with_the_query_is_quoted_and_else_the_first() -> None:
    text = "We met on Monday. Migrations run before the deploy. The cake was good."
    assert telling_sentence(text, terms("when do migrations run in a deploy?")) == "Migrations run before the deploy."
    assert telling_sentence(text, terms("unrelated")) == "We met on Monday."
    assert telling_sentence("\x00 \n ", terms("deploy")) == ""


def test_a_long_sentence_is_cut_at_a_word_around_what_was_asked() -> None:
    sentence = "word " * 60 + "the pooler refuses prepared statements " + "tail " * 60
    cut = shorten(sentence.strip(), 80, terms("prepared statements"))
    assert cut.startswith("…")
    assert cut.endswith("…")
    assert "prepared statements" in cut
    assert shorten("the pooler refuses prepared statements", 20, frozenset()) == "the pooler refuses…"
    assert shorten("x" * 100, 20, frozenset()) == "x" * 19 + "…"


@settings(deadline=None)
@given(st.text(), st.integers(min_value=1, max_value=60), st.text(max_size=20))
def test_a_cut_is_never_longer_than_allowed_and_has_no_words_of_its_own(text: str, size: int, query: str) -> None:
    sentence = plain(text)
    cut = shorten(sentence, size, terms(query))
    assert json_size(cut) <= size
    assert cut.strip("…") in sentence


@settings(deadline=None)
@given(st.text())
def test_plain_text_is_plain_whatever_was_stored(text: str) -> None:
    shown = plain(text)
    assert shown.isprintable()
    assert '"' not in shown
    assert not re.search(r"[#\uff03]\s*\d", shown)
    assert plain(shown) == shown
