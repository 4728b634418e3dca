from __future__ import annotations

from collections.abc import AsyncIterator

import anyio
import psycopg
import pytest
from psycopg import AsyncConnection

from athena_mcp.db.pool import Database
from athena_mcp.db.session import Session, Step
from athena_mcp.errors import AthenaError, DatabaseUnavailable, DeadlineExceeded, InvalidArgument, StorageError
from tests.db.stores import ask

pytestmark = pytest.mark.anyio

PID = "SELECT pg_backend_pid()"


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    """A pool of a single connection, so that who comes next gets the one that was misused."""

    async def find() -> str:
        return database_url

    database = Database(find, max_connections=1)
    await database.open()
    try:
        yield database
    finally:
        await database.close()


async def pid_of(session: Session) -> int:
    row = await session.fetch_one(PID)
    assert row is not None
    return int(row[0])


async def backend(database: Database) -> int:
    async with database.session() as session:
        return await pid_of(session)


async def until_active(url: str, pid: int) -> None:
    """Wait for a backend to be in the middle of a statement."""
    async with await AsyncConnection.connect(url, autocommit=True) as watcher:
        with anyio.fail_after(10):
            while True:
                cursor = await watcher.execute(
                    "SELECT 1 FROM pg_stat_activity WHERE pid = %s AND state = 'active' AND query LIKE '%%pg_sleep%%'",
                    (pid,),
                )
                if await cursor.fetchone():
                    return


async def test_a_statement_runs_into_its_deadline_and_the_connection_stays_good(database: Database) -> None:
    before = await backend(database)
    with anyio.fail_after(0.5) as scope, pytest.raises(DeadlineExceeded):
        async with database.session() as session:
            await session.fetch("SELECT pg_sleep(30)")
    assert not scope.cancelled_caught
    assert await backend(database) == before


async def test_a_statement_without_time_left_is_not_begun(database: Database) -> None:
    async with database.session() as session:
        with anyio.move_on_after(0), pytest.raises(DeadlineExceeded):
            await session.fetch("SELECT pg_sleep(30)")
        assert await pid_of(session)


async def test_who_only_reads_puts_up_with_the_limit_it_finds_and_runs_again_when_that_ends_a_statement(
    database: Database,
) -> None:
    limit = "SELECT current_setting('statement_timeout')"

    async def shorter() -> None:
        with anyio.fail_after(0.7):
            async with database.session() as session:
                assert await session.fetch_one(limit) in [(f"{ms}ms",) for ms in range(500, 700)]

    await shorter()
    async with database.session(10, reading=True) as session:
        assert await session.fetch_one(limit) in [(f"{ms}ms",) for ms in range(500, 700)]
        assert await session.fetch_one("SELECT pg_sleep(0.9), 17") == ("", 17)
        assert await session.fetch_one(limit) == ("10s",)
    await shorter()
    async with database.session(10) as session:
        assert await session.fetch_one(limit) == ("10s",)
    with anyio.fail_after(0.2):
        async with database.session() as session:
            await session.fetch("SELECT 1")
    async with database.session(10, reading=True) as session:
        assert await session.fetch_one(limit) == ("10s",), "a limit that is too short for anything is not put up with"


async def test_a_cancelled_caller_ends_the_query_on_the_server_and_keeps_the_connection(
    database: Database, database_url: str
) -> None:
    before = await backend(database)
    ended: list[str] = []

    async def ask_slowly(scope: anyio.CancelScope) -> None:
        with scope:
            async with database.session() as session:
                await session.fetch("SELECT pg_sleep(30)")
            ended.append("answered")
        ended.append("cancelled" if scope.cancelled_caught else "not cancelled")

    with anyio.fail_after(10):
        async with anyio.create_task_group() as tasks:
            scope = anyio.CancelScope()
            tasks.start_soon(ask_slowly, scope)
            await until_active(database_url, before)
            scope.cancel()
        assert ended == ["cancelled"]
        assert await backend(database) == before
    assert not ask(database_url, "SELECT 1 FROM pg_stat_activity WHERE pid = %s AND state = 'active'", before)


