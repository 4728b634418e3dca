"""What is told to the statistics: one sample an operation, when it has ended."""

from __future__ import annotations

from dataclasses import dataclass

from athena_mcp.model import Layer


@dataclass(frozen=True, slots=True)
class RecallSample:
    """One recall. `depth` is the depth reached, None when it failed or was cancelled; the layer counts are 0 on a cache
    hit."""

    elapsed_ms: float
    depth: int | None = None
    error: bool = False
    cancelled: bool = False
    """Whoever asked withdrew the question, or was gone, before the answer."""
    degraded: bool = False
    cache_hit: bool = False
    nothing_relevant: bool = False
    layer_queries: int = 0
    layer_queries_saved: int = 0
    """Queries that layer selection left out."""


@dataclass(frozen=True, slots=True)
class RememberSample:
    """One remember. Neither duplicate nor error: a memory was stored in `layer`."""

    elapsed_ms: float
    layer: Layer | None = None
    duplicate: bool = False
    error: bool = False
    cancelled: bool = False
    """Whoever asked withdrew it, or was gone, before the answer; whether it was stored is not known."""
    redacted: int = 0
    """Secrets replaced in the text and its details."""
    superseded: int = 0
    """Memories that this one took the place of."""


@dataclass(frozen=True, slots=True)
class ForgetSample:
    """One forget."""

    elapsed_ms: float
    memories: int = 0
    relations_removed: int = 0
    error: bool = False
    cancelled: bool = False
    """As that of a remember."""
