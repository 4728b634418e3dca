"""What a server and its PostgreSQL hold at one moment."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import psutil

from athena_mcp.bench.failure import BenchFailed
from athena_mcp.bench.served.activity import count_connections
from athena_mcp.bench.served.memory_use import memory_of, with_descendants
from athena_mcp.db.embedded import server_status
from athena_mcp.db.pool import Database

_ROWS = """
SELECT coalesce(sum(n_live_tup), 0), coalesce(sum(n_dead_tup), 0), coalesce(sum(autovacuum_count), 0),
    pg_database_size(current_database()), (SELECT count(*) FROM athena.memories)
FROM pg_stat_user_tables WHERE schemaname = 'athena'
"""


@dataclass(frozen=True, slots=True)
class Seen:
    """One look."""

    server_rss: int
    server_memory: int
    """As `memory_kind` says: shared pages in parts where the system tells them."""
    memory_kind: str
    server_files: int
    """Open file descriptors; on Windows handles."""
    server_threads: int
    postgresql_memory: int
    postgresql_processes: int
    connections: int
    live_rows: int
    """By PostgreSQL's own statistics, of all tables."""
    dead_rows: int
    autovacuums: int
    """Runs since the beginning, of all tables."""
    database_bytes: int
    memories: int


async def look(server: psutil.Process, data_dir: Path, database: Database) -> Seen:
    """Look at the server's process and at the store. Raises BenchFailed when one of them has gone."""
    try:
        rss = server.memory_info().rss
        files, threads = _open_files(server)(), server.num_threads()
        own = memory_of([server])
    except psutil.NoSuchProcess as error:
        raise BenchFailed("The server's process has ended.") from error
    postgres = server_status(data_dir).pid
    if postgres is None:
        raise BenchFailed("The embedded PostgreSQL cannot be found.")
    theirs = memory_of(with_descendants(postgres))
    async with database.session() as session:
        connections = await count_connections(session)
        row = await session.fetch_one(_ROWS)
    if row is None:
        raise BenchFailed("The database does not tell its rows.")
    live, dead, autovacuums, size, memories = map(int, row)
    return Seen(
        server_rss=rss,
        server_memory=own.bytes,
        memory_kind=own.kind,
        server_files=files,
        server_threads=threads,
        postgresql_memory=theirs.bytes,
        postgresql_processes=theirs.processes,
        connections=connections.used,
        live_rows=live,
        dead_rows=dead,
        autovacuums=autovacuums,
        database_bytes=size,
        memories=memories,
    )


def _open_files(process: psutil.Process) -> Callable[[], int]:
    found: Callable[[], int] = getattr(process, "num_fds", None) or process.num_handles  # type: ignore[attr-defined,unused-ignore]
    return found