async def test_a_batch_that_is_cancelled_ends_on_the_server_and_leaves_nothing(
    database: Database, database_url: str
) -> None:
    before = await backend(database)
    scope, ended = anyio.CancelScope(), anyio.Event()

    async def store() -> None:
        with scope:
            async with database.session() as session:
                await session.commit_steps([Step("CREATE TABLE left_over ()", {}), Step("SELECT pg_sleep(60)", {})])
        ended.set()

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(store)  # under no deadline, so that it would go on for ten seconds by itself
        await until_active(database_url, before)
        scope.cancel()
        with anyio.fail_after(5):
            await ended.wait()
    assert await backend(database) == before
    assert ask(database_url, "SELECT to_regclass('left_over')") == [(None,)]


async def test_who_only_reads_runs_nothing_twice_that_had_its_whole_time(database: Database) -> None:
    async with database.session() as session:
        await session.execute("CREATE SEQUENCE runs")
    for _ in range(2):  # the second time the connection has the limit already
        with pytest.raises(DeadlineExceeded):
            async with database.session(0.6, reading=True) as session:
                await session.fetch("SELECT nextval('runs'), pg_sleep(60)")
    async with database.session() as session:
        assert await session.fetch_one("SELECT last_value FROM runs") == (2,)


async def test_a_cancelled_transaction_is_rolled_back(database: Database, database_url: str) -> None:
    before = await backend(database)

    async def write(scope: anyio.CancelScope) -> None:
        with scope:
            async with database.session() as session, session.transaction():
                await session.execute("INSERT INTO athena.projects (name) VALUES ('never')")
                await session.fetch("SELECT pg_sleep(30)")

    with anyio.fail_after(10):
        async with anyio.create_task_group() as tasks:
            scope = anyio.CancelScope()
            tasks.start_soon(write, scope)
            await until_active(database_url, before)
            scope.cancel()
        assert await backend(database) == before
    assert ask(database_url, "SELECT name FROM athena.projects") == []


async def test_an_error_in_the_body_rolls_back_and_is_raised_as_it_is(database: Database, database_url: str) -> None:
    cause = ValueError("why")
    with pytest.raises(InvalidArgument, match="wrong") as raised:  # noqa: PT012  # leaving the blocks is the test
        async with database.session() as session, session.transaction():
            await session.execute("INSERT INTO athena.projects (name) VALUES ('never')")
            raise InvalidArgument("content", "wrong") from cause
    assert raised.value.__cause__ is cause
    assert ask(database_url, "SELECT name FROM athena.projects") == []


async def test_a_failed_statement_rolls_its_transaction_back_and_spares_the_session(
    database: Database, database_url: str
) -> None:
    async with database.session() as session:
        with pytest.raises(StorageError):
            async with session.transaction():
                await session.execute("INSERT INTO athena.projects (name) VALUES ('twice'), ('twice')")
        insert = "INSERT INTO athena.projects (name) VALUES (%(name)s)"
        with pytest.raises(StorageError):
            await session.commit_steps([Step(insert, {"name": "both"}), Step(insert, {"name": "both"})])
        async with session.transaction():
            await session.execute("INSERT INTO athena.projects (name) VALUES ('once')")
    assert ask(database_url, "SELECT name FROM athena.projects") == [("once",)]


async def test_what_fails_no_sooner_than_at_the_commit_is_not_taken_for_stored(database: Database) -> None:
    async with database.session() as session:
        await session.execute("CREATE TABLE once (n integer UNIQUE DEFERRABLE INITIALLY DEFERRED)")
        insert = Step("INSERT INTO once VALUES (1)", {})
        await session.commit_steps([insert])
        with pytest.raises(StorageError, match="23505"):
            await session.commit_steps([insert, Step("SELECT 1", {})])
        await session.commit_steps([Step("INSERT INTO once VALUES (2)", {})])
        assert await session.fetch("SELECT n FROM once ORDER BY n") == [(1,), (2,)]


