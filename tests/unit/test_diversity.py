from __future__ import annotations

from collections.abc import Mapping

from hypothesis import given, settings
from hypothesis import strategies as st

from athena_mcp.recall.content_terms import content_terms, weigh
from athena_mcp.recall.diversity import diversify


def weighed(*texts: str) -> list[Mapping[str, float]]:
    return weigh([content_terms(text) for text in texts])


def test_copies_of_the_best_hit_make_room_for_another_subject() -> None:
    terms = weighed(
        "deploy failed: disk full on build-7",
        "deploy failed: disk full on build-7",
        "deploy failed: disk full on build-7!",
        "clean the docker cache to get disk space back",
    )
    assert diversify([1.0, 0.98, 0.97, 0.9], terms, k=2) == [0, 3, 1, 2]


def test_memories_on_one_subject_that_say_different_things_keep_their_order() -> None:
    terms = weighed(
        "deploy failed: disk full on build-7",
        "deploy of build-7 succeeded after the disk was cleaned",
        "the disk of build-7 has 40 GB",
        "unrelated lunch menu",
    )
    assert diversify([1.0, 0.98, 0.97, 0.96], terms, k=4) == [0, 1, 2, 3]


def test_a_much_better_copy_stays_before_a_much_worse_other() -> None:
    terms = weighed("retry uploads twice", "retry uploads twice", "lunch menu")
    assert diversify([1.0, 0.95, 0.2], terms, k=2) == [0, 1, 2]


def test_the_better_half_of_the_list_is_not_crowded_out_by_what_is_different() -> None:
    terms = weighed("retry uploads twice", "retry uploads twice", "lunch menu", "cron timer", "pooler restart")
    scores = [1.0, 0.99, 0.95, 0.95, 0.95]
    assert diversify(scores, terms, k=2) == [0, 2, 3, 4, 1]
    assert diversify(scores, terms, k=4) == [0, 2, 3, 1, 4]


def test_the_first_stays_first_whatever_its_score() -> None:
    assert diversify([0.2, 1.0], weighed("retry uploads", "cron timer"), k=2) == [0, 1]


def test_what_is_replaced_stands_right_behind_what_replaces_it() -> None:
    terms = weighed("upload limit three", "pooler restart", "cron timer", "quota of five")
    assert diversify([1.0, 0.9, 0.8, 0.3], terms, k=4, behind={0: 3}) == [3, 0, 1, 2]
    assert diversify([1.0, 0.9, 0.8, 0.3], terms, k=4, behind={1: 3}) == [0, 3, 1, 2]
    assert diversify([1.0, 0.9, 0.8, 0.3], terms, k=4, behind={3: 0}) == [0, 1, 2, 3]


def test_a_chain_of_replacements_comes_newest_first() -> None:
    terms = weighed("one thing", "second matter", "third subject")
    assert diversify([1.0, 0.5, 0.4], terms, k=3, behind={0: 1, 1: 2}) == [2, 1, 0]


ROWS = st.lists(
    st.tuples(
        st.floats(min_value=0, max_value=3),
        st.dictionaries(st.sampled_from("abcdef"), st.floats(min_value=0.1, max_value=5), max_size=4),
    ),
    max_size=20,
)


@settings(deadline=None)
@given(ROWS, st.integers(min_value=1, max_value=20))
def test_the_better_half_stays_in_the_list_and_the_first_stays_first(
    rows: list[tuple[float, dict[str, float]]], k: int
) -> None:
    scores = sorted((score for score, _ in rows), reverse=True)
    order = diversify(scores, [terms for _, terms in rows], k=k)
    assert sorted(order) == list(range(len(rows)))
    assert order[:1] == list(range(len(rows)))[:1]
    assert set(range(min(k // 2, len(rows)))) <= set(order[:k])


@settings(deadline=None)
@given(ROWS, st.integers(min_value=1, max_value=20), st.data())
def test_whatever_must_come_before_does_and_the_better_half_stays_where_it_can(
    rows: list[tuple[float, dict[str, float]]], k: int, data: st.DataObject
) -> None:
    size = len(rows)
    age = data.draw(st.permutations(range(size)))
    behind = {
        place: other
        for place in range(size)
        if (other := data.draw(st.sampled_from([None, *range(size)]))) is not None and age[other] < age[place]
    }
    scores = sorted((score for score, _ in rows), reverse=True)
    order = diversify(scores, [terms for _, terms in rows], k=k, behind=behind)
    assert sorted(order) == list(range(size))
    assert all(order.index(ahead) < order.index(place) for place, ahead in behind.items())
    needed = set(range(min(k // 2, size)))
    while ahead := {behind[place] for place in needed if place in behind} - needed:
        needed |= ahead
    if len(needed) <= k:
        assert needed <= set(order[:k])
