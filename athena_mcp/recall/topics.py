"""Grouping memories by what they are about: memories that share telling terms form a topic, named by these terms."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from athena_mcp.recall.content_terms import ContentTerm, alike, stem, to_unit

LABEL_TERMS = 3
CLOSE = 0.5
"""Alike enough for one topic whatever they share."""
RELATED = 0.2
RELATED_TERMS = 2
"""Alike enough when they share so many telling terms."""
ASKED = 0.25
"""What the weight of a term that was asked for is multiplied by: all of an answer is about it, so it parts little."""


@dataclass(frozen=True, slots=True)
class Group:
    """Memories about one thing: where they stand in the list, and the words that say what it is."""

    label: str
    members: tuple[int, ...]


def group(
    texts: Sequence[Sequence[ContentTerm]],
    terms: Sequence[Mapping[str, float]],
    query_terms: AbstractSet[str] = frozenset(),
) -> tuple[Group, ...]:
    """Groups in the order of their first members; each place of the list is in exactly one.

    `terms` are the weighted terms of each text, plain or stemmed, by whatever stemmer. A label has words of the texts
    only.
    """
    telling = _telling(terms)
    asked = {term for term in telling if term in query_terms or stem(term) in query_terms}
    told = [{term: weight for term, weight in row.items() if term in telling} for row in terms]
    units = [
        to_unit({term: weight * ASKED if term in asked else weight for term, weight in row.items()}) for row in told
    ]
    groups: list[list[int]] = []
    for place, row in enumerate(units):
        nearness = [_nearness(row, members, units) for members in groups]
        nearest = max(nearness, default=0.0)
        if nearest > 0:
            groups[nearness.index(nearest)].append(place)
        else:
            groups.append([place])
    return tuple(Group(_label(members, texts, terms, told), tuple(members)) for members in groups)


def _telling(terms: Sequence[Mapping[str, float]]) -> frozenset[str]:
    """Terms that some memories share and others do not have."""
    spread = Counter(term for row in terms for term in row)
    most = max(2, len(terms) * 2 // 3)
    return frozenset(term for term, count in spread.items() if 2 <= count <= most)


def _nearness(row: Mapping[str, float], members: Sequence[int], units: Sequence[Mapping[str, float]]) -> float:
    """How near a memory is to a group on average; 0 when it does not belong there."""
    near = sum(alike(row, units[member]) for member in members) / len(members)
    shared = sum(1 for term in row if any(term in units[member] for member in members))
    return near if near >= CLOSE or (near >= RELATED and shared >= RELATED_TERMS) else 0.0


def _label(
    members: Sequence[int],
    texts: Sequence[Sequence[ContentTerm]],
    terms: Sequence[Mapping[str, float]],
    told: Sequence[Mapping[str, float]],
) -> str:
    """The terms that most members share, of equals those that weigh most, as the first of them writes them."""
    rows = told if len(members) > 1 else terms
    count = Counter(term for member in members for term in rows[member])
    weight = {term: sum(rows[member].get(term, 0.0) for member in members) for term in count}
    least = 2 if len(members) > 1 else 1
    best = sorted(
        (term for term in count if count[term] >= least), key=lambda term: (-count[term], -weight[term], term)
    )
    written = [found for member in members for found in texts[member] if not found.surface.isdigit()]
    words: list[str] = []
    for term in best:
        word = next((each.surface for each in written if _is_form(each, term)), None)
        if word and not any(_overlap(word, other) for other in words):
            words.append(word)
        if len(words) == LABEL_TERMS:
            break
    return ", ".join(words)


def _is_form(found: ContentTerm, term: str) -> bool:
    """Whether a word of a text is what a term stands for, whoever stemmed it (`polici`: policies)."""
    written = found.surface.lower()
    return term in (found.term, written) or (len(term) > 3 and written.startswith(term))


def _overlap(one: str, other: str) -> bool:
    return one.lower() in other.lower() or other.lower() in one.lower()
