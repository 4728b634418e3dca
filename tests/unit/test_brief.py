from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest

from athena_mcp.model import (
    Details,
    EpisodicDetails,
    EpisodicKind,
    GraphDetails,
    Layer,
    Memory,
    Outcome,
    Priority,
    ProceduralDetails,
    ProspectiveDetails,
    SemanticDetails,
    SemanticKind,
    TaskStatus,
)
from athena_mcp.recall.brief import Entry, describe, write_brief
from athena_mcp.recall.topics import Group

THEN = datetime(2026, 1, 10, 9, tzinfo=UTC)


def memory(id: int, text: str, day: int = 0, details: Details | None = None, layer: Layer = Layer.SEMANTIC) -> Memory:
    return Memory(
        id=id, project="acme/shop", layer=layer, content=text, created_at=THEN + timedelta(days=day), details=details
    )


def brief(*entries: Entry, groups: tuple[Group, ...] | None = None, budget: int = 1_200, query: str = "") -> list[str]:
    """The lines of the brief of these entries, each a topic of its own unless grouped."""
    topics = groups or tuple(Group("", (place,)) for place in range(len(entries)))
    written = write_brief(entries, topics, frozenset(query.split()), budget_chars=budget)
    assert written is None or len(json.dumps(written, ensure_ascii=False)) <= budget
    return written.splitlines() if written else []


@pytest.mark.parametrize(
    ("details", "layer", "words"),
    [
        (EpisodicDetails(), Layer.EPISODIC, ""),
        (EpisodicDetails(EpisodicKind.TEST_RUN, Outcome.FAILURE), Layer.EPISODIC, "test run, failed"),
        (EpisodicDetails(outcome=Outcome.PARTIAL), Layer.EPISODIC, "partly succeeded"),
        (SemanticDetails(), Layer.SEMANTIC, ""),
        (SemanticDetails(SemanticKind.DECISION), Layer.SEMANTIC, "decision"),
        (ProceduralDetails(), Layer.PROCEDURAL, "procedure"),
        (ProceduralDetails(successes=3, failures=1), Layer.PROCEDURAL, "procedure, worked 3 of 4 times"),
        (ProspectiveDetails(due_at=datetime(2026, 6, 1, tzinfo=UTC)), Layer.PROSPECTIVE, "open task, due 2026-06-01"),
        (
            ProspectiveDetails(TaskStatus.BLOCKED, Priority.CRITICAL),
            Layer.PROSPECTIVE,
            "blocked task, critical priority",
        ),
        (ProspectiveDetails(TaskStatus.COMPLETED), Layer.PROSPECTIVE, "completed task"),
        (GraphDetails(), Layer.GRAPH, "relation"),
        (None, Layer.SEMANTIC, ""),
    ],
)
def test_a_line_says_what_kind_of_memory_it_quotes_and_how_that_stands(
    details: Details | None, layer: Layer, words: str
) -> None:
    quoted = memory(12, "checkout is slow", details=details, layer=layer)
    assert describe(quoted) == words
    assert brief(Entry(quoted)) == [f"2026-01-10{words and f' {words}'}: checkout is slow [#12]"]


def test_what_a_memory_replaced_is_said_after_it_and_has_no_line_of_its_own() -> None:
    older, oldest = memory(17, "staging is on 5433", 3), memory(9, "staging is on 5432")
    lines = brief(Entry(memory(31, "staging is on 6543", 112), (older, oldest)), Entry(older, is_replaced=True))
    assert lines == [
        "2026-05-02: staging is on 6543 [#31]",
        "#31 (2026-05-02) replaces #17 (2026-01-13), #9 (2026-01-10) [#31, #17, #9]",
    ]


def test_inside_a_topic_the_oldest_comes_first_under_the_label() -> None:
    entries = [
        Entry(memory(3, "cron moved to a timer", 40)),
        Entry(memory(5, "lunch is at noon", 1)),
        Entry(memory(4, "cron failed", 20)),
    ]
    assert brief(*entries, groups=(Group("cron", (0, 2)), Group("lunch", (1,)))) == [
        "cron [#4, #3]",
        "2026-01-30: cron failed [#4]",
        "2026-02-19: cron moved to a timer [#3]",
        "2026-01-11: lunch is at noon [#5]",
    ]


def test_memories_that_say_the_same_share_a_line() -> None:
    entries = [Entry(memory(3, "The build is red.", 40)), Entry(memory(4, "the build is red", 20))]
    assert brief(*entries, groups=(Group("build", (0, 1)),)) == [
        "2026-01-30 to 2026-02-19: the build is red [#4, #3]",
    ]


def test_a_tight_budget_quotes_fewer_memories_the_best_ones() -> None:
    entries = [Entry(memory(id, f"note {id} says " + "this and that " * 20)) for id in range(1, 11)]
    lines = brief(*entries, budget=400)
    assert 2 <= len(lines) < 6
    assert [line.rpartition("[")[2] for line in lines] == [f"#{id}]" for id in range(1, len(lines) + 1)]
    assert all("… [#" in line for line in lines)


def test_short_memories_leave_their_share_to_long_ones() -> None:
    lines = brief(Entry(memory(1, "short")), Entry(memory(2, "word " * 400)), budget=600)
    assert len(lines[0]) < 40
    assert len(lines[1]) > 500


@pytest.mark.parametrize("budget", [0, 1, 20, 30, 45, 60, 80])
def test_a_tiny_budget_is_held_or_there_is_no_brief(budget: int) -> None:
    newer = Entry(memory(31, "the staging database is on port 6543", 112), (memory(17, "old"),))
    lines = brief(newer, budget=budget)
    assert len(lines) <= 1
    assert all(line.endswith("[#31]") for line in lines)
    assert bool(lines) == (budget >= 45)


def test_a_memory_without_printable_text_is_cited_without_a_quotation() -> None:
    assert brief(Entry(memory(12, "\x00\x1b", layer=Layer.GRAPH))) == ["2026-01-10 relation [#12]"]


def test_nothing_found_has_no_brief() -> None:
    assert write_brief([], [], frozenset(), budget_chars=1_200) is None
