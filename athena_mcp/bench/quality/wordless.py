"""An embedder that is none: with it recall goes by words only, which shows what the vectors add."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from athena_mcp.embed.embedder import EmbedderHandle

if TYPE_CHECKING:
    from athena_mcp.embed.embedder import Vector


class _NoEmbedder:
    word_vectors = None

    @property
    def name(self) -> str:
        return "none"

    @property
    def dimension(self) -> int:
        return 0

    async def embed(self, texts: Sequence[str]) -> list[Vector]:
        return []

    async def close(self) -> None:
        return None


def wordless_handle() -> EmbedderHandle:
    """A handle without a name: the store registers none, keeps its vectors, and recall does without them."""
    return EmbedderHandle(_NoEmbedder, name=None)
