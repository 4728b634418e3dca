"""What the write path hands to a layer: whose details, and which."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, NamedTuple, TypeVar

D = TypeVar("D", covariant=True)


@dataclass(frozen=True, slots=True)
class Kept(Generic[D]):
    """The typed details of one memory, by its key."""

    project_id: int
    memory_id: int
    details: D


class Replaced(NamedTuple):
    """A memory that another one replaces."""

    project_id: int
    id: int
    by: int


def array_literal(texts: Sequence[str]) -> str:
    """A text array in PostgreSQL's own notation, for an array of arrays, which must be rectangular otherwise."""
    quoted = (text.replace("\\", "\\\\").replace('"', '\\"') for text in texts)
    return "{" + ",".join(f'"{text}"' for text in quoted) + "}"
