"""Checks of what callers pass in, shared by every operation. Each raises InvalidArgument naming the argument."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime
from enum import StrEnum
from typing import Any, TypeVar

from athena_mcp.errors import InvalidArgument
from athena_mcp.harmless import says_nothing
from athena_mcp.model import MAX_ITEM_CHARS, MAX_ITEMS, MAX_NAME_CHARS, MAX_TAG_CHARS, MAX_TAGS, Layer

E = TypeVar("E", bound=StrEnum)

MAX_ID = 2**63 - 1


def check_text(argument: str, value: object, max_chars: int) -> str:
    """A text that says something and that PostgreSQL can hold; returned as it is."""
    if not isinstance(value, str):
        raise InvalidArgument(argument, f"must be text, not {type_name(value)}")
    if len(value) > max_chars:
        raise InvalidArgument(argument, f"has {len(value):,} characters; at most {max_chars:,} are allowed")
    if "\x00" in value:
        raise InvalidArgument(argument, "contains a NUL character, which cannot be stored; remove it")
    try:
        value.encode("utf-8")
    except UnicodeEncodeError:
        raise InvalidArgument(argument, "contains half of a surrogate pair, which is not a character") from None
    if says_nothing(value):
        seen = "has nothing but invisible characters" if value.strip() else "is empty"
        raise InvalidArgument(argument, f"{seen}; say something")
    return value


def check_name(argument: str, value: object) -> str:
    """A name (project, session, key, entity): printable, one line, trimmed."""
    name = check_text(argument, value, MAX_NAME_CHARS).strip()
    if not name.isprintable():
        raise InvalidArgument(argument, "must be printable characters on one line")
    return name


def check_integer(argument: str, value: object, low: int, high: int) -> int:
    """A whole number in `low`..`high`; booleans are not numbers."""
    if isinstance(value, bool) or not isinstance(value, int):
        raise InvalidArgument(argument, f"must be a whole number, not {type_name(value)}")
    if not low <= value <= high:
        raise InvalidArgument(argument, f"is {short(value)}; it must be {low} to {high}")
    return value


def check_id(argument: str, value: object) -> int:
    """The id of a memory, as far as its shape goes."""
    return check_integer(argument, value, 1, MAX_ID)


def check_fraction(argument: str, value: object) -> float:
    """A finite number from 0 to 1."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise InvalidArgument(argument, f"must be a number from 0 to 1, not {type_name(value)}")
    if not 0 <= value <= 1:  # nor is NaN
        raise InvalidArgument(argument, f"is {short(value)}; it must be a number from 0 to 1")
    return float(value)


def check_flag(argument: str, value: object) -> bool:
    """True or False."""
    if not isinstance(value, bool):
        raise InvalidArgument(argument, f"must be true or false, not {type_name(value)}")
    return value


def check_choice(argument: str, value: object, choices: type[E]) -> E:
    """A member of an enumeration, by its value."""
    if isinstance(value, str):
        for member in choices:
            if value == member.value:
                return member
    names = [member.value for member in choices]
    raise InvalidArgument(argument, f"is {short(value)}; use one of {', '.join(names)}{nearest(value, names)}")


def check_time(argument: str, value: object) -> datetime:
    """An ISO 8601 time or date, or an aware datetime, in UTC; a time without a zone is UTC."""
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value.strip())
        except ValueError:
            raise InvalidArgument(
                argument, f"is {short(value)}; use an ISO 8601 time such as 2026-01-31T09:30:00Z"
            ) from None
    if not isinstance(value, datetime):
        raise InvalidArgument(argument, f"must be an ISO 8601 time, not {type_name(value)}")
    try:
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
    except (OverflowError, ValueError):
        raise InvalidArgument(argument, "is out of range; use a year from 1 to 9999") from None


def check_end(argument: str, value: object) -> datetime:
    """Like `check_time`, for the end of a span: a date alone means the end of that day."""
    moment = check_time(argument, value)
    if not isinstance(value, str):
        return moment
    try:
        date.fromisoformat(value.strip())
    except ValueError:
        return moment
    return moment.replace(hour=23, minute=59, second=59, microsecond=999_999)


