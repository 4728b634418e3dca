"""The words of a text that say what it is about, each as a term to compare by and as it is written there.

Compound names (`auth-service`, `get_user`, `getUser`) are found whole and by part. Endings are taken off lightly, for
English; text written without spaces is compared by pairs of characters.
"""

from __future__ import annotations

import functools
import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import NamedTuple

_FUNCTION_WORDS = """
    a about after again all also am an and any are aren't as at be because been before being between both but by can
    can't could did didn't do does doesn't doing don't done down during each either else etc few for from further get
    got had has hasn't have haven't having he her here hers him his how i i'd i'll i'm i've if in into is isn't it it's
    its itself just let let's may me might more most much must my near no nor not now of off on once one only or other
    our ours out over own per quite rather really same shall she should so some still such than that that's the their
    them then there these they this those though through thus to too under until up upon us use used uses using very
    via was wasn't we we're were weren't what what's when where which while who whom whose why will with within without
    won't would yes yet you you're your yours
"""
FUNCTION_WORDS = frozenset(_FUNCTION_WORDS.split())
"""Words that tell nothing about the subject of a text."""

_COMPOUND = re.compile(r"[^\W_]+(?:['_.\-][^\W_]+)*")
_PART = re.compile(r"[^\W_]+")
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
# Han, kana and Hangul: scripts whose words are not, or not always, set apart by spaces.
_UNSPACED = re.compile("[\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff\uac00-\ud7af]+")
_VOWEL = re.compile(r"[aeiouy]")
_MAX_TERM_CHARS = 64


class ContentTerm(NamedTuple):
    """A term, as the text has it, and where that begins."""

    term: str
    surface: str
    start: int


def content_terms(text: str) -> list[ContentTerm]:
    """The terms of a text in order, repeats included; a compound name comes before its parts."""
    text = text.replace("\N{RIGHT SINGLE QUOTATION MARK}", "'")
    found: list[ContentTerm] = []
    for match in _COMPOUND.finditer(text):
        word = match[0]
        # Most words are plain ones, for which nothing below is needed.
        if word.isascii() and word.isalpha() and (word[1:].islower() or word.isupper()):
            if _tells(word):
                found.append(ContentTerm(stem(word.lower()), word, match.start()))
            continue
        if _UNSPACED.search(word):
            found += _pairs(word, match.start())
            continue
        word = word.removesuffix("'s")
        parts = [
            ContentTerm(stem(piece.lower()), piece, match.start() + part.start())
            for part in _PART.finditer(word)
            for piece in _CAMEL.split(part[0])
            if _tells(piece)
        ]
        if _tells(word) and (len(parts) != 1 or parts[0].surface != word):
            found.append(ContentTerm(stem(word.lower()), word, match.start()))
        found += parts
    return found


@functools.lru_cache(maxsize=8_192)
def stem(word: str) -> str:
    """A lower-case word without its usual English ending: *migrations*, *migration*; *caching*, *cached*, *cache*."""
    if len(word) <= 3 or not word.isalpha():
        return word
    if word.endswith("ies"):
        word = word[:-3] + "y"
    elif word.endswith("s") and not word.endswith(("ss", "us", "is")):
        word = word[:-2] if word.endswith("sses") else word[:-1]
    for ending in ("ing", "ed"):
        base = word.removesuffix(ending)
        if base != word and len(base) >= 3 and _VOWEL.search(base):
            word = base[:-1] if base[-1] == base[-2] and base[-1] not in "ls" else base
            break
    return word[:-1] if len(word) > 3 and word.endswith("e") else word


def weigh(texts: Sequence[Sequence[ContentTerm]]) -> list[Mapping[str, float]]:
    """The terms of each text with their weights: rare among these texts weighs more, said often a little more."""
    counts = [Counter(found.term for found in text) for text in texts]
    spread = Counter(term for count in counts for term in count)
    return [
        {term: (1 + math.log(times)) * math.log(1 + len(texts) / spread[term]) for term, times in count.items()}
        for count in counts
    ]


def to_unit(terms: Mapping[str, float]) -> Mapping[str, float]:
    """The terms with their weights scaled to a vector of length 1, to be compared by `alike`; an empty one stays so."""
    length = math.sqrt(sum(weight * weight for weight in terms.values()))
    return {term: weight / length for term, weight in terms.items()} if length > 0 else {}


def alike(one: Mapping[str, float], other: Mapping[str, float]) -> float:
    """The cosine of two sets of terms made by `to_unit`; 0 for an empty one."""
    # In the order of the terms and not of a set, so that the sum is the same in every process.
    few, many = (one, other) if len(one) <= len(other) else (other, one)
    return sum(weight * many[term] for term, weight in few.items() if term in many)


def _tells(word: str) -> bool:
    return word.isdigit() or (1 < len(word) <= _MAX_TERM_CHARS and word.lower() not in FUNCTION_WORDS)


def _pairs(run: str, start: int) -> list[ContentTerm]:
    return [
        ContentTerm(run[place : place + 2], run[place : place + 2], start + place)
        for place in range(max(1, len(run) - 1))
    ]
