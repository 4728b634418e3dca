"""Which memories of an answer restate older ones: recorded, by a relation that has one object at a time, or in words.

A claim that is not true would hide a memory that is; so only facts and relations of one project are compared, the
newer must cover everything that the older says, and what `statements` is not sure of does not count.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from athena_mcp.layers.entity_names import name_key, relation_key
from athena_mcp.layers.single_valued import is_single_valued
from athena_mcp.model import Layer, Memory
from athena_mcp.recall.quotation import sentences
from athena_mcp.recall.statements import Statement, differs_in_value, read_statement, without_reason

Reason = Literal["recorded", "relation", "value"]
"""Recorded in the store; the same subject and relation with another object; the same words with another value."""

COMPARED = frozenset({Layer.SEMANTIC, Layer.GRAPH})
"""Layers that say what is true. An event stays true, and of two procedures both may work."""
MAX_CHARS = 2_000
MAX_SENTENCES = 12
"""So much of a memory is read; one that says more is not replaced by what restates its beginning."""
TOGETHER_S = 3_600
"""Facts told within an hour belong together more likely than they contradict each other."""


@dataclass(frozen=True, slots=True)
class Replacement:
    """`newer` took the place of `older`."""

    newer: Memory
    older: Memory
    reason: Reason


@dataclass(frozen=True, slots=True)
class _Fact:
    """A memory made ready to be compared."""

    memory: Memory
    statements: tuple[Statement, ...]
    bare: tuple[Statement, ...]
    """Those that give a reason, without it."""
    whole: bool
    """Whether the statements are all that the memory says."""


def find_replacements(memories: Sequence[Memory]) -> tuple[Replacement, ...]:
    """For each memory that another of these replaces, the newest that does; in the order given."""
    facts = {memory.id: _read(memory) for memory in memories if memory.layer in COMPARED}
    newest_first = sorted(memories, key=lambda memory: (memory.at, memory.id), reverse=True)
    found = []
    for older in memories:
        for newer in newest_first:
            if newer.at <= older.at:
                break
            if reason := _reason(older, newer, facts):
                found.append(Replacement(newer, older, reason))
                break
    return tuple(found)


def _reason(older: Memory, newer: Memory, facts: dict[int, _Fact]) -> Reason | None:
    if older.superseded_by == newer.id:
        return "recorded"
    if older.id not in facts or newer.id not in facts or older.project != newer.project:
        return None
    if older.tags and newer.tags and not set(older.tags) & set(newer.tags):
        return None
    if _relates_otherwise(facts[older.id], facts[newer.id]):
        return "relation"
    return "value" if _restates(facts[older.id], facts[newer.id]) else None


def _read(memory: Memory) -> _Fact:
    told = sentences(memory.content[:MAX_CHARS])
    whole = len(memory.content) <= MAX_CHARS and len(told) <= MAX_SENTENCES
    told = told[:MAX_SENTENCES]
    statements = tuple(read_statement(sentence) for sentence in told)
    bare = tuple(read_statement(short) for sentence in told if (short := without_reason(sentence)) != sentence)
    return _Fact(memory, statements, bare, whole)


def _relates_otherwise(older: _Fact, newer: _Fact) -> bool:
    """Whether every edge of the older one is stated anew, one of them with the other object it now has.

    The text of a fact may say more than its edges; one of a single sentence does not.
    """
    if len(older.statements) > 1:
        return False
    edges = {(name_key(edge.subject), relation_key(edge.relation)): set[str]() for edge in newer.memory.relations}
    for edge in newer.memory.relations:
        edges[name_key(edge.subject), relation_key(edge.relation)].add(name_key(edge.object))
    changed = False
    for edge in older.memory.relations:
        relation = relation_key(edge.relation)
        objects = edges.get((name_key(edge.subject), relation), set())
        if name_key(edge.object) in objects:
            continue
        if len(objects) != 1 or not is_single_valued(relation):
            return False
        changed = True
    return changed


def _restates(older: _Fact, newer: _Fact) -> bool:
    """Whether every sentence of the older one is in the newer one, at least one of them with another value."""
    if not older.whole:
        return False
    told_apart = (newer.memory.at - older.memory.at).total_seconds() >= TOGETHER_S
    said = (*newer.statements, *newer.bare)
    changed = False
    for statement in older.statements:
        if any(statement.words == other.words for other in said):
            continue
        if not any(differs_in_value(statement, other, told_apart=told_apart) for other in said):
            return False
        changed = True
    return changed
