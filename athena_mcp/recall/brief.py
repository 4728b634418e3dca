"""The brief of an answer: a few lines taken from its memories, each with its date and the memories it comes from.

Extractive: apart from a small fixed vocabulary every word is one of the memory that the line cites. What a memory says
cannot pass for a citation (see `quotation.plain`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import UTC

from athena_mcp.model import (
    EpisodicDetails,
    EpisodicKind,
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
from athena_mcp.recall.excerpt import fair_share
from athena_mcp.recall.quotation import json_size, shorten, telling_sentence
from athena_mcp.recall.topics import Group

LEAST_CHARS = 56
"""A quotation shorter than this tells too little: fewer memories are quoted instead."""
SHORTEST_CHARS = 12
"""The only quotation may be this short when the budget is tiny."""
READ_CHARS = 6_000
"""The beginning of a memory, from which a sentence is chosen."""
MAX_OLDER = 3
"""Memories that one is said to replace."""

OUTCOMES = {
    Outcome.SUCCESS: "succeeded",
    Outcome.FAILURE: "failed",
    Outcome.PARTIAL: "partly succeeded",
    Outcome.ONGOING: "ongoing",
}
STATUSES = {
    TaskStatus.PENDING: "open task",
    TaskStatus.IN_PROGRESS: "task in progress",
    TaskStatus.BLOCKED: "blocked task",
    TaskStatus.COMPLETED: "completed task",
    TaskStatus.CANCELLED: "cancelled task",
}
PRIORITIES = {Priority.HIGH: "high priority", Priority.CRITICAL: "critical priority"}


@dataclass(frozen=True, slots=True)
class Entry:
    """A memory that may be quoted, with what it replaced, newest first. One that was itself replaced is only named."""

    memory: Memory
    replaced: tuple[Memory, ...] = ()
    is_replaced: bool = False


@dataclass(frozen=True, slots=True)
class _Line:
    """A line whose quotation is still whole."""

    before: str
    quotation: str
    after: str


def write_brief(
    entries: Sequence[Entry], topics: Sequence[Group], query_terms: AbstractSet[str], *, budget_chars: int
) -> str | None:
    """The lines of the best entries, as many as fit; None when not even one does.

    `entries` come best first, the members of the topics are places in it; `budget_chars` is for the brief as JSON, its
    quotes included. Inside a topic the oldest comes first.
    """
    own = [place for place, entry in enumerate(entries) if not entry.is_replaced]
    most = min(len(own), budget_chars // LEAST_CHARS + 1)
    quotations = {
        place: telling_sentence(entries[place].memory.content[:READ_CHARS], query_terms) for place in own[:most]
    }
    for count in range(most, 0, -1):
        chosen = own[:count]
        lines = _lines(entries, topics, {place: quotations[place] for place in chosen})
        least = LEAST_CHARS if count > 1 else SHORTEST_CHARS
        if brief := _fit(lines, budget_chars, least, query_terms):
            return brief
    # What it replaced is said only where there is room for it.
    lines = [_quoting([entries[place].memory], quotations[place]) for place in own[:1]]
    return _fit(lines, budget_chars, SHORTEST_CHARS, query_terms)


def said_replacement(newer: Memory, older: Sequence[Memory]) -> str:
    """`#31 (2026-05-02) replaces #17 (2026-01-10)`."""
    return f"{_named(newer)} replaces {', '.join(map(_named, older))}"


def describe(memory: Memory) -> str:
    """What kind of memory it is and how it stands, in a few words; empty for a plain event or fact."""
    match memory.details:
        case EpisodicDetails(kind, outcome):
            words = [] if kind is EpisodicKind.EVENT else [kind.value.replace("_", " ")]
            return ", ".join(words + ([OUTCOMES[outcome]] if outcome else []))
        case SemanticDetails(kind):
            return "" if kind is SemanticKind.FACT else kind.value
        case ProceduralDetails(successes=successes, failures=failures):
            runs = successes + failures
            return f"procedure, worked {successes} of {runs} times" if runs else "procedure"
        case ProspectiveDetails(status, priority, due_at):
            words = [STATUSES[status]]
            if due_at is not None:
                words.append(f"due {due_at.astimezone(UTC):%Y-%m-%d}")
            if priority in PRIORITIES:
                words.append(PRIORITIES[priority])
            return ", ".join(words)
        case _:
            return "relation" if memory.layer is Layer.GRAPH else ""


def _lines(entries: Sequence[Entry], topics: Sequence[Group], quotations: Mapping[int, str]) -> list[_Line]:
    """All lines of the chosen places: a topic of several under its label, each with what it replaced."""
    chosen = [
        sorted(members, key=lambda place: (entries[place].memory.at, entries[place].memory.id))
        for topic in topics
        if (members := [place for place in topic.members if place in quotations])
    ]
    labels = [topic.label for topic in topics if any(place in quotations for place in topic.members)]
    lines: list[_Line] = []
    for label, members in zip(labels, chosen, strict=True):
        if label and len(members) > 1 and len(chosen) > 1:
            lines.append(_Line(f"{label} {_citation(entries[place].memory for place in members)}", "", ""))
        for same in _alike(entries, members, quotations):
            lines.append(_quoting([entries[place].memory for place in same], quotations[same[0]]))
            lines += [_replacing(entries[place]) for place in same if entries[place].replaced]
    return lines


def _alike(entries: Sequence[Entry], members: Sequence[int], quotations: Mapping[int, str]) -> list[list[int]]:
    """The members, those that would be quoted with the same words together."""
    groups: dict[tuple[str, str], list[int]] = {}
    for place in members:
        words = quotations[place].casefold().rstrip(".!")
        groups.setdefault((describe(entries[place].memory), words), []).append(place)
    return list(groups.values())


def _quoting(memories: Sequence[Memory], quotation: str) -> _Line:
    first, last = _date(memories[0]), _date(memories[-1])
    date = first if first == last else f"{first} to {last}"
    before = " ".join(filter(None, (date, describe(memories[0]))))
    citation = _citation(memories)
    return _Line(f"{before}: ", quotation, f" {citation}") if quotation else _Line(f"{before} {citation}", "", "")


def _replacing(entry: Entry) -> _Line:
    older = entry.replaced[:MAX_OLDER]
    return _Line(f"{said_replacement(entry.memory, older)} {_citation((entry.memory, *older))}", "", "")


def _fit(lines: Sequence[_Line], budget_chars: int, least: int, query_terms: AbstractSet[str]) -> str | None:
    """The lines with their quotations cut to a fair share; None when that would leave one less than `least`."""
    sizes = [json_size(line.quotation) for line in lines if line.quotation]
    room = budget_chars - 2 - json_size("\n".join(line.before + line.after for line in lines))
    if not lines or room < sum(min(size, least) for size in sizes):
        return None
    share = fair_share(sizes, room, least=0)
    return "\n".join(line.before + shorten(line.quotation, share, query_terms) + line.after for line in lines)


def _citation(memories: Iterable[Memory]) -> str:
    return f"[{', '.join(f'#{memory.id}' for memory in memories)}]"


def _named(memory: Memory) -> str:
    return f"#{memory.id} ({_date(memory)})"


def _date(memory: Memory) -> str:
    return f"{memory.at.astimezone(UTC):%Y-%m-%d}"
