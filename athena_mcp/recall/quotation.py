"""Quoting memories safely and shortly: what a memory says is data, so a quotation is one plain line that cites nothing.

Only the words of the memory are in it; what is left out shows as an ellipsis.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Set as AbstractSet

from athena_mcp.recall.content_terms import content_terms

ELLIPSIS = "…"
_SENTENCE_END = re.compile(r"(?<=[.!?])\s+(?![a-z])|(?<=[\u3002\uff01\uff1f])|[\r\n\x0b\x0c\x85\u2028\u2029]+")
_ABBREVIATED = re.compile(r"\b(?:e\.g|i\.e|vs|cf|no|approx|resp|dr|mr|mrs|ms)\.$", re.IGNORECASE)
_BULLET = re.compile(r"^(?:[-*+>•]|#{1,6}|\d{1,2}[.)])\s+")
# A number sign before digits is how an answer cites; `№` says the same and cites nothing.
_NUMBERED = re.compile(r"[#＃﹟♯]\s*(?=\d)")  # noqa: RUF001 - look-alikes are the point
_SPACES = re.compile(r"\s+")
_QUOTES = dict.fromkeys(map(ord, '"`“”„‟«»＂'), "'")  # noqa: RUF001


def sentences(text: str) -> list[str]:
    """The sentences of a text, or its lines where these end first, without bullets; none is empty."""
    whole: list[str] = []
    joins = False
    for piece in _SENTENCE_END.split(text):
        stripped = _BULLET.sub("", piece.strip())
        if not stripped:
            continue
        if joins:
            whole[-1] = f"{whole[-1]} {stripped}"
        else:
            whole.append(stripped)
        joins = _ABBREVIATED.search(stripped) is not None
    return whole


def plain(text: str) -> str:
    """The text on one line, without control or invisible characters, double quotes, or what looks like a citation."""
    kept = unicodedata.normalize("NFC", "".join(_visible(character) for character in text))
    return _NUMBERED.sub("\N{NUMERO SIGN}", _SPACES.sub(" ", kept.translate(_QUOTES))).strip()


def telling_sentence(text: str, query_terms: AbstractSet[str]) -> str:
    """The sentence that shares most terms with the query, made plain; of equals the first. Empty if nothing is left."""
    best, most = "", -1
    for sentence in sentences(text):
        shared = len({found.term for found in content_terms(sentence)} & query_terms)
        if shared > most and (shown := plain(sentence)):
            best, most = shown, shared
    return best


def shorten(sentence: str, size: int, query_terms: AbstractSet[str]) -> str:
    """A plain sentence cut at words to at most `size` characters of JSON.

    It is kept from its beginning, or from shortly before the first word of the query where that would be lost. A single
    word longer than `size` is cut inside.
    """
    if json_size(sentence) <= size:
        return sentence
    first = next((found.start for found in content_terms(sentence) if found.term in query_terms), 0)
    if first > size // 2:
        begins = sentence.find(" ", max(0, first - size // 4)) + 1
        if 0 < begins <= first:
            return ELLIPSIS + _cut(sentence[begins:], size - 1)
    return _cut(sentence, size)


def json_size(text: str) -> int:
    """The length of a text inside a JSON string."""
    return len(json.dumps(text, ensure_ascii=False)) - 2


def _cut(text: str, size: int) -> str:
    if json_size(text) <= size:
        return text
    kept = text[: max(0, size - 1)]
    while kept and json_size(kept) > size - 1:
        kept = kept[: len(kept) - max(1, (json_size(kept) - size + 1) // 2)]
    if text[len(kept) : len(kept) + 1] != " ":
        kept = kept.rpartition(" ")[0] or kept
    return kept.rstrip(" ,;:-") + ELLIPSIS


def _visible(character: str) -> str:
    if character.isprintable():
        return character
    # Separators and control characters part words; what is invisible, unassigned or half a character does not.
    return " " if unicodedata.category(character) in ("Cc", "Zl", "Zp", "Zs") else ""
