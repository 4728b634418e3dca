"""How alike words are by their letters: derived from one another, or one made of the other. Pure.

`refcycles` is no word to a stemmer, nor to a table of word vectors, and still says *cycle*; *parametrization* and
*parametrized* keep apart what stemming leaves of them. Languages that write compounds as one word are full of it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import takewhile
from typing import NamedTuple

SHARED_CHARS = 4
"""Fewer letters in common are chance. Of 3 to 5 tried, 4 is best on the development cases, by little."""
LONGEST_CHARS = 40
"""A longer word has too many parts to look each of them up, and is no word."""
MOST_BEGINNINGS = 100
"""Words with one beginning that are looked at; more of them are numbered names, and take time."""
ALIKE = 0.8
"""What words are worth to each other that have all letters in common. From .6 to 1 it makes no difference."""
LEAST = 0.3
"""Below this it is not worth saying."""


class Alike(NamedTuple):
    """A stem that is like the one at `place`, and how much: from LEAST to ALIKE."""

    place: int
    stem: str
    score: float


def alike_in_spelling(asked: Sequence[str], stems: Iterable[str]) -> Iterator[Alike]:
    """The pairs of stems, one of `asked` and another one of `stems`, that share a beginning or contain each other.

    Only of letters: codes, versions and ids that are written alike are different things.
    """
    longer = [stem for stem in stems if _is_word(stem)]
    beginnings: dict[str, list[str]] = {}
    for stem in longer:
        beginnings.setdefault(stem[:SHARED_CHARS], []).append(stem)
    known = set(longer)
    for place, own in enumerate(asked):
        if not _is_word(own):
            continue
        scores = {other: _part(own, other) for other in longer if own in other}
        scores |= {other: _part(other, own) for other in known.intersection(_parts(own))}
        for other in beginnings.get(own[:SHARED_CHARS], ())[:MOST_BEGINNINGS]:
            scores[other] = max(_beginning(own, other), scores.get(other, 0.0))
        scores.pop(own, None)
        yield from (Alike(place, other, score) for other, score in scores.items() if score > LEAST)


def _is_word(stem: str) -> bool:
    return SHARED_CHARS <= len(stem) <= LONGEST_CHARS and stem.isalpha()


def _beginning(one: str, other: str) -> float:
    shared = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(one, other, strict=False)))
    return ALIKE * 2 * shared / (len(one) + len(other))


def _part(part: str, whole: str) -> float:
    return ALIKE * len(part) / len(whole)


def _parts(word: str) -> Iterator[str]:
    """What a word may contain."""
    for start in range(len(word) - SHARED_CHARS + 1):
        for end in range(start + SHARED_CHARS, len(word) + 1):
            yield word[start:end]
