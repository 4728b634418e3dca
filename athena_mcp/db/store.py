"""A store by itself, for commands that work on it without the application: found, brought up to date, opened."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import anyio
import anyio.to_thread

from athena_mcp.config import Settings
from athena_mcp.db.embedded import EmbeddedServer
from athena_mcp.db.migrate import check_migrated, migrate
from athena_mcp.db.pool import Database


@asynccontextmanager
async def open_store(settings: Settings) -> AsyncIterator[Database]:
    """The database of `settings`, with the embedded server started when that is the one, and let go of at the end.

    Raises DatabaseUnavailable or MigrationError.
    """
    server = None if settings.database_url else EmbeddedServer(settings.data_dir, create=not settings.read_only)

    async def find_server() -> str:
        if server is None:
            return str(settings.database_url)
        return (await anyio.to_thread.run_sync(server.start, abandon_on_cancel=True)).conninfo

    read_only = settings.read_only
    database = Database(find_server, max_connections=settings.max_connections, read_only=read_only)
    try:
        connection = await database.connect()
        try:
            await (check_migrated if read_only else migrate)(connection)
        finally:
            with anyio.CancelScope(shield=True):
                await connection.close()
        await database.open()
        yield database
    finally:
        with anyio.CancelScope(shield=True):
            await database.close()
            if server is not None:
                await anyio.to_thread.run_sync(server.stop)
