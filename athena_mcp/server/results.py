"""The tools' answers as types: the published output schemas are made from them.

They mirror `to_dict` in `athena_mcp.model`. Keys may be added without a new version; readers must allow for that.
"""

from __future__ import annotations

from typing import Any, Literal, NotRequired

# pydantic reads typing's own TypedDict only from Python 3.12 on.
from typing_extensions import TypedDict

from athena_mcp.model import LayerStatus


class MemoryRow(TypedDict):
    """A memory in an answer; `because` says why a task is due, `about` which memory an event reports on."""

    id: int
    layer: str
    content: str
    occurred_at: NotRequired[str]
    created_at: str
    session_id: NotRequired[str]
    tags: NotRequired[list[str]]
    details: NotRequired[dict[str, Any]]
    about: NotRequired[int]
    confidence: NotRequired[float]
    truncated: NotRequired[bool]
    because: NotRequired[str]


class LayerRow(TypedDict):
    """What became of one layer."""

    status: LayerStatus
    hits: int
    elapsed_ms: float
    reason: NotRequired[str]


# `with` is a keyword, so this one cannot be written as a class.
Scope = TypedDict("Scope", {"project": str, "with": list[str]})


class RecallAnswer(TypedDict):
    """The answer of `recall`."""

    memories: list[MemoryRow]
    due: list[MemoryRow]
    confidence: NotRequired[float]
    nothing_relevant: NotRequired[bool]
    layers: dict[str, LayerRow]
    degraded: list[str]
    cascade_depth: int
    cache_hit: bool
    elapsed_ms: float
    scope: Scope
    brief: NotRequired[str]
    explanation: NotRequired[dict[str, Any]]


class Indexed(TypedDict):
    """What a stored memory can be found by already."""

    lexical: bool
    vector: bool


class RememberAnswer(TypedDict):
    """The answer of `remember`."""

    id: int
    layer: str
    status: Literal["stored", "duplicate"]
    project: str
    layer_reason: NotRequired[str]
    supersedes: NotRequired[list[int]]
    updated: NotRequired[dict[str, Any]]
    near_duplicates: NotRequired[list[int]]
    redactions: NotRequired[dict[str, int]]
    not_stored: NotRequired[list[str]]
    content_differs: NotRequired[bool]
    indexed: Indexed


class ForgetAnswer(TypedDict):
    """The answer of `forget`."""

    forgotten: list[int]
    relations_removed: int


class StatsAnswer(TypedDict):
    """The answer of `stats`; its sections are described in docs/operations.md."""
