from __future__ import annotations

import os
import signal
from contextlib import suppress
from pathlib import Path

import anyio
import anyio.to_thread
import psycopg
import pytest

from athena_mcp.db import pool
from athena_mcp.db.embedded import EmbeddedServer, server_status
from athena_mcp.db.pool import Database
from athena_mcp.errors import DatabaseUnavailable, DeadlineExceeded
from tests.db.embedded.holder import Patience
from tests.db.stores import ask

pytestmark = pytest.mark.anyio


async def test_who_finds_every_connection_taken_waits_no_longer_than_its_deadline(database_url: str) -> None:
    async def find() -> str:
        return database_url

    database = Database(find, max_connections=1)
    await database.open()
    try:
        with anyio.fail_after(20):
            async with database.session() as holder:
                with anyio.move_on_after(0.3) as scope:
                    try:
                        async with database.session():
                            pytest.fail("there is no second connection")
                    except DeadlineExceeded as error:
                        assert "free" in str(error)  # noqa: PT017  # which of the two deadlines came first is open
                assert database.counts()["connections"] == 1
                assert scope.deadline < anyio.current_time()
                assert await holder.fetch_one("SELECT 1") == (1,)
            async with database.session() as session:
                assert await session.fetch_one("SELECT 1") == (1,)
        assert database.counts()["waiting"] == 0
    finally:
        await database.close()


async def test_more_callers_than_connections_are_all_served(database_url: str) -> None:
    async def find() -> str:
        return database_url

    database = Database(find, max_connections=3)
    await database.open()
    served: list[int] = []

    async def call(number: int) -> None:
        async with database.session() as session:
            row = await session.fetch_one("SELECT %s::integer FROM pg_sleep(0.01)", (number,))
            served.append(row[0] if row else -1)

    try:
        with anyio.fail_after(20):
            async with anyio.create_task_group() as tasks:
                for number in range(40):
                    tasks.start_soon(call, number)
        assert sorted(served) == list(range(40))
        assert database.counts()["connections"] <= 3
    finally:
        await database.close()


async def test_a_pool_that_is_not_open_says_so() -> None:
    async def find() -> str:
        raise DatabaseUnavailable("The database is away.")

    database = Database(find)
    with pytest.raises(DatabaseUnavailable):
        await database.open()
    with pytest.raises(DatabaseUnavailable):
        async with database.session():
            pytest.fail("there is no database")
    assert set(database.counts().values()) == {0}


async def word(database: Database) -> object:
    async with database.session() as session:
        row = await session.fetch_one("SELECT word FROM kept")
        return row and row[0]


async def test_a_dead_connection_costs_no_other_session_and_closing_is_for_good(database_url: str) -> None:
    async def find() -> str:
        return database_url

    database = Database(find, max_connections=3)
    await database.open()
    with anyio.fail_after(30):
        async with database.session() as witness:
            await witness.execute("CREATE TEMPORARY TABLE mine AS SELECT 'still here' AS word")
            with pytest.raises(DatabaseUnavailable):  # noqa: PT012  # the session ends with its connection
                async with database.session() as victim:
                    row = await victim.fetch_one("SELECT pg_backend_pid()")
                    ask(database_url, "SELECT pg_terminate_backend(%s)", row and row[0])
                    await victim.fetch("SELECT 1")
            async with database.session() as successor:
                assert await successor.fetch_one("SELECT 1") == (1,)
            assert await witness.fetch_one("SELECT word FROM mine") == ("still here",)
        await database.close()
        with pytest.raises(DatabaseUnavailable):
            async with database.session():
                pytest.fail("it was closed")
    assert database.counts()["connections"] == 0


async def test_after_the_embedded_server_was_killed_the_next_session_has_it_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = EmbeddedServer(tmp_path)

    async def find() -> str:
        return (await anyio.to_thread.run_sync(server.start)).conninfo

    try:
        with psycopg.connect(await find(), autocommit=True) as connection:
            connection.execute("CREATE EXTENSION vector")
            connection.execute("CREATE TABLE kept AS SELECT 'acknowledged' AS word")
        database = Database(find, max_connections=3)
        await database.open()
        try:
            with anyio.fail_after(60):
                # In use just now, when only its socket is looked at; and not, when it is asked.
                for fresh_s in (1000.0, 0.0):
                    monkeypatch.setattr(pool, "FRESH_S", fresh_s)
                    assert await word(database) == "acknowledged"
                    killed = server_status(tmp_path).pid
                    assert killed is not None
                    os.kill(killed, signal.SIGKILL)
                    await anyio.to_thread.run_sync(
                        lambda: Patience().until(lambda: not server_status(tmp_path).running)
                    )
                    assert await word(database) == "acknowledged"

                found: list[object] = []

                async def look() -> None:
                    found.append(await word(database))

                async with anyio.create_task_group() as tasks:
                    for _ in range(4):
                        tasks.start_soon(look)
            assert found == ["acknowledged"] * 4
            assert server_status(tmp_path).running
        finally:
            await database.close()
    finally:
        await anyio.to_thread.run_sync(server.stop)
    assert not server_status(tmp_path).running


@pytest.mark.parametrize("deadline", ["the pool's", "the caller's"])
async def test_a_call_that_waits_in_vain_counts_once_however_often_it_looks(
    database_url: str, deadline: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pool, "LOOK_S", 0.02)
    monkeypatch.setattr(pool, "WAIT_S", 0.3 if deadline == "the pool's" else 60.0)

    async def find() -> str:
        return database_url

    async def wait(database: Database) -> None:
        with anyio.move_on_after(0.3 if deadline == "the caller's" else 60.0), suppress(DeadlineExceeded):
            async with database.session():
                pytest.fail("there is no second connection")

    database = Database(find, max_connections=1)
    await database.open()
    try:
        async with database.session():
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(wait, database)
                tasks.start_soon(wait, database)
            counts = database.counts()
            assert (counts["requests"], counts["waits"], counts["wait_timeouts"]) == (3, 2, 2)
            assert counts["wait_ms"] >= 500
        async with database.session():
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(wait, database)
                await anyio.wait_all_tasks_blocked()
                tasks.cancel_scope.cancel()
            assert database.counts()["wait_timeouts"] == 2  # it was not its time that was over
        async with database.session() as session:
            assert await session.fetch_one("SELECT 1") == (1,)
    finally:
        await database.close()
    assert database.counts()["wait_timeouts"] == 2
    database.reset_counts()
    assert set(database.counts().values()) == {0}


async def test_waits_for_a_connection_are_counted_whatever_became_of_the_pool(database_url: str) -> None:
    async def find() -> str:
        return database_url

    database = Database(find, max_connections=1)
    await database.open()
    async with anyio.create_task_group() as tasks:

        async def ask() -> None:
            async with database.session() as session:
                await session.fetch("SELECT pg_sleep(0.005)")

        for _ in range(3):
            tasks.start_soon(ask)
    counts = database.counts()
    assert (counts["requests"], counts["waits"], counts["waiting"]) == (3, 2, 0)
    assert counts["wait_ms"] >= 10
    await database.close()
    assert database.counts()["waits"] == 2
    database.reset_counts()
    assert set(database.counts().values()) == {0}
