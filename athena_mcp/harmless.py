"""Text that can do nothing to who reads it: remembered text is data, and reaches a terminal or a model as such."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

_SEQUENCE = (
    # Terminal sequences, whole: CSI, then OSC and its like up to their end, then the rest of ESC's.
    "(?:\x1b\\[|\x9b)[0-?]*[ -/]*[@-~]"
    "|(?:\x1b[\\]PX^_]|[\x9d\x90\x98\x9e\x9f])[^\x07\x1b\x9c\n\x9d\x90\x98\x9e\x9f]*+(?:\x07|\x1b\\\\|\x9c)"
    "|\x1b[ -/]*[0-Z\\\\^-~]"
)
_INVISIBLE = (
    # Controls but for tab and line feed, overrides and isolates that reorder text, deprecated formatting, annotations.
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\u206a-\u206f\ufff9-\ufffb]"
)
_TAGS = "[\U000e0000-\U000e007f]"
# The flags of England and the like are written with tags; anywhere else these are letters that nobody sees.
_FLAG = "\U0001f3f4[\U000e0030-\U000e0039\U000e0061-\U000e007a]{3,6}\U000e007f"
_LINE_END = "\r\n?|[\u2028\u2029\x85]"
_HARMFUL = re.compile(f"(?P<flag>{_FLAG})|(?P<end>{_LINE_END})|{_SEQUENCE}|{_INVISIBLE}|{_TAGS}")
_STEERING = re.compile(f"(?P<flag>{_FLAG})|[\u2028\u2029]|{_INVISIBLE}|{_TAGS}")
# What stays, since scripts and emoji need it, but is nothing to see by itself: blanks, joiners, marks of direction,
# fillers, variation selectors (Unicode's Default_Ignorable_Code_Point, and the blank of Braille).
_UNSEEN = re.compile(
    "[\\s\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u2060-\u206f\u2800\u3164\ufe00-\ufe0f\ufeff"
    "\uffa0\ufff0-\ufff8\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff]*"
)
# What may need cleaning, as `json.dumps` writes it; most texts have none of it, which is found out in no time.
_ESCAPES = ("\\u00", "\\r", "\\b", "\\f", "\x7f")


def harmless(text: str) -> str:
    """`text` without control characters, terminal sequences, bidirectional overrides and invisible tags.

    Joiners, marks of direction and variation selectors stay, which scripts and emoji need; every line end becomes a
    line feed.
    """
    return _HARMFUL.sub(_replacement, text)


def says_nothing(text: str) -> bool:
    """Whether nobody who is shown `text` sees anything: it is blank, or all of it is taken out or invisible."""
    if text.isascii() and text.isprintable():
        return not text.strip()
    return _UNSEEN.fullmatch(harmless(text)) is not None


def escaped(text: str, escape: Callable[[str], str]) -> str:
    """`text` with each character that `harmless` would take out shown by its `escape`; tabs and line feeds stay."""
    return _STEERING.sub(lambda found: found["flag"] or escape(found[0]), text)


def harmless_value(value: Any) -> Any:
    """A JSON-like value with every text in it harmless, keys included."""
    match value:
        case str():
            return harmless(value)
        case Mapping():
            return {harmless(key) if isinstance(key, str) else key: harmless_value(item) for key, item in value.items()}
        case list() | tuple():
            return [harmless_value(item) for item in value]
        case _:
            return value


def json_is_harmless(text: str) -> bool:
    """Whether JSON, written without escaping other than it must, is sure to hold nothing to take out. Quick."""
    return (text.isascii() or _HARMFUL.search(text) is None) and not any(escape in text for escape in _ESCAPES)


def _replacement(found: re.Match[str]) -> str:
    if found["flag"]:
        return found["flag"]
    return "\n" if found["end"] else ""
