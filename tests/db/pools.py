"""A pool of connections to a store, without an application around it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from athena_mcp.db.pool import Database


@asynccontextmanager
async def opened(url: str) -> AsyncIterator[Database]:
    async def find() -> str:
        return url

    database = Database(find, max_connections=3)
    await database.open()
    try:
        yield database
    finally:
        await database.close()
