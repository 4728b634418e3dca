"""What goes with storing many memories at once: the indexes wait for the end, and the planner learns of them then."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from athena_mcp.db.pool import Database
from athena_mcp.db.vacuum import vacuum_changed
from athena_mcp.errors import AthenaError
from athena_mcp.search.hnsw import builds_put_off

log = logging.getLogger(__name__)


@asynccontextmanager
async def bulk_writes(database: Database) -> AsyncIterator[None]:
    """For who stores many memories. At the end the tables are vacuumed and the vector indexes built that are missing.

    Raises DatabaseUnavailable when it cannot begin; what cannot be done at the end is left to autovacuum and
    the upkeep.
    """
    async with builds_put_off(database):
        yield
        try:
            await vacuum_changed(database)
        except AthenaError as error:
            log.info("Vacuuming after the import is left to autovacuum: %s", error)
