"""Which tasks a question lists by the time that it names."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from athena_mcp.recall.due_window import DueWindow, due_window
from athena_mcp.recall.selection import listed_tasks

NOW = datetime(2026, 11, 25, 13, 30, tzinfo=UTC)
"""A Wednesday."""


def day(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("question", "since", "until"),
    [
        ("what are my overdue tasks?", None, NOW),
        ("what is due today?", None, day("2026-11-26")),
        ("which tasks are due tomorrow?", day("2026-11-26"), day("2026-11-27")),
        ("what is due this week?", None, day("2026-11-30")),
        ("tasks due next week", day("2026-11-30"), day("2026-12-07")),
        ("what is due this month?", None, day("2026-12-01")),
        ("which tasks are due next month?", day("2026-12-01"), day("2027-01-01")),
        ("due in January 2027", day("2027-01-01"), day("2027-02-01")),
        ("what is due in November?", day("2026-11-01"), day("2026-12-01")),
        ("what is due in May?", day("2027-05-01"), day("2027-06-01")),
        ("which tasks are due next?", None, None),
        ("deadlines", None, None),
    ],
)
def test_a_question_about_due_tasks_lists_those_of_its_time(
    question: str, since: datetime | None, until: datetime | None
) -> None:
    listed = listed_tasks(question, NOW)
    assert listed is not None
    assert (listed.dated, listed.due_from, listed.due_before) == (True, since, until)


@pytest.mark.parametrize(
    "question",
    [
        "is the invoice of January 2027 due?", "what happened in January 2027?", "what did we do this week?",
        "why is the search service due for a rewrite?", "next month", "which port is used next week?",
        "which tasks are due before March 2027?", "tasks due by tomorrow", "what is due after today?",
        "which tasks are not blocked?", "what is not overdue?", "which tasks are due this week or next week?",
    ],
)  # fmt: skip
def test_other_questions_list_no_tasks(question: str) -> None:
    assert listed_tasks(question, NOW) is None


def test_a_month_that_is_a_verb_is_none_without_a_word_before_it() -> None:
    assert due_window(["what", "may", "be", "due"], NOW) == DueWindow()
    assert due_window(["due", "in", "december", "2199"], NOW).until == day("2200-01-01")


def test_what_is_not_finished_is_open() -> None:
    listed = listed_tasks("which tasks are not done?", NOW)
    assert listed is not None
    assert "completed" not in listed.statuses
