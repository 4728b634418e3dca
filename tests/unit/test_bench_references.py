"""The reference rows: BM25 against a computation by hand, and what vectors and neighbours add."""

from __future__ import annotations

import math

import numpy as np
import pytest

from athena_mcp.bench.quality.bm25 import Bm25
from athena_mcp.bench.quality.case import CaseMemory
from athena_mcp.bench.quality.references import (
    NEIGHBOUR_WEIGHT,
    REFERENCES,
    ReferenceRanker,
    make_ranker,
    scaled,
    stretched,
)
from athena_mcp.bench.quality.words import english_stemmer, split_words, terms_of
from athena_mcp.embed.static import StaticEmbedder

WORDS, VECTORS, NEIGHBOURS = REFERENCES


def test_bm25_gives_the_scores_of_a_computation_by_hand() -> None:
    # Lengths 2, 1 and 3, so 2 on average; "pool" is in two of three documents, "leak" in one, twice.
    scores = Bm25([["pool", "size"], ["pool"], ["leak", "leak", "size"]]).scores(["pool", "leak", "pool", "unknown"])
    weight_pool = math.log(1 + (3 - 2 + 0.5) / (2 + 0.5))
    weight_leak = math.log(1 + (3 - 1 + 0.5) / (1 + 0.5))
    assert scores == pytest.approx(
        [
            # k1 = 1.2, b = 0.75: a document of mean length has the factor 2.2 / 2.2.
            weight_pool * 1 * 2.2 / (1 + 1.2 * (0.25 + 0.75 * 2 / 2)),
            weight_pool * 1 * 2.2 / (1 + 1.2 * (0.25 + 0.75 * 1 / 2)),
            weight_leak * 2 * 2.2 / (2 + 1.2 * (0.25 + 0.75 * 3 / 2)),
        ]
    )
    assert scores[0] == pytest.approx(0.47, abs=0.001)


def test_bm25_of_nothing_known_is_nought() -> None:
    assert Bm25([["pool"], []]).scores(["leak"]).tolist() == [0.0, 0.0]
    assert Bm25([]).scores(["leak"]).tolist() == []


def test_words_are_folded_and_split_where_names_are_joined_and_function_words_are_left_out() -> None:
    assert split_words("Why doesn't getUserById() of the HTTPServer read MAX_pool-size?") == [
        *("doesn", "get", "user", "id", "http", "server", "read", "max", "pool", "size")
    ]
    assert split_words("Größe über 數據") == ["grösse", "über", "數據"]


def test_words_of_one_stem_are_the_same_term() -> None:
    stem = english_stemmer()
    assert set(terms_of("connections connected connecting", stem)) == {"connect"}


def ranker(vectors: list[list[float]] | None = None, sessions: str = "----") -> ReferenceRanker:
    texts = ("the pool leaks", "the cache grows", "the queue stalls", "the disk fills")
    memories = [
        CaseMemory(str(number), text, None, None if session == "-" else session)
        for number, (text, session) in enumerate(zip(texts, sessions, strict=True))
    ]
    return ReferenceRanker(memories, english_stemmer(), None if vectors is None else np.array(vectors))


def test_the_first_reference_ranks_by_words_alone_and_leaves_out_what_has_none() -> None:
    assert ranker().rank(WORDS, "leaking pool or growing cache", None, 10) == ["0", "1"]


def test_vectors_bring_in_what_no_word_finds() -> None:
    made = ranker([[0.0, 1.0], [0.0, 1.0], [0.0, 1.0], [1.0, 0.0]])
    query = np.array([1.0, 0.0])
    assert made.rank(VECTORS, "leaking pool", query, 10) == ["0", "3"]
    assert made.rank(WORDS, "leaking pool", query, 10) == ["0"]


def test_a_hit_speaks_for_its_neighbours_in_the_session_and_for_nobody_else() -> None:
    made = ranker([[1.0]] * 4, sessions="aab-")
    found = made.rank(NEIGHBOURS, "leaking pool", np.array([0.0]), 10)
    assert found == ["0", "1"]
    assert NEIGHBOUR_WEIGHT > 0


def test_no_more_than_k_are_ranked() -> None:
    assert ranker().rank(WORDS, "pool cache queue disk", None, 2) == ["0", "1"]


def test_scores_are_scaled_without_dividing_by_nought() -> None:
    assert scaled(np.array([1.0, 4.0])).tolist() == [0.25, 1.0]
    assert scaled(np.array([0.0, 0.0])).tolist() == [0.0, 0.0]
    assert stretched(np.array([-1.0, 0.0, 1.0])).tolist() == [0.0, 0.5, 1.0]
    assert stretched(np.array([2.0, 2.0])).tolist() == [0.0, 0.0]


@pytest.mark.anyio
async def test_the_vectors_of_the_references_are_the_default_embedder_s(static_embedder: StaticEmbedder) -> None:
    memories = [CaseMemory("car", "the automobile would not start"), CaseMemory("cake", "a recipe for lemon cake")]
    made = await make_ranker(memories, static_embedder)
    query = "vehicle engine trouble"
    vector = np.array((await static_embedder.embed([query]))[0], float)
    assert made.rank(WORDS, query, vector, 2) == []
    assert made.rank(VECTORS, query, vector, 2)[0] == "car"
