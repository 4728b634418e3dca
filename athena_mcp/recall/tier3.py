"""Tier 3, synthesise: an answer's hits reconciled, spread over their topics and summed up in a cited brief. No model.

Pure: hits in, order and text out. The parts are `replacement` (what yields to what), `diversity` (the order), `topics`
(the groups) and `brief` (the lines).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from athena_mcp.model import Memory
from athena_mcp.recall.brief import Entry, said_replacement, write_brief
from athena_mcp.recall.content_terms import content_terms, weigh
from athena_mcp.recall.diversity import diversify
from athena_mcp.recall.replacement import Reason, Replacement, find_replacements
from athena_mcp.recall.topics import group

BRIEF_CHARS = 1_200
"""Some 300 tokens: a fifth of what ten memories take."""
COMPARED_CHARS = 2_000
"""The beginning of a memory, by which it is compared with others."""

WHY: Mapping[Reason, str] = {
    "recorded": "recorded when it was stored",
    "relation": "the same relation with another object",
    "value": "the same statement with another value",
}


@dataclass(frozen=True, slots=True)
class Source:
    """One hit as Tier 3 sees it."""

    memory: Memory
    score: float
    confidence: float | None = None
    terms: Mapping[str, float] = field(default_factory=dict)
    """Its content terms, plain or stemmed, with their weights. Where one source has none, all are read anew."""
    replaced: tuple[Memory, ...] = ()
    """What this memory is recorded to have replaced, newest first."""


@dataclass(frozen=True, slots=True)
class Topic:
    """Memories of the answer about one thing; the label has words of theirs and may be empty."""

    label: str
    memory_ids: tuple[int, ...]
    """Oldest first."""


@dataclass(frozen=True, slots=True)
class Synthesis:
    """What Tier 3 made of an answer."""

    order: tuple[int, ...]
    """The ids of all sources in their new order."""
    brief: str | None
    topics: tuple[Topic, ...]
    """Of the first `k`, that of the best first."""
    notes: tuple[str, ...]
    """What was found to replace what, and why; for the explanation."""


def synthesise(sources: Sequence[Source], *, query: str, k: int, budget_chars: int = BRIEF_CHARS) -> Synthesis:
    """Order the sources anew, and sum up the first `k`.

    `sources` come best first, each memory once. What was replaced stands behind what replaces it; near-duplicates fall
    back a little; the first stays first unless a newer one replaces it, and the best `k // 2` stay among the first `k`.
    `budget_chars` is for the brief as a JSON string. There is no brief without sources, or where not a line fits.
    """
    replacements = find_replacements([source.memory for source in sources])
    place_of = {source.memory.id: place for place, source in enumerate(sources)}
    behind = {place_of[found.older.id]: place_of[found.newer.id] for found in replacements}
    texts = [content_terms(source.memory.content[:COMPARED_CHARS]) for source in sources]
    given = [source.terms for source in sources if source.terms]
    terms = given if len(given) == len(sources) else weigh(texts)
    order = diversify([source.score for source in sources], terms, k=k, behind=behind)
    shown = order[:k]
    query_terms = frozenset(found.term for found in content_terms(query))
    groups = group([texts[place] for place in shown], [terms[place] for place in shown], query_terms)
    entries = [_entry(sources[place], replacements) for place in shown]
    return Synthesis(
        order=tuple(sources[place].memory.id for place in order),
        brief=write_brief(entries, groups, query_terms, budget_chars=budget_chars),
        topics=tuple(
            Topic(
                topic.label,
                tuple(memory.id for memory in sorted((entries[place].memory for place in topic.members), key=_by_time)),
            )
            for topic in groups
        ),
        notes=tuple(_notes(sources, replacements)),
    )


def _entry(source: Source, replacements: Sequence[Replacement]) -> Entry:
    """The source with all that it replaced, recorded or found, newest first."""
    found = [each.older for each in replacements if each.newer.id == source.memory.id]
    replaced = {memory.id: memory for memory in (*source.replaced, *found) if memory.id != source.memory.id}
    return Entry(
        source.memory,
        tuple(sorted(replaced.values(), key=_by_time, reverse=True)),
        is_replaced=any(each.older.id == source.memory.id for each in replacements),
    )


def _notes(sources: Sequence[Source], replacements: Sequence[Replacement]) -> list[str]:
    notes = [
        f"{said_replacement(source.memory, source.replaced)}: {WHY['recorded']}"
        for source in sources
        if source.replaced
    ]
    found = [f"{said_replacement(each.newer, (each.older,))}: {WHY[each.reason]}" for each in replacements]
    return notes + found


def _by_time(memory: Memory) -> tuple[float, int]:
    return memory.at.timestamp(), memory.id
