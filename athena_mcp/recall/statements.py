"""Whether one sentence states a newer value of what another states: the same words but for the value.

Meant to miss rather than to invent. Everything but the value must be the same, words in their order; the value must
stand where a sentence gives one (`… listens on port 5433`), not where it names a thing (`worker 2 is slow`); and the
subject must be named, not pointed at. English only; in other languages nothing is found.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from athena_mcp.recall.content_terms import FUNCTION_WORDS
from athena_mcp.recall.statement_words import (
    BE,
    CHANGED,
    FILLERS,
    GENERIC,
    GROUPS,
    HEDGES,
    LEADS,
    MANY_VALUED,
    NAMED_BY_NUMBER,
    NUMBER_WORDS,
    OPPOSITES,
    POINTERS,
    SINGLE_ADJECTIVES,
    SINGLE_ENDINGS,
    SINGLE_NOUNS,
    UNITS,
    VALUE_VERBS,
)

MAX_SENTENCE_CHARS = 300
MAX_VALUE_WORDS = 3

_DATE_FIRST = re.compile(r"^[\[(]?\d{4}-\d{2}-\d{2}[T\d:.Z]*[\])]?[:,\s-]*")
_AS_OF = re.compile(r",?\s*\(?\b(?:since|as of|starting|effective|from) \d{4}-\d{2}-\d{2}\)?", re.IGNORECASE)
_FORMERLY = re.compile(
    r"(?:[,(]\s*(?:not|was|were|formerly|previously|before|it was|no longer)"
    r"|,?\s*\b(?:instead of|rather than|up from|down from))\s+(?:port\s+|version\s+)?(?P<value>[^\s,;)]+)\)?",
    re.IGNORECASE,
)
_REASON = re.compile(r",?\s+\b(?:because|due to|so that)\b.*$", re.IGNORECASE | re.DOTALL)
_NOT = re.compile(r"\bno longer\b|(?<=\b(?:is))n['\u2019]t\b|(?<=\b(?:are))n['\u2019]t\b", re.IGNORECASE)
_TOKEN = re.compile(
    r"\d+(?:[.,:/-]?[^\W_]+)*%?"  # 5433, 3.12, 2026-05-02, 10:30, 30s, 5%
    r"|[^\W\d_][^\W_]*(?:(?:://|['\u2019_./@+-]+)[^\W_]+)*"  # words, paths, names of regions and branches
    r"|[=:?#]"
)
_NUMBER = re.compile(r"v?\d[^\s]*$")
_WITH_UNIT = re.compile(r"(\d+(?:\.\d+)?)([a-z]+|%)$")


@dataclass(frozen=True, slots=True)
class Statement:
    """A sentence made ready to be compared."""

    words: tuple[str, ...]
    definite: bool = True
    """Whether it names its subject and does not hedge, so that another value would contradict it."""
    former: str | None = None
    """The value that it says was given before."""
    says_changed: bool = False


def read_statement(sentence: str) -> Statement:
    """The statement a sentence makes; a long one is only ever the same as another or not."""
    if len(sentence) > MAX_SENTENCE_CHARS:
        return Statement((sentence,), definite=False)
    text = _NOT.sub(" not", _AS_OF.sub("", _DATE_FIRST.sub("", sentence.replace("`", "").replace("*", ""))))
    former = _FORMERLY.search(text)
    if former:
        text = text[: former.start()] + text[former.end() :]
    words = tuple(piece for token in _TOKEN.findall(text) for piece in _pieces(token.lower()))
    said = frozenset(words)
    return Statement(
        words=tuple(word for word in words if word not in FILLERS),
        definite=not said & (HEDGES | POINTERS),
        former=" ".join(_pieces(former["value"].lower().strip(".;"))) if former else None,
        says_changed=former is not None or bool(said & CHANGED) or "no longer" in sentence.lower(),
    )


def without_reason(sentence: str) -> str:
    """The sentence without what it gives as its reason."""
    return _REASON.sub("", sentence, count=1)


def differs_in_value(older: Statement, newer: Statement, *, told_apart: bool) -> bool:
    """Whether `newer` gives another value to what `older` is about.

    `told_apart` is whether they were told at different times; what may have several values at once (a gateway's
    ports) counts as changed only then, or when the newer sentence says that it changed.
    """
    if not (older.definite and newer.definite and older.words[:1] == newer.words[:1]):
        return False
    split = _split(older.words, newer.words)
    before, was, now = split.before, split.was, split.now
    if newer.former is not None and newer.former != " ".join(was):
        return False
    if not (before and _names_subject(before + split.after)):
        return False
    if _is_negation(split) or (len(was) == len(now) == 1 and frozenset(was + now) in OPPOSITES):
        return before[-1] in BE or before[-2:] == ("set", "to")
    if not was or not now or len(was) > MAX_VALUE_WORDS or len(now) > MAX_VALUE_WORDS:
        return False
    if _is_quantity(was) and _is_quantity(now):
        verb = _verb_before_number(before, was + now)
        return verb is not None and (verb not in MANY_VALUED or told_apart or newer.says_changed)
    ends = not split.after or (len(split.after) == 1 and split.after[0] in GROUPS)
    return ends and _gives_one_value(before) and _is_name(was) and _is_name(now)


@dataclass(frozen=True, slots=True)
class _Split:
    """Two sentences side by side: what both begin with, what each has in the middle, what both end with."""

    before: tuple[str, ...]
    was: tuple[str, ...]
    now: tuple[str, ...]
    after: tuple[str, ...]


def _split(older: tuple[str, ...], newer: tuple[str, ...]) -> _Split:
    shorter = min(len(older), len(newer))
    start = next((place for place in range(shorter) if older[place] != newer[place]), shorter)
    ends = next((place for place in range(shorter - start) if older[-1 - place] != newer[-1 - place]), shorter - start)
    end = len(older) - ends
    return _Split(older[:start], older[start:end], newer[start : len(newer) - ends], older[end:])


def _pieces(token: str) -> list[str]:
    """A token in one spelling: `30s` is `30 s`, `1,000` is `1000`, `five` is `5`, `v1.2` is `1.2`."""
    if token in NUMBER_WORDS:
        return [NUMBER_WORDS[token]]
    if token in UNITS:
        return [UNITS[token]]
    if _NUMBER.match(token):
        token = re.sub(r"(?<=\d),(?=\d{3}\b)", "", token.removeprefix("v"))
        if (parts := _WITH_UNIT.match(token)) and parts[2] in UNITS:
            return [parts[1], UNITS[parts[2]]]
    return [token]


def _names_subject(words: Sequence[str]) -> bool:
    """Whether the sentence says which one it is about."""
    return any(
        word[0].isalpha()
        and not (word in GENERIC or word in FUNCTION_WORDS or word in LEADS or word in VALUE_VERBS or word in UNITS)
        for word in words
    )


def _is_negation(split: _Split) -> bool:
    return {split.was, split.now} == {(), ("not",)} and bool(split.after)


def _is_quantity(words: tuple[str, ...]) -> bool:
    """A number, a date, a version; with its unit, if it has one."""
    return bool(_NUMBER.match(words[0])) and (len(words) == 1 or (len(words) == 2 and words[1] in UNITS.values()))


def _verb_before_number(before: tuple[str, ...], numbers: tuple[str, ...]) -> str | None:
    """The verb that gives the number, when nothing but small words, or the name of a version, stand in between."""
    place = next((place for place in reversed(range(len(before))) if before[place] in VALUE_VERBS), None)
    if place is None:
        return None
    lead = before[place + 1 :]
    # `uses Python 3.12`: one name directly before something that is written like a version.
    if lead and lead[-1] not in LEADS | NAMED_BY_NUMBER and all("." in word for word in numbers):
        lead = lead[:-1]
    return before[place] if all(word in LEADS for word in lead) else None


def _gives_one_value(before: tuple[str, ...]) -> bool:
    """Whether what follows is the only one of its kind: `the owner of billing is …`, `billing is owned by …`."""
    if before[-2:] in SINGLE_ENDINGS:
        return True
    if before[-1] not in ("is", "=", ":"):
        return False
    subject = before[:-1]
    pairs = {" ".join(subject[place : place + 2]) for place in range(len(subject) - 1)}
    return bool((set(subject) | pairs) & SINGLE_NOUNS) or bool(subject and subject[0] in SINGLE_ADJECTIVES)


def _is_name(words: tuple[str, ...]) -> bool:
    """A word or a few, without any by which something else would be said; a number only on its own."""
    if len(words) > 1 and any(_NUMBER.match(word) for word in words):
        return False
    return not any(word in FUNCTION_WORDS or word in VALUE_VERBS for word in words)