def check_list(argument: str, value: object, max_items: int = MAX_ITEMS) -> Sequence[object]:
    """A list (or tuple) of at most `max_items`."""
    if isinstance(value, str | bytes) or not isinstance(value, Sequence):
        raise InvalidArgument(argument, f"must be a list, not {type_name(value)}")
    if len(value) > max_items:
        raise InvalidArgument(argument, f"has {len(value):,} entries; at most {max_items} are allowed")
    return value


def check_texts(
    argument: str, value: object, *, max_items: int = MAX_ITEMS, max_chars: int = MAX_ITEM_CHARS
) -> tuple[str, ...]:
    """A list of texts."""
    entries = check_list(argument, value, max_items)
    return tuple(check_text(f"{argument}[{i}]", entry, max_chars) for i, entry in enumerate(entries))


def check_tags(argument: str, value: object) -> tuple[str, ...]:
    """Tags: trimmed, without repeats, in the order given."""
    texts = check_texts(argument, value, max_items=MAX_TAGS, max_chars=MAX_TAG_CHARS)
    return tuple(dict.fromkeys(text.strip() for text in texts))


def check_mapping(argument: str, value: object, keys: Iterable[str]) -> Mapping[str, Any]:
    """An object with no other keys than `keys`; entries that are None are left out."""
    if not isinstance(value, Mapping):
        raise InvalidArgument(argument, f"must be an object, not {type_name(value)}")
    allowed = list(keys)
    for key in value:
        if key not in allowed:
            known = ", ".join(allowed) or "none"
            plain = isinstance(key, str) and key.isidentifier() and len(key) <= 60
            shown = without_long_runs(key) if plain else short(key)
            raise InvalidArgument(f"{argument}.{shown}", f"unknown; known are: {known}{nearest(key, allowed)}")
    return {key: entry for key, entry in value.items() if entry is not None}


def check_layers(argument: str, value: object) -> tuple[Layer, ...]:
    """A list of layers, at least one, in canonical order."""
    entries = check_list(argument, value)
    if not entries:
        raise InvalidArgument(argument, "is an empty list; leave it out to search every layer that fits")
    chosen = {check_choice(f"{argument}[{i}]", entry, Layer) for i, entry in enumerate(entries)}
    return tuple(layer for layer in Layer if layer in chosen)


def nearest(value: object, names: Iterable[str]) -> str:
    """`; did you mean …?` when one of `names` is close to `value`, else nothing."""
    close = difflib.get_close_matches(value[:100], list(names), 1, 0.6) if isinstance(value, str) else []
    return f"; did you mean {close[0]!r}?" if close else ""


def short(value: object) -> str:
    """A caller's value as an error may repeat it: quoted, escaped and cut."""
    try:
        text = ascii(value) if isinstance(value, str) else str(value)
    except ValueError:  # Python does not write out whole numbers of over 4,300 digits
        text = "a number of thousands of digits"
    text = without_long_runs(text)
    return text if len(text) <= 60 else f"{text[:57]}..."


_LONG_RUN = re.compile(r"[\w+/=.~-]{16,}")
_NAME_OR_NUMBER = re.compile(r"[A-Za-z]+(?:[_-][A-Za-z]+)*|[0-9T:.+Z-]+")


def without_long_runs(text: str) -> str:
    """`text` without what might be a key that was put into the wrong argument: runs of characters that are no name."""
    return _LONG_RUN.sub(lambda run: run[0] if _NAME_OR_NUMBER.fullmatch(run[0]) else "…", text)


def type_name(value: object) -> str:
    """The type of a value in the words of JSON."""
    match value:
        case None:
            return "null"
        case bool():
            return "true/false"
        case int() | float():
            return "a number"
        case str():
            return "text"
        case Mapping():
            return "an object"
        case Sequence():
            return "a list"
        case _:
            return type(value).__name__
