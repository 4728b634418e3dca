"""Words in all their regular forms, and tables of cues that are matched on whole words.

A cue is written as a phrase: ``"last week"``. A word of it may carry alternatives, ``"how do|can i|we"``, and a mark
that widens it: ``fail~`` is every regular form (fail, fails, failed, failing), ``merge^`` only the past (merged).
Irregular forms are cues of their own. A line of a table holds cues with commas between them. A cue never matches
inside a longer word. English only.
"""

from __future__ import annotations

import re
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Generic, TypeVar

_WORD = re.compile(r"[^\W_]+(?:'[^\W_]+)*")
_VOWELS = frozenset("aeiou")
_HISSING = ("s", "x", "z", "ch", "sh")

ALL_FORMS = "~"
PAST_FORM = "^"

MeaningT = TypeVar("MeaningT", bound=Hashable)


def words(text: str) -> tuple[str, ...]:
    """The words of `text` in order, lower-case; ``_`` and ``-`` part words, an apostrophe inside does not."""
    return tuple(_WORD.findall(text.replace("\N{RIGHT SINGLE QUOTATION MARK}", "'").lower()))


def plural(base: str) -> str:
    """The ``-s`` form of a verb or noun: *crashes*, *retries*, *deploys*."""
    if base.endswith(_HISSING):
        return base + "es"
    if _ends_in_consonant_y(base):
        return base[:-1] + "ies"
    return base + "s"


def past(base: str) -> frozenset[str]:
    """The regular past; both spellings where doubling the last letter depends on stress (*visited*, *stopped*)."""
    if base.endswith("e"):
        return frozenset({base + "d"})
    if _ends_in_consonant_y(base):
        return frozenset({base[:-1] + "ied"})
    return frozenset(stem + "ed" for stem in _stems(base))


def participle(base: str) -> frozenset[str]:
    """The ``-ing`` form; both spellings where doubling the last letter depends on stress."""
    if base.endswith("e") and not base.endswith(("ee", "oe", "ye")):
        return frozenset({base[:-1] + "ing"})
    return frozenset(stem + "ing" for stem in _stems(base))


def inflections(base: str) -> frozenset[str]:
    """Every regular form of `base`, itself included. Forms that do not exist are harmless: nobody writes them."""
    return past(base) | participle(base) | {base, plural(base)}


def expand(cue: str) -> frozenset[tuple[str, ...]]:
    """All word sequences that `cue` stands for."""
    return frozenset(product(*(_spellings(slot) for slot in cue.split())))


@dataclass(frozen=True, slots=True)
class CueMatch(Generic[MeaningT]):
    """A cue found in a text: what it means, the words as they stood there, and the index of the first of them."""

    meaning: MeaningT
    text: str
    start: int


class CueTable(Generic[MeaningT]):
    """Cues by meaning, made ready for looking them up in a text. Immutable once built."""

    def __init__(self, cues: Mapping[MeaningT, Iterable[str]]) -> None:
        """`cues` gives each meaning its lines of cues; where two claim a place, the earlier comes first."""
        by_first_word: dict[str, set[tuple[tuple[str, ...], MeaningT]]] = {}
        for meaning, lines in cues.items():
            for cue in ",".join(lines).split(","):
                for sequence in expand(cue):
                    by_first_word.setdefault(sequence[0], set()).add((sequence, meaning))
        rank = {meaning: place for place, meaning in enumerate(cues)}
        self._by_first_word = {
            first: tuple(sorted(found, key=lambda entry: (-len(entry[0]), rank[entry[1]], entry[0])))
            for first, found in by_first_word.items()
        }

    def find(self, text_words: Sequence[str]) -> list[CueMatch[MeaningT]]:
        """Every cue in the words, by position; at one position the longest first."""
        words = tuple(text_words)
        return [
            CueMatch(meaning, " ".join(sequence), start)
            for start, word in enumerate(words)
            for sequence, meaning in self._by_first_word.get(word, ())
            if words[start : start + len(sequence)] == sequence
        ]

    def first_by_meaning(self, text_words: Sequence[str]) -> dict[MeaningT, str]:
        """For each meaning that the words hold, the first cue as it stood there."""
        found: dict[MeaningT, str] = {}
        for match in self.find(text_words):
            found.setdefault(match.meaning, match.text)
        return found


def _spellings(slot: str) -> frozenset[str]:
    spellings: set[str] = set()
    for word in slot.split("|"):
        if word.endswith(ALL_FORMS):
            spellings |= inflections(word.removesuffix(ALL_FORMS))
        elif word.endswith(PAST_FORM):
            spellings |= past(word.removesuffix(PAST_FORM))
        else:
            spellings.add(word)
    return frozenset(spellings)


def _ends_in_consonant_y(base: str) -> bool:
    return len(base) > 1 and base[-1] == "y" and base[-2] not in _VOWELS


def _stems(base: str) -> tuple[str, ...]:
    """`base`, and with its last letter doubled when it ends in consonant, vowel, consonant (*stop*, not *crash*)."""
    if len(base) < 3 or base[-1] in _VOWELS or base[-1] in "wxy":
        return (base,)
    if base[-2] in _VOWELS and base[-3] not in _VOWELS:
        return (base, base + base[-1])
    return (base,)
