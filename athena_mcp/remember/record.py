"""A memory as it comes from a file or a history, and what became of a batch of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

from athena_mcp.remember.prepare import Prepared

if TYPE_CHECKING:
    from athena_mcp.embed.embedder import Vector


@dataclass(frozen=True, slots=True)
class MemoryRecord:
    """A memory as it comes from a file or a history; the same loose shapes as `remember`'s arguments.

    `line` is where it came from, for error messages.
    """

    content: str
    project: str
    layer: str | None = None
    tags: Sequence[str] = ()
    importance: float = 0.5
    occurred_at: str | datetime | None = None
    created_at: str | datetime | None = None
    session_id: str | None = None
    details: Mapping[str, Any] | None = None
    relations: Sequence[Mapping[str, str]] = ()
    key: str | None = None
    id: int | None = None
    about: int | None = None
    superseded_by: int | None = None
    superseded_at: str | datetime | None = None
    line: int | None = None
    exported: bool = False
    """From an export, whose relations say themselves which of them have ended."""
    prepared: Prepared | None = field(default=None, compare=False, repr=False)
    """What `BulkLoader.ahead` made of all the rest but the links; whoever changes that leaves it out."""
    vector: Vector | None = field(default=None, compare=False, repr=False)
    """What `BulkLoader.ahead` embedded of that."""


@dataclass(frozen=True, slots=True)
class LoadReport:
    """What became of a batch. `ids` maps a record's id to the id in the store, whether stored now or found there."""

    stored: int = 0
    duplicates: int = 0
    redacted: int = 0
    ids: Mapping[int, int] = field(default_factory=dict)
