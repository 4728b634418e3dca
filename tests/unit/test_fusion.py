from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from athena_mcp.recall.fusion import fuse, with_context
from athena_mcp.recall.reading import Reading
from athena_mcp.search.candidates import Candidate

AT = datetime(2026, 1, 31, tzinfo=UTC)


def row(id: int, *, lexical: float = 0.0, cosine: float | None = None, linked: float = 0.0, day: int = 0) -> Candidate:
    """A candidate as a layer gives it."""
    return Candidate(
        id=id,
        project_id=1,
        layer="semantic",
        at=AT + timedelta(days=day),
        session_id="s",
        importance=0.5,
        lexical=lexical,
        covered=lexical,
        cosine=cosine,
        linked=linked,
    )


scores = st.floats(0, 100, allow_nan=False)
candidates = st.lists(
    st.builds(
        row,
        id=st.integers(1, 12),
        lexical=scores,
        cosine=st.none() | st.floats(-1, 1),
        linked=st.floats(0, 1),
        day=st.integers(0, 3),
    ),
    max_size=30,
).map(lambda rows: [one._replace(at=AT + timedelta(days=one.id % 4)) for one in rows])


def test_nothing_fused_is_nothing() -> None:
    assert fuse([]) == []


def test_the_better_hit_of_an_arm_comes_first() -> None:
    assert [hit.candidate.id for hit in fuse([row(1, lexical=2), row(2, lexical=9)])] == [2, 1]
    assert [hit.candidate.id for hit in fuse([row(1, cosine=0.2), row(2, cosine=0.9)])] == [2, 1]
    assert [hit.candidate.id for hit in fuse([row(1, linked=0.5), row(2, linked=1.0)])] == [2, 1]


def test_what_both_arms_name_beats_what_one_names_as_well() -> None:
    ranked = fuse([row(1, lexical=9, cosine=0.1), row(2, lexical=9, cosine=0.9), row(3, cosine=0.9)])
    assert [hit.candidate.id for hit in ranked] == [2, 1, 3]


def test_of_equals_the_later_one_comes_first_and_then_the_higher_id() -> None:
    ranked = fuse([row(1, lexical=1), row(2, lexical=1, day=1), row(3, lexical=1)])
    assert [hit.candidate.id for hit in ranked] == [2, 3, 1]


def test_a_memory_that_two_layers_name_comes_once_with_the_best_of_both() -> None:
    (hit,) = fuse([row(7, lexical=3, cosine=None), row(7, lexical=1, cosine=0.4, linked=1.0)])
    assert (hit.candidate.lexical, hit.candidate.cosine, hit.candidate.linked) == (3, 0.4, 1.0)


def test_an_opposite_vector_costs_nothing() -> None:
    (hit,) = fuse([row(1, lexical=1, cosine=-0.9)])
    assert hit.cosine == 0
    assert hit.score >= hit.lexical


@given(candidates)
def test_every_memory_comes_once_in_falling_order(rows: list[Candidate]) -> None:
    ranked = fuse(rows)
    assert sorted(hit.candidate.id for hit in ranked) == sorted({one.id for one in rows})
    assert all(one.score >= next_one.score for one, next_one in pairwise(ranked))


@given(candidates, st.randoms())
def test_the_order_in_which_layers_answer_does_not_matter(rows: list[Candidate], random: object) -> None:
    shuffled = list(rows)
    random.shuffle(shuffled)  # type: ignore[attr-defined]  # hypothesis gives a random.Random

    def seen(given_rows: list[Candidate]) -> list[tuple[int, float]]:
        return [(hit.candidate.id, hit.score) for hit in fuse(given_rows)]

    assert seen(rows) == seen(shuffled)


@given(candidates)
def test_the_parts_of_a_score_add_up_to_it(rows: list[Candidate]) -> None:
    for hit in fuse(rows):
        assert abs(hit.score - (hit.lexical + hit.cosine + hit.linked)) < 1e-9
        assert min(hit.lexical, hit.cosine, hit.linked) >= 0


def test_a_question_goes_by_what_its_words_tell_among_what_was_read_and_a_statement_does_not() -> None:
    ranked = fuse([row(1, lexical=9.0), row(2, lexical=8.5)])
    readings = {1: Reading(telling=0.5), 2: Reading(telling=1.2)}
    assert [hit.candidate.id for hit in with_context(ranked, [], readings)] == [2, 1]
    assert [hit.candidate.id for hit in with_context(ranked, [], readings, statement=True)] == [1, 2]
    assert [hit.candidate.id for hit in with_context(ranked, [])] == [1, 2]


def test_what_was_not_read_keeps_its_lexical_score() -> None:
    hits = with_context(fuse([row(1, lexical=9.0), row(2, lexical=8.0)]), [], {1: Reading(telling=0.9)})
    assert [hit.lexical for hit in hits if hit.candidate.id == 2] == [8.0 / 9.0]
    for hit in hits:
        assert abs(hit.score - (hit.lexical + hit.cosine + hit.covered + hit.linked + hit.context + hit.read)) < 1e-9
