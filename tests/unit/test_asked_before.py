from __future__ import annotations

from athena_mcp.recall.asked_before import AskedBefore


def test_a_question_is_known_from_the_second_time_on() -> None:
    asked = AskedBefore(4)
    assert [asked.note(question) for question in ("a", "b", "a", "b", "c")] == [False, False, True, True, False]


def test_the_one_not_asked_for_longest_is_forgotten() -> None:
    asked = AskedBefore(2)
    for question in ("a", "b", "a", "c"):
        asked.note(question)
    assert asked.note("a")
    assert not asked.note("b")
