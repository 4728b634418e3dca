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
# What may need cleaning, as `json.dumps` writes it; most texts have none of it, which is found out in no time.
_ESCAPES = ("\\u00", "\\r", "\\b", "\\f", "\x7f")


def harmless(text: str) -> str:
    """`text` without control characters, terminal sequences, bidirectional overrides and invisible tags.

    Joiners, marks of direction and variation selectors stay, which scripts and emoji need; every line end becomes a
    line feed.
    """
    return _HARMFUL.sub(_replacement, text)


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
