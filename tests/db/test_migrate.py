from __future__ import annotations

import re
import uuid
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from importlib import resources
from typing import Any

import anyio
import psycopg
import pytest

from athena_mcp.db import migrate as room
from athena_mcp.db.migrate import Migration, applied_migrations, known_migrations, migrate
from athena_mcp.errors import MigrationError
from tests.db.stores import ask, new_database, row_counts, tables

pytestmark = pytest.mark.anyio


@pytest.fixture
def empty_url(admin_url: str) -> Iterator[str]:
    with new_database(admin_url) as url:
        yield url


@asynccontextmanager
async def connected(url: str) -> AsyncIterator[psycopg.AsyncConnection[Any]]:
    async with await psycopg.AsyncConnection.connect(url, autocommit=True) as connection:
        yield connection


async def test_processes_that_migrate_an_empty_database_at_once_all_come_up(empty_url: str) -> None:
    steps: list[int] = []

    async def start() -> None:
        async with connected(empty_url) as connection:
            steps.append(await migrate(connection))

    async with anyio.create_task_group() as tasks:
        for _ in range(4):
            tasks.start_soon(start)
    known = known_migrations()
    assert sum(steps) == len(known)
    recorded = ask(empty_url, "SELECT number, name, checksum FROM athena.migrations ORDER BY number")
    assert recorded == [(step.number, step.name, step.checksum) for step in known]
    assert {"memories", "postings", "vectors", "terms", "relations"} <= set(tables(empty_url))


async def test_a_store_that_is_up_to_date_is_left_as_it_is(database_url: str) -> None:
    before = row_counts(database_url), ask(database_url, "SELECT * FROM athena.migrations ORDER BY number")
    async with connected(database_url) as connection:
        assert await migrate(connection) == 0
    assert before == (
        row_counts(database_url),
        ask(database_url, "SELECT * FROM athena.migrations ORDER BY number"),
    )


async def test_a_store_of_a_newer_release_is_refused_and_says_to_upgrade(database_url: str) -> None:
    ask(database_url, "INSERT INTO athena.migrations (number, name, checksum) VALUES (9000, 'future', 'x')")
    async with connected(database_url) as connection:
        with pytest.raises(MigrationError, match=r"newer Athena \(schema step 9000\); upgrade"):
            await migrate(connection)


async def test_a_step_that_was_edited_after_it_was_applied_is_refused(database_url: str) -> None:
    ask(database_url, "UPDATE athena.migrations SET checksum = 'other' WHERE number = 2")
    async with connected(database_url) as connection:
        with pytest.raises(MigrationError, match="step 2"):
            await migrate(connection)


async def test_a_step_that_fails_leaves_neither_its_record_nor_half_of_its_tables(
    empty_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = known_migrations()
    broken = Migration(
        known[-1].number + 1, "broken", "CREATE TABLE athena.half (n integer); SELECT 'hunter2'::integer;"
    )
    monkeypatch.setattr(room, "known_migrations", lambda: (*known, broken))
    async with connected(empty_url) as connection:
        with pytest.raises(MigrationError) as raised:
            await migrate(connection)
        assert sorted(await applied_migrations(connection)) == [step.number for step in known]
        assert "half" not in tables(empty_url)
        assert "hunter2" not in str(raised.value)
        assert "SELECT" not in str(raised.value)

        mended = Migration(broken.number, "mended", "CREATE TABLE athena.half (n integer);")
        monkeypatch.setattr(room, "known_migrations", lambda: (*known, mended))
        assert await migrate(connection) == 1
        assert "half" in tables(empty_url)


async def test_an_account_that_may_not_make_the_schema_is_told_what_to_ask_for(admin_url: str, empty_url: str) -> None:
    role = f"athena_guest_{uuid.uuid4().hex[:12]}"
    ask(admin_url, f"CREATE ROLE {role}")
    try:
        async with connected(empty_url) as connection:
            await connection.execute(f"SET ROLE {role}".encode())
            with pytest.raises(MigrationError, match="CREATE on the database"):
                await migrate(connection)
            await connection.execute("RESET ROLE")
            assert not await applied_migrations(connection)
    finally:
        ask(admin_url, f"DROP ROLE {role}")


def test_migrations_are_numbered_without_gaps_and_named_by_what_they_make() -> None:
    folder = resources.files("athena_mcp.db").joinpath("migrations")
    names = sorted(entry.name for entry in folder.iterdir() if entry.name.endswith(".sql"))
    assert [int(name[:4]) for name in names] == list(range(1, len(names) + 1))
    assert all(re.fullmatch(r"\d{4}_[a-z][a-z0-9_]+\.sql", name) for name in names)
    assert [step.number for step in known_migrations()] == list(range(1, len(names) + 1))
