"""An embedder of words that can be stopped, a store to embed anew, and what the store holds of each embedder."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import anyio
import numpy as np

from athena_mcp.embed.embedder import Embedder, EmbedderHandle
from athena_mcp.errors import EmbedderUnavailable
from athena_mcp.manager import MemoryManager
from tests.db.stores import ask

if TYPE_CHECKING:
    from athena_mcp.embed.embedder import Vector

NEW_NAME = "words@test"


class WordEmbedder:
    """Adds up a vector of each word; counts what it embeds, and stops or fails when told to."""

    name = NEW_NAME
    word_vectors = None

    def __init__(self, dimension: int = 48) -> None:
        self.dimension = dimension
        self.embedded: list[str] = []
        self.fails_after: int | None = None
        self.gate: anyio.Event | None = None
        self.waits = anyio.Event()

    async def embed(self, texts: Sequence[str]) -> list[Vector]:
        if self.gate is not None and self.embedded:
            self.waits.set()
            await self.gate.wait()
        if self.fails_after is not None and len(self.embedded) >= self.fails_after:
            raise EmbedderUnavailable("The service has gone.")
        self.embedded += texts
        return [self.vector(text) for text in texts]

    def vector(self, text: str) -> Vector:
        total = np.zeros(self.dimension, dtype=np.float32)
        for word in text.lower().split():
            if word.strip(".").isalnum():
                seed = int.from_bytes(hashlib.sha256(word.encode()).digest()[:8], "big")
                total += np.random.default_rng(seed).standard_normal(self.dimension).astype(np.float32)
        return total / np.float32(max(1e-9, float(np.linalg.norm(total))))

    async def close(self) -> None:
        pass


def handle_of(embedder: Embedder) -> EmbedderHandle:
    return EmbedderHandle(lambda: embedder, name=embedder.name, dimension=embedder.dimension)


def always(handle: EmbedderHandle) -> Callable[[], EmbedderHandle]:
    return lambda: handle


async def fill(manager: MemoryManager, count: int = 35) -> None:
    for number in range(count):
        await manager.remember(f"Fact {number} of the billing service.", layer="semantic")
    await manager.remember("Release.", layer="procedural", details={"steps": ["drain the pool", "tag"]})
    old = await manager.remember("The port is 5432.", layer="semantic")
    await manager.remember("The port is 5433.", layer="semantic", replaces=old.id)


def vectors_by_embedder(url: str) -> dict[str, int]:
    """How many vectors the store has of each embedder it knows."""
    return dict(
        ask(
            url,
            "SELECT e.name, count(v.memory_id) FROM athena.embedders e"
            " LEFT JOIN athena.vectors v ON v.embedder_id = e.id GROUP BY e.name",
        )
    )


def active(url: str) -> str:
    return str(ask(url, "SELECT name FROM athena.embedders WHERE active")[0][0])
