"""Reading texts word by word: what counts as met, how much, and for which kind of query."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from athena_mcp.embed.word_vectors import WordVectors
from athena_mcp.recall.reading import FEWEST_COMPARED, faded, read_closely, reading_words

NEAR = {"picture": 0, "photo": 0, "image": 0, "door": 1, "gate": 1, "ledger": 2}
"""Words with the same number mean nearly the same to the vectors of these tests."""


def word_vectors(capacity: int = 64) -> WordVectors:
    """A table with a row a meaning; a word without one has no tokens."""
    table = np.eye(3, dtype=np.float32)
    return WordVectors(lambda word: [NEAR[word]] if word in NEAR else [], table, capacity)


def even(words: Sequence[str]) -> dict[str, float]:
    return dict.fromkeys(words, 1.0)


def test_a_word_is_met_by_its_like_and_better_by_itself() -> None:
    query = ["photo", "door"]
    texts = {1: "The photo at the door.", 2: "A picture of the gate.", 3: "The ledger."}
    readings = read_closely(query, even(query), texts, word_vectors())
    assert readings[1].interaction == pytest.approx(1.0)
    assert 0.9 < readings[2].interaction < readings[1].interaction
    assert readings[3].interaction == 0.0


def test_without_vectors_a_word_is_met_by_one_of_its_stem_only() -> None:
    query = ["migrations", "photo"]
    readings = read_closely(query, even(query), {1: "the migration of pictures"}, None)
    assert readings[1].interaction == pytest.approx(0.5)


def test_heavier_words_count_more() -> None:
    query = ["photo", "ledger"]
    readings = read_closely(query, {"photo": 3.0, "ledger": 1.0}, {1: "photo", 2: "ledger"}, None)
    assert readings[1].interaction == pytest.approx(0.75)
    assert readings[2].interaction == pytest.approx(0.25)


def test_words_that_weigh_nothing_are_not_read_for() -> None:
    assert read_closely(["photo"], {"photo": 0.0}, {1: "photo"}, None) == {}
    assert read_closely([], {}, {1: "photo"}, None) == {}
    assert read_closely(["photo"], {"photo": 1.0}, {1: "..."}, None) == {}


def test_adjacent_words_of_the_query_count_where_they_are_adjacent() -> None:
    query = ["connection", "pool", "timeout"]
    texts = {1: "the connection pools have a timeout", 2: "a pool of connection slots; timeout 5"}
    readings = read_closely(query, even(query), texts, None)
    assert readings[1].phrase == pytest.approx(1.0)  # "have a" tells nothing and parts no pair
    assert readings[2].phrase == 0.0


def test_a_heading_is_the_first_line_and_every_word_of_it_counts_the_same() -> None:
    query = ["photo", "door"]
    texts = {1: "photo door\nledger ledger ledger", 2: "photo ledger\ndoor"}
    readings = read_closely(query, even(query), texts, None)
    assert readings[1].heading == pytest.approx(1.0)
    assert readings[2].heading == pytest.approx(0.5)


def test_a_word_that_most_of_the_texts_have_tells_less_than_one_that_few_have() -> None:
    query = ["studio", "fair"]
    texts = dict.fromkeys(range(FEWEST_COMPARED), "the studio") | {98: "the fair", 99: "a ledger"}
    readings = read_closely(query, even(query), texts, None)
    assert readings[0].telling < 1 < readings[98].telling
    assert readings[99].telling == 1.0  # it has none of the words, so there is nothing to weigh


def test_a_few_texts_say_nothing_of_how_common_a_word_is() -> None:
    query = ["studio", "fair"]
    texts = dict.fromkeys(range(FEWEST_COMPARED - 1), "the studio")
    readings = read_closely(query, even(query), texts, None)
    assert {reading.telling for reading in readings.values()} == {1.0}


def test_compounds_and_scripts_without_spaces_are_taken_apart() -> None:
    assert reading_words("getUserById in src/app_main.py, 7 x") == ["user", "id", "src", "app", "main", "py", "7"]
    assert reading_words("数据库 port") == ["数据", "据库", "port"]


def test_what_a_statement_says_first_weighs_most() -> None:
    weights = faded(["one", "two", "one", "three"], {"one": 1.0, "two": 1.0, "three": 1.0, "four": 1.0})
    assert weights["one"] == pytest.approx(1.0)
    assert weights["one"] > weights["two"] > weights["three"] > 0.2
    assert "four" not in weights


@given(st.lists(st.text(max_size=60), max_size=2 * FEWEST_COMPARED), st.text(max_size=60))
def test_a_reading_is_a_share_whatever_the_texts(texts: list[str], query: str) -> None:
    words = reading_words(query)
    readings = read_closely(words, even(words), dict(enumerate(texts)), word_vectors())
    for reading in readings.values():
        for value in (reading.interaction, reading.phrase, reading.heading):
            assert -1e-6 <= value <= 1 + 1e-6
        assert np.isfinite(reading.telling)
        assert reading.telling > 0


def test_words_beyond_the_capacity_are_forgotten_and_come_back_the_same() -> None:
    vectors = word_vectors(capacity=2)
    first = vectors.of(["photo", "door"]).copy()
    vectors.of(["ledger", "gate"])
    assert np.array_equal(vectors.of(["photo", "door"]), first)
    assert vectors.of(["photo", "door", "ledger", "photo"]).shape == (4, 3)
    assert not vectors.of(["unheard"]).any()
