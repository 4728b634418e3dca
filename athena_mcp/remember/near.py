"""The memories that say nearly the same as a new one: named in its receipt, never dropped.

They are looked for on a connection of their own while the new memory is stored: comparing it with a layer's vectors
takes about as long as the server's flush at the end of a commit.
"""

from __future__ import annotations

import itertools
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import anyio
from anyio.abc import TaskGroup

from athena_mcp.db.pool import Database
from athena_mcp.errors import AthenaError
from athena_mcp.layers.records import NewMemory
from athena_mcp.model import Layer
from athena_mcp.remember.request import normalise, same_but_numbers, same_numbers
from athena_mcp.search.vectors import Neighbour, nearest

if TYPE_CHECKING:
    from athena_mcp.embed.embedder import Vector

log = logging.getLogger(__name__)

NEAR_COSINE = 0.95
"""Above this two texts say nearly the same, in the default embedder's space; they are named, never dropped."""
NEAR_NAMED = 3
WAIT_S = 1.0
"""A memory that is stored does not wait longer to be told so: whoever asks might take it for lost."""


@dataclass(slots=True)
class NearDuplicates:
    """One search, which ends with the block that `beside` opens."""

    database: Database
    embedder_id: int | None
    _group: TaskGroup
    _over: anyio.Event = field(default_factory=anyio.Event)
    _ids: tuple[int, ...] = ()

    @classmethod
    @asynccontextmanager
    async def beside(cls, database: Database, embedder_id: int | None) -> AsyncIterator[NearDuplicates]:
        """Room for a search beside the block's own work. What the block raises comes out as it is."""
        failure: BaseException | None = None
        async with anyio.create_task_group() as group:
            try:
                yield cls(database, embedder_id, group)
            except BaseException as error:  # noqa: BLE001  the border of the group, which would wrap it
                failure = error
            group.cancel_scope.cancel()
        if failure is not None:
            raise failure

    def look(self, new: NewMemory, vector: Vector | None) -> None:
        """Begin. Without a vector there is nothing to find."""
        if vector is None or self.embedder_id is None:
            self._over.set()
        else:
            self._group.start_soon(self._look, new, self.embedder_id, vector, name="near duplicates")

    async def found(self) -> tuple[int, ...]:
        """The ids, nearest first; none when they cannot be had by now. For when no connection is held any more."""
        with anyio.move_on_after(WAIT_S):
            await self._over.wait()
        return self._ids

    async def _look(self, new: NewMemory, embedder_id: int, vector: Vector) -> None:
        try:
            async with self.database.session() as session:
                # The new one may be among them by now, and one that is the same but for blanks.
                found = await nearest(session, new.project_id, new.layer, embedder_id, vector, NEAR_NAMED + 2)
            own = normalise(new.content)
            named = (other.id for other in found if _says_nearly(own, new.layer, other))
            self._ids = tuple(itertools.islice(named, NEAR_NAMED))
        except AthenaError as error:
            log.info("Memories that say nearly the same could not be looked for: %s", error)
        except Exception as error:  # noqa: BLE001  a border: the memory itself is stored, and must be acknowledged
            log.warning("Looking for memories that say nearly the same failed (%s).", type(error).__name__)
        finally:
            self._over.set()


def _says_nearly(own: str, layer: Layer, other: Neighbour) -> bool:
    """Whether a memory says nearly the same as a text: with the same numbers, or the same but for numbers."""
    text = normalise(other.content)
    if text == own:
        return False
    if other.cosine >= NEAR_COSINE and same_numbers(text, own):
        return True
    return layer is not Layer.EPISODIC and same_but_numbers(text, own)
