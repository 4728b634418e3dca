"""From a request's raw arguments to a typed model, or to an error that a model can act on.

The errors name the argument, never repeat a long value, and end in what would be right.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar, get_args

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from athena_mcp.errors import InvalidArgument
from athena_mcp.server.arguments import Arguments
from athena_mcp.validation import without_long_runs

MAX_ARGUMENT_CHARS = 1_000_000
"""The most text in the arguments of one call, keys included. The largest call that the contract allows (content, tags,
relations, details at their limits) stays below it."""

_MAX_SHOWN_CHARS = 40
_MAX_PROBLEMS = 5
# What a number or a bracket costs in JSON, roughly; enough to bound lists of them.
_VALUE_CHARS = 4

_PROBLEMS: Mapping[str, str] = {
    "missing": "is required",
    "string_type": "must be text",
    "number_type": "must be a number",
    "int_type": "must be a whole number",
    "int_parsing": "must be a whole number",
    "int_parsing_size": "must be a whole number of ordinary size",
    "int_from_float": "must be a whole number",
    "float_type": "must be a number",
    "float_parsing": "must be a number",
    "finite_number": "must be a finite number",
    "bool_type": "must be true or false",
    "bool_parsing": "must be true or false",
    "list_type": "must be a list",
    "dict_type": "must be an object",
}

A = TypeVar("A", bound=Arguments)


def parse_arguments(model: type[A], arguments: Mapping[str, Any]) -> A:
    """The arguments of one call, typed. A null counts as absent.

    Raises InvalidArgument naming every argument that is wrong (up to five).
    """
    if text_size(arguments, MAX_ARGUMENT_CHARS) > MAX_ARGUMENT_CHARS:
        largest = max(arguments, key=lambda name: text_size(arguments[name], 10 * MAX_ARGUMENT_CHARS))
        raise InvalidArgument(_shown(largest), f"too large; a call takes at most {MAX_ARGUMENT_CHARS:,} characters")
    given = {name: value for name, value in arguments.items() if value is not None}
    for name, value in given.items():
        if not all(_is_unicode(text) for text in (name, *_texts(value))):
            raise InvalidArgument(_shown(name), "holds half of a surrogate pair, a character that was cut in two")
    try:
        return model.model_validate(given)
    except ValidationError as error:
        details = error.errors(include_url=False, include_context=False)
        named = [_explained(model, detail, given) for detail in details[:_MAX_PROBLEMS]]
        first, *rest = dict.fromkeys(named)
        others = [f"{problem.argument}: {problem.text}" for problem in rest]
        raise InvalidArgument(first.argument, "; ".join([first.text, *others])) from None


def _texts(value: object) -> Iterator[str]:
    """Every text in a JSON value, keys included."""
    waiting: list[object] = [value]
    while waiting:
        part = waiting.pop()
        if isinstance(part, str):
            yield part
        elif isinstance(part, Mapping):
            waiting.extend(part.keys())
            waiting.extend(part.values())
        elif isinstance(part, list):
            waiting.extend(part)


def _is_unicode(text: str) -> bool:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def text_size(value: object, enough: int) -> int:
    """Roughly how many characters `value` is as JSON; counting stops once it is more than `enough`."""
    size = 0
    waiting: list[object] = [value]
    while waiting and size <= enough:
        part = waiting.pop()
        if isinstance(part, str):
            size += len(part)
        elif isinstance(part, Mapping):
            waiting.extend(part.keys())
            waiting.extend(part.values())
        elif isinstance(part, list | tuple):
            waiting.extend(part)
        size += _VALUE_CHARS
    return size


@dataclass(frozen=True, slots=True)
class _Problem:
    """What is wrong with one argument."""

    argument: str
    text: str


def _explained(model: type[Arguments], detail: ErrorDetails, given: Mapping[str, Any]) -> _Problem:
    loc = detail["loc"]
    name = _path(loc)
    kind = detail["type"]
    if kind == "extra_forbidden":
        known = list(model.model_fields)
        return _Problem(name, f"is not an argument of this tool.{_nearest(name, known)} It takes {', '.join(known)}")
    if kind == "literal_error":
        choices = _choices(model, str(loc[0]))
        value = given.get(str(loc[0]))
        for part in loc[1:]:
            value = value[part] if isinstance(value, list) and isinstance(part, int) else None
        shown = f" {_shown(value)!r} is none of them." if isinstance(value, str) else ""
        return _Problem(name, f"must be one of {', '.join(choices)}.{shown}{_nearest(value, choices)}")
    return _Problem(name, _PROBLEMS.get(kind, "is not acceptable"))


def _choices(model: type[Arguments], name: str) -> list[str]:
    """The texts that a field's Literal allows, however deep it stands in the annotation."""
    waiting: list[Any] = [model.model_fields[name].annotation]
    while waiting:
        parts = get_args(waiting.pop(0))
        if parts and all(isinstance(part, str) for part in parts):
            return list(parts)
        waiting.extend(parts)
    return []


def _path(loc: tuple[int | str, ...]) -> str:
    name = "".join(f"[{part}]" if isinstance(part, int) else f".{_shown(part)}" for part in loc)
    return name.removeprefix(".") or "arguments"


def _nearest(given: object, known: list[str]) -> str:
    """A hint, with a blank before it, when one of `known` looks like what was given."""
    near = difflib.get_close_matches(_shown(given).lower(), known, n=1, cutoff=0.5) if isinstance(given, str) else []
    return f" Did you mean {near[0]!r}?" if near else ""


def _shown(text: object) -> str:
    """A short, printable form of what the caller wrote."""
    plain = "".join(char if char.isprintable() else "?" for char in str(text)[: 2 * _MAX_SHOWN_CHARS])
    plain = without_long_runs(plain)
    return plain if len(plain) <= _MAX_SHOWN_CHARS else plain[: _MAX_SHOWN_CHARS - 1] + "…"
