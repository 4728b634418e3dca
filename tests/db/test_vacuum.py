from __future__ import annotations

import anyio
import anyio.to_thread
import psycopg
import pytest

from athena_mcp.db import vacuum
from athena_mcp.db.pool import Database
from athena_mcp.db.vacuum import vacuum_changed
from athena_mcp.manager import MemoryManager
from athena_mcp.remember.record import MemoryRecord
from athena_mcp.transfer.loading import Loader
from tests.db.stores import ask

pytestmark = pytest.mark.anyio

LOOKED_AT = """
SELECT relname::text, vacuum_count, analyze_count FROM pg_stat_user_tables
WHERE schemaname = 'athena' AND analyze_count > 0 ORDER BY relname
"""
INSERT = "INSERT INTO athena.projects (name) SELECT 'owner/' || n FROM generate_series(1, %(count)s) AS n"
BUILD = "CREATE INDEX CONCURRENTLY by_length ON athena.projects (length(name))"


async def insert_projects(database: Database, count: int) -> None:
    """So many rows of one table, and the server told of them at once instead of within a second."""
    async with database.session() as session:
        await session.execute(INSERT, {"count": count})
        await session.fetch("SELECT pg_stat_force_next_flush()")


async def test_tables_that_have_changed_much_are_looked_at_once(database: Database, database_url: str) -> None:
    await insert_projects(database, vacuum.CHANGED_ROWS + 1)
    await vacuum_changed(database)
    assert ask(database_url, LOOKED_AT) == [("projects", 1, 1)]
    await vacuum_changed(database)
    assert ask(database_url, LOOKED_AT) == [("projects", 1, 1)]


async def test_tables_that_have_changed_little_are_left_to_autovacuum(database: Database, database_url: str) -> None:
    await insert_projects(database, vacuum.CHANGED_ROWS - 1)
    await vacuum_changed(database)
    assert ask(database_url, LOOKED_AT) == []


async def test_after_an_import_the_lexical_index_answers_by_itself(manager: MemoryManager, database_url: str) -> None:
    records = (
        MemoryRecord(f"Service {number} of the fleet listens on port {number}.", "owner/project", layer="semantic")
        for number in range(4_000)
    )
    report = await Loader(manager).run(records)
    assert report.stored == 4_000
    looked_at = {name: (vacuums, analyses) for name, vacuums, analyses in ask(database_url, LOOKED_AT)}
    assert looked_at["postings_semantic"] == (1, 1)
    assert looked_at["vectors_semantic"] == (0, 1), "taking dead vectors out of their index takes too long"
    assert "postings_graph" not in looked_at


async def test_a_table_whose_index_is_being_built_is_left_alone(database: Database, database_url: str) -> None:
    """Whoever waits for the builder's lock is waited for by the builder."""
    await insert_projects(database, vacuum.CHANGED_ROWS + 1)
    building = "SELECT 1 FROM pg_stat_progress_create_index WHERE phase LIKE 'waiting for %'"
    with psycopg.connect(database_url) as writer:
        writer.execute("INSERT INTO athena.projects (name) VALUES ('owner/writer')")
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(anyio.to_thread.run_sync, ask, database_url, BUILD)
            while not ask(database_url, building):  # noqa: ASYNC110  the server has no event to wait for
                await anyio.sleep(0.005)  # between two looks at the server
            try:
                with anyio.fail_after(5):
                    await vacuum_changed(database)
            finally:
                writer.commit()  # what the build waits for
    assert ask(database_url, "SELECT indisvalid FROM pg_index WHERE indexrelid = 'athena.by_length'::regclass") == [
        (True,)
    ]
