"""What `doctor` asks of a database that answers: versions, extension, migrations, embedder, other servers."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import anyio
import psycopg

from athena_mcp.config import Settings
from athena_mcp.db.embedded import EmbeddedServer
from athena_mcp.db.findings import Finding
from athena_mcp.db.integrity import verify_store
from athena_mcp.db.migrate import MINIMUM_SERVER, applied_migrations, check_history, known_migrations
from athena_mcp.db.pool import CONNECTION, unreachable
from athena_mcp.errors import AthenaError, MigrationError

CONNECT_S = 40.0

Connection = psycopg.AsyncConnection[Any]


@dataclass(frozen=True, slots=True)
class OwnEmbedder:
    """The embedder of these settings, by the name its vectors are stored under; dimension 0 when it is not known."""

    name: str
    dimension: int


async def inspect_database(settings: Settings, embedder: OwnEmbedder, *, verify: bool = False) -> list[Finding]:
    """Connect (starting the embedded server when that is the one) and check; changes nothing in the database.

    `verify`: compare all indexes with the memories too. A check that cannot be made is a finding, not an error.
    """
    server = None if settings.database_url else EmbeddedServer(settings.data_dir, create=not settings.read_only)
    try:
        with anyio.fail_after(CONNECT_S):
            if server is None:
                conninfo = str(settings.database_url)
            else:
                conninfo = (await anyio.to_thread.run_sync(server.start)).conninfo
            connection = await psycopg.AsyncConnection.connect(conninfo, **CONNECTION)
        try:
            findings = [await check(connection) for check in _CHECKS]
            findings.append(await _embedder(connection, embedder))
            return [*findings, *await verify_store(connection)] if verify else findings
        finally:
            await connection.close()
    except (psycopg.Error, TimeoutError) as error:
        detail = unreachable(error) if isinstance(error, psycopg.Error) else "It did not answer in time."
        return [Finding("database", "failed", detail, "Check ATHENA_DATABASE_URL and that the server is running.")]
    except AthenaError as error:
        return [Finding("database", "failed", str(error), "Mend what it names, then run this again.")]
    finally:
        if server is not None:
            with anyio.CancelScope(shield=True):
                await anyio.to_thread.run_sync(server.stop)


async def _version(connection: Connection) -> Finding:
    version = connection.info.server_version
    shown = f"PostgreSQL {version // 10_000}.{version % 10_000}"
    if version // 10_000 < MINIMUM_SERVER:
        return Finding("database", "failed", shown, f"Athena needs PostgreSQL {MINIMUM_SERVER} or newer.")
    return Finding("database", "ok", f"{shown} answers")


async def _extension(connection: Connection) -> Finding:
    cursor = await connection.execute(
        "SELECT installed_version, default_version FROM pg_available_extensions WHERE name = 'vector'"
    )
    row = await cursor.fetchone()
    if row is None:
        return Finding("pgvector", "failed", "not available", "Install the pgvector extension on the database server.")
    installed, available = row
    if installed is None:
        return Finding("pgvector", "ok", f"{available} available; the first start sets it up")
    if tuple(int(part) for part in installed.split(".")[:2]) < (0, 8):
        advice = "Install pgvector 0.8 or newer on the server and run ALTER EXTENSION vector UPDATE."
        return Finding("pgvector", "failed", f"{installed} is too old", advice)
    return Finding("pgvector", "ok", installed)


async def _migrations(connection: Connection) -> Finding:
    known = known_migrations()
    applied = await applied_migrations(connection)
    try:
        check_history(applied, known)
    except MigrationError as error:
        return Finding("schema", "failed", str(error), "Upgrade athena-mcp, or use another database or data folder.")
    if pending := len(known) - len(applied):
        return Finding("schema", "ok", f"{pending} of {len(known)} steps pending; the next start applies them")
    return Finding("schema", "ok", f"step {len(applied)}, up to date")


async def _embedder(connection: Connection, own: OwnEmbedder) -> Finding:
    if not await applied_migrations(connection):
        return Finding("embedder", "ok", "none recorded yet")
    cursor = await connection.execute("SELECT name, dimension FROM athena.embedders WHERE active")
    row = await cursor.fetchone()
    if row is None:
        return Finding("embedder", "ok", "none recorded yet")
    if row[0] != own.name or own.dimension not in (0, row[1]):
        advice = f"Run `athena-mcp reembed` to change the store to {own.name}, or go back to the other embedder."
        return Finding("embedder", "failed", f"the store's vectors are of {row[0]} ({row[1]} dimensions)", advice)
    return Finding("embedder", "ok", f"the store's vectors are of {row[0]} ({row[1]} dimensions)")


async def _others(connection: Connection) -> Finding:
    cursor = await connection.execute(
        "SELECT count(DISTINCT application_name) FROM pg_stat_activity"
        " WHERE application_name ~ '^athena-mcp [0-9]+$' AND application_name <> current_setting('application_name')"
    )
    row = await cursor.fetchone()
    return Finding("other servers", "ok", f"{row[0] if row else 0} connected")


_CHECKS: tuple[Callable[[Connection], Awaitable[Finding]], ...] = (
    _version,
    _extension,
    _migrations,
    _others,
)
