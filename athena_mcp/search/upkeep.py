"""What a server does for the store beside its calls: vectors that are owed, and indexes of layers that have grown."""

from __future__ import annotations

import logging

import anyio

from athena_mcp.db.pool import Database
from athena_mcp.errors import AthenaError
from athena_mcp.search.hnsw import tend_indexes
from athena_mcp.search.vector_arm import VectorArm

log = logging.getLogger(__name__)

EVERY_S = 60.0
"""Looking costs a few milliseconds."""


async def keep_up(vectors: VectorArm, database: Database, *, read_only: bool = False) -> None:
    """Look after both for as long as the server runs, one after the other. A failure only costs that.

    With `read_only` only the embedder is looked after.
    """
    await vectors.warmed()
    while True:
        for what, tend in (("vectors", vectors.tend), ("vector indexes", tend_indexes))[: 1 if read_only else 2]:
            try:
                await tend(database)
            except AthenaError as error:
                log.info("The %s wait for the next time: %s", what, error)
        await anyio.sleep(EVERY_S)
