"""What an embedder is, and the handle that the rest of the program holds while one warms up."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Protocol

import anyio.to_thread

from athena_mcp.embed.word_vectors import WordVectors
from athena_mcp.errors import EmbedderUnavailable

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Vector = npt.NDArray[np.float32]

log = logging.getLogger(__name__)

WARMING = "embedder warming"


class Embedder(Protocol):
    """Turns texts into unit vectors of one dimension."""

    @property
    def name(self) -> str:
        """Stored beside the vectors; another name means other vectors."""
        ...

    @property
    def dimension(self) -> int:
        """The length of each vector."""
        ...

    async def embed(self, texts: Sequence[str]) -> list[Vector]:
        """One unit vector a text, in order. Raises EmbedderUnavailable."""
        ...

    @property
    def word_vectors(self) -> WordVectors | None:
        """Vectors of single words, where they cost next to nothing; None for an embedder that has none."""
        ...

    async def close(self) -> None:
        """Let go of connections, if it has any."""
        ...


class EmbedderHandle:
    """An embedder that may still be loading, or may never come.

    While there is none, recall answers lexically and says `reason` in `degraded`; memories are stored without a vector
    and get theirs later.
    """

    def __init__(
        self, load: Callable[[], Embedder], *, name: str | None, dimension: int = 0, may_come: bool = False
    ) -> None:
        self._load = load
        self._loaded: Embedder | None = None
        self._embedder: Embedder | None = None
        self.name = name
        """The name that its vectors are stored under; None when no embedder can be had on this platform."""
        self.dimension = dimension
        """The length of its vectors; 0 until it has been asked, for one that does not know before."""
        self.may_come = may_come
        """Whether it is worth trying again after `warm` failed, because what it stands on is elsewhere."""
        self.reason: str | None = WARMING

    @property
    def ready(self) -> Embedder | None:
        """The embedder, once it is there."""
        return self._embedder

    async def warm(self) -> Embedder | None:
        """Load it in a worker thread and try it; None, with `reason` set, when it cannot be had here, or not now."""
        try:
            if self._loaded is None:
                self._loaded = await anyio.to_thread.run_sync(self._load)
            # Two texts: a service takes that for a batch, which may wait until it has loaded its model.
            await self._loaded.embed(["warm", "up"])
        except EmbedderUnavailable as error:
            if self.reason != str(error):
                log.warning("No embedder: %s Recall is lexical only.", error)
            self.reason = str(error)
            return None
        self._embedder, self.reason, self.dimension = self._loaded, None, self._loaded.dimension
        return self._embedder

    async def close(self) -> None:
        """Let go of what the embedder holds; it is not used any more."""
        if self._loaded is not None:
            await self._loaded.close()
