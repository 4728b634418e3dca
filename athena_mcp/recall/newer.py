"""Of two memories that say the same but for one value, the later one first: the earlier is likely out of date."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from athena_mcp.recall.fusion import Ranked, in_order

LOOKED_AT = 10
"""So many of the first are compared with each other."""
CLOSE = 0.1
"""Only where the scores differ by no more than this part; else the question tells them apart."""
LEAST_WORDS = 4
"""Shorter texts may differ in the one word that says what they are about."""
MARGIN = 1e-6
"""What the later one is put ahead by."""

_WORD = re.compile(r"\w+")
_NUMBER = re.compile(r"\d+")


def newer_first(ranked: Sequence[Ranked], texts: Mapping[int, str]) -> list[Ranked]:
    """The same list, with those of the first whose text differs from another's in one value in the order of time."""
    first = list(ranked[:LOOKED_AT])
    words = [_WORD.findall(texts.get(row.candidate.id, "").lower()) for row in first]
    changed = False
    for place, row in enumerate(first):
        rivals = [
            other.score
            for number, other in enumerate(first)
            if other.score > row.score
            and other.score - row.score <= CLOSE * other.score
            and other.candidate.at < row.candidate.at
            and differ_in_a_value(words[place], words[number])
        ]
        if rivals:
            ahead = max(rivals) + MARGIN - row.score
            first[place] = row._replace(score=row.score + ahead, context=row.context + ahead)
            changed = True
    return in_order([*first, *ranked[LOOKED_AT:]]) if changed else list(ranked)


def differ_in_a_value(one: Sequence[str], other: Sequence[str]) -> bool:
    """Whether two texts, as words, differ in their numbers only, or in one word."""
    if len(one) != len(other) or len(one) < LEAST_WORDS:
        return False
    different = [(a, b) for a, b in zip(one, other, strict=True) if a != b]
    return len(different) == 1 or (
        bool(different) and all(_NUMBER.search(a) and _NUMBER.search(b) for a, b in different)
    )
