"""The memories that say nearly the same as a new one: named in its receipt, never dropped.

They are looked for on a connection of their own while the new memory is stored: comparing it with a layer's vectors
takes as long as that.
"""

from __future__ import annotations

import itertools
import logging
from typing import TYPE_CHECKING

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


async def find_near(database: Database, embedder_id: int, new: NewMemory, vector: Vector) -> tuple[int, ...]:
    """The ids of live memories of its project and layer that say nearly the same, nearest first; none when it fails."""
    try:
        async with database.session() as session:
            # The new one may be among them by now, and one that is the same but for blanks.
            found = await nearest(session, new.project_id, new.layer, embedder_id, vector, NEAR_NAMED + 2)
        own = normalise(new.content)
        named = (other.id for other in found if _says_nearly(own, new.layer, other))
        return tuple(itertools.islice(named, NEAR_NAMED))
    except AthenaError as error:
        log.info("Memories that say nearly the same could not be looked for: %s", error)
    except Exception as error:  # noqa: BLE001  a border: the memory itself is stored, and must be acknowledged
        log.warning("Looking for memories that say nearly the same failed (%s).", type(error).__name__)
    return ()


def _says_nearly(own: str, layer: Layer, other: Neighbour) -> bool:
    """Whether a memory says nearly the same as a text: with the same numbers, or the same but for numbers."""
    text = normalise(other.content)
    if text == own:
        return False
    if other.cosine >= NEAR_COSINE and same_numbers(text, own):
        return True
    return layer is not Layer.EPISODIC and same_but_numbers(text, own)
