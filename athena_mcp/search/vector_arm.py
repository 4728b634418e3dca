"""The vector arm of this process: the embedder once it is warm and agrees with the store, and what it still owes."""

from __future__ import annotations

import logging

import anyio

from athena_mcp.db.pool import Database
from athena_mcp.db.session import Step
from athena_mcp.embed.embedder import Embedder, EmbedderHandle
from athena_mcp.model import Layer
from athena_mcp.search.vectors import NewVector, register_embedder, unembedded, vector_steps

log = logging.getLogger(__name__)

BACKFILL_BATCH = 100
_LOCK = "SELECT athena.lock_projects(%(projects)s)"


class VectorArm:
    """Ready when an embedder is loaded and registered; until then recall is lexical and says why."""

    def __init__(self, handle: EmbedderHandle) -> None:
        self._handle = handle
        self._warm = anyio.Event()
        self.embedder_id: int | None = None
        """The store's id of the embedder; None until `register`."""

    @property
    def embedder(self) -> Embedder | None:
        """The embedder, when both it and the store are ready."""
        return self._handle.ready if self.embedder_id is not None else None

    @property
    def degraded(self) -> str | None:
        """Why there is no vector arm, or None when there is."""
        return None if self.embedder else self._handle.reason or "embedder warming"

    async def register(self, database: Database) -> None:
        """Check that the store's vectors are this embedder's, or make it the store's. Raises EmbedderMismatch."""
        name, dimension = self._handle.name, self._handle.dimension
        if name is not None:
            async with database.session() as session:
                self.embedder_id = await register_embedder(session, name, dimension)

    async def warm(self) -> None:
        """Load the embedder; afterwards it is there, or `degraded` says why not."""
        try:
            await self._handle.warm()
        finally:
            self._warm.set()

    async def warmed(self) -> None:
        """Wait for `warm` to have ended, either way."""
        await self._warm.wait()

    async def backfill(self, database: Database) -> int:
        """Embed the memories that were stored without a vector, and return how many there were."""
        done, after_id = 0, 0
        while (embedder := self.embedder) is not None and self.embedder_id is not None:
            async with database.session() as session:
                page = await unembedded(session, self.embedder_id, after_id=after_id, limit=BACKFILL_BATCH)
                if not page:
                    break
                vectors = await embedder.embed([row.content for row in page])
                rows = [
                    NewVector(row.project_id, row.id, Layer(row.layer), vector)
                    for row, vector in zip(page, vectors, strict=True)
                ]
                # Under the locks of writers: who replaces a memory meanwhile would leave its vector behind.
                locks = Step(_LOCK, {"projects": sorted({row.project_id for row in rows})})
                await session.commit_steps([locks, *vector_steps(self.embedder_id, rows)])
            done, after_id = done + len(page), page[-1].id
        if done:
            log.info("Embedded %d memories that had no vector.", done)
        return done