async def test_the_deadline_holds_after_a_transaction_that_was_rolled_back(database: Database) -> None:
    async with database.session() as session:
        with anyio.move_on_after(1000), pytest.raises(InvalidArgument):  # noqa: PT012  # leaving the block rolls back
            async with session.transaction():
                await session.execute("SELECT 1")
                raise InvalidArgument("content", "wrong")
        with anyio.move_on_after(1000):
            row = await session.fetch_one("SHOW statement_timeout")
        # The setting made inside the transaction went with it.
        assert row is not None
        assert row[0] != "0"


SECRET = "hunter2"


@pytest.mark.parametrize(
    ("statement", "values"),
    [
        (f"SELEKT '{SECRET}'", None),
        ("SELECT * FROM athena.nowhere WHERE name = %s", (SECRET,)),
        ("SELECT %s::integer", (SECRET,)),
        ("INSERT INTO athena.projects (name) VALUES (%s), (%s)", (SECRET, SECRET)),
        ("INSERT INTO athena.projects (name) VALUES (%s)", (SECRET * 100,)),
        ("SELECT %s::text", (SECRET + "\x00",)),
        ("SELECT %(missing)s::text", {"given": SECRET}),
    ],
)
async def test_an_error_shows_neither_statement_nor_values(
    database: Database, statement: str, values: tuple[str, ...] | dict[str, str] | None
) -> None:
    async with database.session() as session:
        with pytest.raises(AthenaError) as raised:
            await session.fetch(statement, values)
        assert await pid_of(session)
    shown = f"{raised.value} {raised.value!r}"
    assert SECRET not in shown
    assert not {"SELECT", "INSERT", "athena.", "projects"} & set(shown.replace("(", " ").split())


async def test_an_unreachable_database_is_named_without_its_password() -> None:
    async def find() -> str:
        return f"postgresql://someone:{SECRET}@127.0.0.1:1/athena?connect_timeout=2"

    database = Database(find)
    with pytest.raises(DatabaseUnavailable, match="cannot be reached") as raised:
        await database.connect()
    assert SECRET not in str(raised.value)


async def test_a_connection_that_the_server_ended_is_replaced(database: Database, database_url: str) -> None:
    with anyio.fail_after(20):
        before = await backend(database)
        async with database.session() as session:
            assert await pid_of(session) == before
            ask(database_url, "SELECT pg_terminate_backend(%s)", before)
            with pytest.raises(DatabaseUnavailable):
                await session.fetch(PID)
        before = await backend(database)
        async with database.session() as session:
            ask(database_url, "SELECT pg_terminate_backend(%s)", before)
            with pytest.raises(DatabaseUnavailable):
                await session.commit_steps([Step(PID, {})])
        assert await backend(database) != before


async def test_cancelling_a_caller_whose_connection_is_gone_raises_nothing_foreign(
    database: Database, database_url: str
) -> None:
    before = await backend(database)
    failed: list[BaseException] = []

    async def ask_slowly(scope: anyio.CancelScope) -> None:
        with scope:
            try:
                async with database.session() as session:
                    await session.fetch("SELECT pg_sleep(30)")
            except Exception as error:  # noqa: BLE001  # whatever comes out is what is looked at
                failed.append(error)

    with anyio.fail_after(20):
        async with anyio.create_task_group() as tasks:
            scope = anyio.CancelScope()
            tasks.start_soon(ask_slowly, scope)
            await until_active(database_url, before)
            ask(database_url, "SELECT pg_terminate_backend(%s)", before)
            scope.cancel()
        assert not [error for error in failed if isinstance(error, psycopg.Error)]
        assert await backend(database) != before
