"""What a line must be answered with, by JSON-RPC 2.0 alone: judged from the text, apart from how the server does it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from enum import Enum, auto

Id = int | str
MAX_DIGITS = 400


class Answer(Enum):
    """Who gets how many answers to a line."""

    NONE = auto()
    """Nobody: a notification, an answer, an empty line."""
    NAMELESS = auto()
    """One with the id null: nobody can tell whom it is for."""
    NAMED = auto()
    """One with the line's id."""
    EITHER = auto()
    """One, with the line's id or with null: it is a message, but not one that can be read whole."""


@dataclass(frozen=True, slots=True)
class Expected:
    """The answer to a line."""

    answer: Answer
    id: Id | None = None
    method: str | None = None
    cancels: Id | None = None
    """The request that is not to be answered any more, if this line says so."""


def expected(line: bytes, *, max_bytes: int, id: Id | None = None) -> Expected:
    """What is due for `line`; `id` is the one that its maker gave it, for lines that cannot be read."""
    if len(line) > max_bytes:
        return Expected(Answer.EITHER, id)
    text = line.decode("utf-8", "replace")
    if not line.strip():
        return Expected(Answer.NONE)
    try:
        value = json.loads(text, parse_int=lambda digits: int(digits) if len(digits) <= MAX_DIGITS else float("inf"))
    except RecursionError:
        return Expected(Answer.EITHER, id)
    except ValueError:
        return Expected(Answer.NAMELESS)
    if not isinstance(value, dict):
        return Expected(Answer.NAMELESS)
    method = value.get("method")
    if "method" not in value and ("result" in value or "error" in value):
        return Expected(Answer.NONE)
    named = method if isinstance(method, str) else None
    if "id" in value and not (value["id"] is None and (named or "").startswith("notifications/")):
        given = value["id"]
        usable = isinstance(given, int) and not isinstance(given, bool)
        if isinstance(given, str):
            usable = not any("\ud800" <= char <= "\udfff" for char in given)
        return Expected(Answer.NAMED, given, named) if usable else Expected(Answer.NAMELESS)
    params = value.get("params")
    well_formed = value.get("jsonrpc") == "2.0" and named is not None and (params is None or isinstance(params, dict))
    if not well_formed:
        return Expected(Answer.NAMELESS)
    target = params.get("requestId") if named == "notifications/cancelled" and params else None
    known = isinstance(target, int | str) and not isinstance(target, bool)
    return Expected(Answer.NONE, method=named, cancels=target if known else None)
