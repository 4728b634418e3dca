from __future__ import annotations

import pytest

from athena_mcp.recall.spelling import ALIKE, LEAST, LONGEST_CHARS, MOST_BEGINNINGS, alike_in_spelling


def scores(own: str, *others: str) -> dict[str, float]:
    return {stem: score for _, stem, score in alike_in_spelling([own], others)}


@pytest.mark.parametrize(
    ("own", "other", "expected"),
    [
        ("cycl", "refcycl", ALIKE * 4 / 7),
        ("refcycl", "cycl", ALIKE * 4 / 7),
        ("parametriz", "parametrization", ALIKE * 20 / 25),
        ("datenbank", "datenbankverbindung", ALIKE * 18 / 28),
        ("timeout", "readtimeouterror", ALIKE * 7 / 16),
        ("abcdxyz", "abcdabcdxyz", ALIKE * 7 / 11),  # contained, which is more than the beginning
    ],
)
def test_words_are_alike_that_share_a_beginning_or_contain_each_other(own: str, other: str, expected: float) -> None:
    assert scores(own, other) == {other: pytest.approx(expected)}


@pytest.mark.parametrize(
    ("own", "other"),
    [
        ("lock", "lock"),  # the same stem, which the reading knows better
        ("log", "logger"),  # too short
        ("lock", "block1"),
        ("e4012", "e4013"),  # codes
        ("4080", "40800"),
        ("test", "testifyingly" * 3),  # too little of it
        ("lock", "clock" * LONGEST_CHARS),
    ],
)
def test_others_are_not(own: str, other: str) -> None:
    assert scores(own, other) == {}


def test_every_pair_is_told_once_with_its_place_and_within_bounds() -> None:
    asked = ["cach", "connect", "cachet"]
    stems = ["cachet", "precach", "connection", "reconnect", "port"]
    found = list(alike_in_spelling(asked, stems))
    pairs = {(0, "cachet"), (0, "precach"), (1, "connection"), (1, "reconnect")}
    assert {(place, stem) for place, stem, _ in found} == pairs
    assert len(found) == len({row[:2] for row in found})
    assert all(LEAST < score <= ALIKE for _, _, score in found)


def test_a_word_without_an_end_takes_no_time() -> None:
    endless = "ab" * 50_000
    assert list(alike_in_spelling([endless] * 48, [endless, "abab"])) == []


def test_of_words_with_one_beginning_only_so_many_are_looked_at() -> None:
    numbered = [f"host{'abcdefghij'[n // 100]}{'abcdefghij'[n // 10 % 10]}{'abcdefghij'[n % 10]}" for n in range(1_000)]
    assert len(list(alike_in_spelling(["hosts"], numbered))) == MOST_BEGINNINGS
