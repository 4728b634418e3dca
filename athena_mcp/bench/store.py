"""Stores to measure on: a temporary one that is taken away again, and the way into any."""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import anyio
import anyio.to_thread

from athena_mcp.bench.failure import BenchFailed
from athena_mcp.config import Settings
from athena_mcp.db.embedded import EmbeddedServer, server_status
from athena_mcp.db.migrate import migrate
from athena_mcp.db.pool import Database
from athena_mcp.server.stdio_client import StdioServer

PROJECT = "bench"
_STOP_WAIT_S = 10.0


@contextmanager
def temporary_folder() -> Iterator[Path]:
    """A folder for data folders (its direct subfolders) and logs; at the end their servers and the folder are gone."""
    folder = Path(tempfile.mkdtemp(prefix="athena-bench-"))
    try:
        yield folder
    finally:
        for data_dir in sorted(path for path in folder.iterdir() if path.is_dir()):
            remove_store(data_dir)
        shutil.rmtree(folder, ignore_errors=True)


def remove_store(data_dir: Path) -> None:
    """Remove a data folder once its PostgreSQL is gone; one whose folder is taken away would linger."""
    deadline = time.monotonic() + _STOP_WAIT_S
    while (status := server_status(data_dir)).running and time.monotonic() < deadline:
        if not status.processes:
            # A process that was killed could not stop it: whoever joins and leaves as the last one does.
            server = EmbeddedServer(data_dir)
            server.start()
            server.stop()
        time.sleep(0.05)
    shutil.rmtree(data_dir, ignore_errors=True)


@asynccontextmanager
async def open_database(settings: Settings, *, max_connections: int = 8) -> AsyncIterator[Database]:
    """A pool on the store, whose schema is made if need be."""
    server = None if settings.database_url is not None else EmbeddedServer(settings.data_dir)

    async def find_server() -> str:
        if server is None:
            return str(settings.database_url)
        return (await anyio.to_thread.run_sync(server.start)).conninfo

    database = Database(find_server, max_connections=max_connections)
    try:
        connection = await database.connect()
        try:
            await migrate(connection)
        finally:
            await connection.close()
        await database.open()
        yield database
    finally:
        with anyio.CancelScope(shield=True):
            await database.close()
            if server is not None:
                await anyio.to_thread.run_sync(server.stop)


def server_in(folder: Path, settings: Settings) -> StdioServer:
    """The server of a benchmark's folder."""
    return StdioServer(settings.data_dir, folder / "server.log", settings.project)


async def postgresql_version(settings: Settings) -> str:
    """The version of the store's server, such as `18.4`."""
    async with open_database(settings, max_connections=1) as database, database.session() as session:
        row = await session.fetch_one("SHOW server_version")
    if row is None:
        raise BenchFailed("The database does not tell its version.")
    return str(row[0]).split()[0]
