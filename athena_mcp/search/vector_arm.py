"""The vector arm of this process: the embedder once it is warm and agrees with the store, and what it still owes."""

from __future__ import annotations

import logging
from typing import Any

import anyio

from athena_mcp.db.pool import Database
from athena_mcp.db.session import Step
from athena_mcp.embed.embedder import WARMING, Embedder, EmbedderHandle
from athena_mcp.errors import AthenaError
from athena_mcp.model import Layer
from athena_mcp.search.vectors import (
    NewVector,
    check_embedder,
    find_embedder,
    highest_id,
    register_embedder,
    unembedded,
    vector_steps,
)

log = logging.getLogger(__name__)

BACKFILL_BATCH = 100
LATE_IDS = 1_000
"""Ids are given out before the commit: a memory may appear this far below the highest one."""
REEMBEDDED = "the store was re-embedded; restart this server"
_LOCK = "SELECT athena.lock_projects(%(projects)s)"


class VectorArm:
    """Ready when an embedder is loaded and registered; until then recall is lexical and says why."""

    def __init__(self, handle: EmbedderHandle, *, read_only: bool = False) -> None:
        self._handle = handle
        self._read_only = read_only
        self._warm = anyio.Event()
        self._database: Database | None = None
        self._problem: str | None = None
        self._store_id: int | None = None
        self._complete_to = 0
        """No memory up to this id was without its vector when last looked at."""
        self.embedder_id: int | None = None
        """The store's id of the embedder; None until it is registered."""

    @property
    def embedder(self) -> Embedder | None:
        """The embedder, when both it and the store are ready."""
        return self._handle.ready if self.embedder_id is not None and not self._outdated else None

    @property
    def epoch(self) -> tuple[int | None, bool]:
        """What an answer hangs on besides the store: which embedder, and whether it is there."""
        return (self.embedder_id, self.embedder is not None)

    @property
    def degraded(self) -> str | None:
        """Why there is no vector arm, or None when there is."""
        if self._outdated:
            return REEMBEDDED
        return None if self.embedder else self._problem or self._handle.reason or WARMING

    def describe(self) -> dict[str, Any]:
        """The embedder as the statistics show it."""
        return {
            "ready": self.embedder is not None,
            "degraded": self.degraded,
            "name": self._handle.name,
            "dimension": self._handle.dimension or None,
        }

    @property
    def _outdated(self) -> bool:
        """Whether the store has gone over to another embedder, in whose space our vectors mean nothing."""
        return self._store_id is not None and self.embedder_id is not None and self._store_id != self.embedder_id

    def notice(self, store_id: int | None) -> None:
        """Take note of whose vectors the store goes by, as read with the scope of a recall."""
        if store_id is not None and store_id != self._store_id:
            self._store_id = store_id
            if self._outdated:
                log.warning("No vectors: %s. Recall is lexical only.", REEMBEDDED)

    async def register(self, database: Database) -> None:
        """Check that the store's vectors are this embedder's, or make it the store's. Raises EmbedderMismatch.

        An embedder that does not know its dimension before it was asked is registered when it is warm.
        """
        self._database = database
        if self._handle.name is None:
            return
        if self._handle.dimension:
            await self._settle(database)
        else:
            async with database.session() as session:
                await check_embedder(session, self._handle.name)

    async def _settle(self, database: Database) -> None:
        name, dimension = self._handle.name, self._handle.dimension
        if name is not None and dimension and self.embedder_id is None:
            async with database.session() as session:
                self.embedder_id = await find_embedder(session, name, dimension)
                # Only who has to writes: not every account may.
                if self.embedder_id is None and not self._read_only:
                    self.embedder_id = await register_embedder(session, name, dimension)

    async def warm(self) -> None:
        """Load the embedder; afterwards it is there, or `degraded` says why not."""
        try:
            await self._handle.warm()
            if self._database is not None:
                await self._settle(self._database)
                self._problem = None
        except AthenaError as error:
            self._problem = str(error)
            log.warning("No embedder: %s Recall is lexical only.", error)
        finally:
            self._warm.set()

    async def warmed(self) -> None:
        """Wait for `warm` to have ended, either way."""
        await self._warm.wait()

    @property
    def warming(self) -> bool:
        """Whether the embedder is being loaded for the first time."""
        return self.embedder is None and not self._warm.is_set()

    async def comes(self, limit_s: float) -> bool:
        """Whether the embedder is there, after a wait of `limit_s` at most while it is being loaded."""
        if self.warming:
            with anyio.move_on_after(limit_s):
                await self._warm.wait()
        return self.embedder is not None

    async def close(self) -> None:
        """Let go of what the embedder holds."""
        await self._handle.close()

    async def tend(self, database: Database) -> None:
        """Bring an embedder back that was not to be had, and embed what was stored meanwhile; cheap when all is well.

        Raises EmbedderUnavailable, or the database's errors.
        """
        if self.embedder is None and self._handle.may_come and not self._outdated:
            await self.warm()
        if not self._read_only:
            await self.backfill(database)

    async def backfill(self, database: Database) -> int:
        """Embed the memories that were stored without a vector, and return how many there were.

        The first time all memories are looked at, then those that came after.
        """
        done, after_id = 0, max(0, self._complete_to - LATE_IDS)
        async with database.session() as session:
            complete_to = await highest_id(session)
        while (embedder := self.embedder) is not None and self.embedder_id is not None:
            async with database.session() as session:
                page = await unembedded(session, self.embedder_id, after_id=after_id, limit=BACKFILL_BATCH)
            if not page:
                self._complete_to = complete_to
                break
            # Nothing is borrowed meanwhile: a service may take its time.
            vectors = await embedder.embed([row.content for row in page])
            rows = [
                NewVector(row.project_id, row.id, Layer(row.layer), vector)
                for row, vector in zip(page, vectors, strict=True)
            ]
            # Under the locks of writers: who replaces a memory meanwhile would leave its vector behind.
            locks = Step(_LOCK, {"projects": sorted({row.project_id for row in rows})})
            async with database.session() as session:
                await session.commit_steps([locks, *vector_steps(self.embedder_id, rows)])
            done, after_id = done + sum(bool(vector.any()) for vector in vectors), page[-1].id
        if done:
            log.info("Embedded %d memories that had no vector.", done)
        return done
