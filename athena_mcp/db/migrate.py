"""Forward-only migrations: numbered SQL files, each applied with its record in one transaction, by one process."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from importlib import resources
from typing import Any

import psycopg

from athena_mcp.db.failures import translate
from athena_mcp.errors import MigrationError

MINIMUM_SERVER = 15
ADVISORY_KEY = 0x617468656E61  # "athena"
MAX_LOST_RACES = 10
_MADE_MEANWHILE = (
    psycopg.errors.DuplicateObject,
    psycopg.errors.DuplicateSchema,
    psycopg.errors.DuplicateTable,
    psycopg.errors.DuplicateFunction,
    psycopg.errors.UniqueViolation,
)
_FILE = re.compile(r"(\d{4})_([a-z0-9_]+)\.sql")


@dataclass(frozen=True, slots=True)
class Migration:
    """One step of the schema's history; never edited once released."""

    number: int
    name: str
    sql: str

    @property
    def checksum(self) -> str:
        """Of the text, to notice that an applied file was edited."""
        return hashlib.sha256(self.sql.encode()).hexdigest()


def known_migrations() -> tuple[Migration, ...]:
    """The migrations that ship with this release, in order."""
    found = (
        Migration(int(match[1]), match[2], entry.read_text(encoding="utf-8"))
        for entry in resources.files("athena_mcp.db").joinpath("migrations").iterdir()
        if (match := _FILE.fullmatch(entry.name))
    )
    return tuple(sorted(found, key=lambda migration: migration.number))


async def applied_migrations(connection: psycopg.AsyncConnection[Any]) -> dict[int, str]:
    """Number to checksum of what the database has; empty when it has no schema of ours."""
    there = await (await connection.execute("SELECT to_regclass('athena.migrations') IS NOT NULL")).fetchone()
    if not there or not there[0]:
        return {}
    cursor = await connection.execute("SELECT number, checksum FROM athena.migrations ORDER BY number")
    return dict(await cursor.fetchall())


async def migrate(connection: psycopg.AsyncConnection[Any], known: tuple[Migration, ...] | None = None) -> int:
    """Bring the schema up to date and return how many steps were applied. `known`: only these, for an older schema.

    Any number of processes may call it at once: each step waits for an advisory lock that ends with its transaction,
    so it also works through a connection pooler. Raises MigrationError.
    """
    known = known_migrations() if known is None else known
    try:
        version = connection.info.server_version // 10_000
        if version < MINIMUM_SERVER:
            raise MigrationError(f"PostgreSQL {version} is too old: Athena needs {MINIMUM_SERVER} or newer.")
        check_history(await applied_migrations(connection), known)
        steps, lost_races = 0, 0
        while True:
            try:
                if not await _apply_next(connection, known):
                    break
                steps += 1
            except _MADE_MEANWHILE as error:
                # Another process made the same just before: what was looked up after the lock may be the catalogue
                # of before it. The next transaction sees it.
                lost_races += 1
                if lost_races > MAX_LOST_RACES:
                    raise MigrationError("The schema could not be brought up to date; try again.") from error
    except psycopg.errors.FeatureNotSupported as error:
        raise MigrationError(
            "The database has no pgvector. Install the extension 'vector' on the server (or unset ATHENA_DATABASE_URL "
            "to use the embedded one)."
        ) from error
    except psycopg.errors.InsufficientPrivilege as error:
        raise MigrationError(
            "The database account may not set Athena up. Let an administrator run CREATE EXTENSION vector, and grant "
            "the account CREATE on the database."
        ) from error
    except psycopg.Error as error:
        raise MigrationError(f"The schema could not be brought up to date: {translate(error)}") from error
    return steps


async def check_migrated(connection: psycopg.AsyncConnection[Any]) -> None:
    """Raises MigrationError when the schema is not that of this release; changes nothing."""
    known = known_migrations()
    try:
        applied = await applied_migrations(connection)
    except psycopg.Error as error:
        raise MigrationError(f"The schema could not be looked at: {translate(error)}") from error
    check_history(applied, known)
    if len(applied) < len(known):
        what = "is not up to date" if applied else "is not set up yet"
        raise MigrationError(f"The store {what}; start Athena once without ATHENA_READ_ONLY.")


def check_history(applied: dict[int, str], known: tuple[Migration, ...]) -> None:
    """Refuse a store that this release does not understand. Raises MigrationError."""
    by_number = {migration.number: migration for migration in known}
    if unknown := sorted(set(applied) - set(by_number)):
        raise MigrationError(f"The store was made by a newer Athena (schema step {unknown[-1]}); upgrade athena-mcp.")
    for number, checksum in applied.items():
        if by_number[number].checksum != checksum:
            raise MigrationError(f"Schema step {number} in the store is not the one this release ships; reinstall it.")


async def _apply_next(connection: psycopg.AsyncConnection[Any], known: tuple[Migration, ...]) -> bool:
    """Apply the first step that is missing; False when none is."""
    if len(await applied_migrations(connection)) == len(known):
        return False
    async with connection.transaction():
        await connection.execute("SELECT pg_advisory_xact_lock(%s)", (ADVISORY_KEY,))
        applied = await applied_migrations(connection)
        check_history(applied, known)
        step = next((migration for migration in known if migration.number not in applied), None)
        if step is None:
            return False
        if not applied:
            await connection.execute("CREATE SCHEMA IF NOT EXISTS athena")
            await connection.execute(
                "CREATE TABLE IF NOT EXISTS athena.migrations (number integer PRIMARY KEY, name text NOT NULL,"
                " checksum text NOT NULL, applied_at timestamptz NOT NULL DEFAULT now())"
            )
        # The files of this package are the only text that ever gets here.
        await connection.execute(step.sql.encode())
        await connection.execute(
            "INSERT INTO athena.migrations (number, name, checksum) VALUES (%s, %s, %s)",
            (step.number, step.name, step.checksum),
        )
    return True
