"""What an embedder is, and the handle that the rest of the program holds while one warms up."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Protocol

import anyio.to_thread

from athena_mcp.errors import EmbedderUnavailable

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Vector = npt.NDArray[np.float32]

log = logging.getLogger(__name__)


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


class EmbedderHandle:
    """An embedder that may still be loading, or may never come.

    While there is none, recall answers lexically and says `reason` in `degraded`; memories are stored without a vector
    and get theirs later.
    """

    def __init__(self, load: Callable[[], Embedder], *, name: str | None, dimension: int = 0) -> None:
        self._load = load
        self._embedder: Embedder | None = None
        self.name = name
        """The name that its vectors are stored under; None when no embedder can be had on this platform."""
        self.dimension = dimension
        self.reason: str | None = "embedder warming"

    @property
    def ready(self) -> Embedder | None:
        """The embedder, once it is there."""
        return self._embedder

    async def warm(self) -> Embedder | None:
        """Load it in a worker thread; None, with `reason` set, when it cannot be had here."""
        try:
            embedder = await anyio.to_thread.run_sync(self._load)
            await embedder.embed(["warm"])
        except EmbedderUnavailable as error:
            self.reason = str(error)
            log.warning("No embedder: %s Recall is lexical only.", error)
            return None
        self._embedder, self.reason = embedder, None
        return embedder
