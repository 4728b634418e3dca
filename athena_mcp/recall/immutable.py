"""Read-only copies of JSON-like values, so that an answer may be handed to many callers and none can change it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any

from athena_mcp.model import RecallResult


def freeze(value: Any) -> Any:
    """`value` with every mapping a read-only one, every list a tuple and every set a frozenset, at any depth.

    All of these are copied, so that who holds the original cannot change the copy either. Everything else is returned
    as it is: texts, numbers, enumerations, times and frozen dataclasses of such.
    """
    match value:
        case Mapping():
            return MappingProxyType({key: freeze(entry) for key, entry in value.items()})
        case list() | tuple():
            return tuple(freeze(entry) for entry in value)
        case set() | frozenset():
            return frozenset(freeze(entry) for entry in value)
        case _:
            return value


def freeze_result(result: RecallResult) -> RecallResult:
    """The same answer, whose mappings and trace cannot be changed; all else in it is frozen already."""
    return replace(result, layers=freeze(result.layers), explanation=freeze(result.explanation))
