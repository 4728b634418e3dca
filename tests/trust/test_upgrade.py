"""Stores of earlier releases come along with all that is in them; those of other ones are refused in words."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import psycopg
import pytest

from athena_mcp.app import App, open_app
from athena_mcp.config import Settings
from athena_mcp.db.embedded import EmbeddedServer
from athena_mcp.db.embedded.account import account_for
from athena_mcp.db.embedded.binaries import Binaries, find_binaries
from athena_mcp.db.embedded.command import Programs
from athena_mcp.db.migrate import known_migrations
from athena_mcp.embed.embedder import EmbedderHandle
from athena_mcp.embed.static import DIMENSION, NAME, StaticEmbedder
from athena_mcp.errors import EmbeddedServerError, MigrationError
from athena_mcp.manager import MemoryManager
from athena_mcp.transfer.rows import memory_to_row
from tests.conftest import PROJECT
from tests.db.invariants import check_store
from tests.db.stores import ask, new_database
from tests.trust.make_stores import STORES, store_of

pytestmark = pytest.mark.anyio

EARLIER = range(1, len(known_migrations()))
WHEN = "2026-01-02T03:04:05.000006Z"


@pytest.fixture
def database(admin_url: str) -> Iterator[str]:
    with new_database(admin_url) as url:
        yield url


@asynccontextmanager
async def opened(url: str, embedder: StaticEmbedder, tmp_path: Path) -> AsyncIterator[App]:
    handle = EmbedderHandle(lambda: embedder, name=NAME, dimension=DIMENSION)
    async with open_app(Settings(tmp_path / "data", PROJECT, database_url=url), embedder=lambda: handle) as app:
        yield app


def test_there_is_a_store_of_every_earlier_schema() -> None:
    """After a new migration: `python -m tests.trust.make_stores`."""
    assert sorted(STORES.iterdir()) == [store_of(step) for step in EARLIER]


@pytest.mark.parametrize("step", EARLIER)
async def test_a_store_of_an_earlier_schema_comes_along_with_its_data(
    database: str, static_embedder: StaticEmbedder, tmp_path: Path, step: int
) -> None:
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute(store_of(step).read_bytes())
    assert ask(database, "SELECT max(number) FROM athena.migrations") == [(step,)]
    async with opened(database, static_embedder, tmp_path) as app:
        manager = await app.manager()
        await app.warmed()
        await check_memories(manager)
        found = await manager.recall("which port does staging listen on?", k=1)
        assert [row.memory.id for row in found.memories] == [2]
        assert (await manager.recall("what does billing run on?", k=1)).memories[0].memory.id == 6
        receipt = await manager.remember("A new one.", layer="semantic", replaces=2)
        assert (receipt.id > 7, receipt.supersedes) == (True, (2,))
    assert ask(database, "SELECT max(number) FROM athena.migrations") == [(len(known_migrations()),)]
    check_store(database)


async def check_memories(manager: MemoryManager) -> None:
    """All that the dump's SQL wrote (tests/trust/make_stores.py) is there."""
    rows = {memory.id: memory_to_row(memory) async for memory in manager.export()}
    assert sorted(rows) == [1, 2, 3, 4, 5, 6, 7]
    assert all((row["created_at"], row["session_id"]) == (WHEN, "then") for row in rows.values())
    assert (rows[1]["superseded_by"], rows[1]["superseded_at"]) == (2, "2026-01-03T00:00:00.500000Z")
    assert rows[1]["tags"] == ["net"]
    assert (rows[2]["key"], rows[2]["importance"]) == ("port", 0.9)
    assert rows[2]["details"] == {"kind": "decision", "confidence": 0.0, "source": "ADR 7"}
    assert rows[3]["details"] == {"steps": ["tag", "push"], "applies_when": "Friday", "successes": 3, "failures": 1}
    assert (rows[4]["about"], rows[4]["occurred_at"]) == (3, "2026-01-02T00:00:00.000001Z")
    assert rows[4]["details"] == {"outcome": "success", "files": ["a.py"]}
    assert rows[5]["details"] == {
        "status": "blocked",
        "priority": "high",
        "due_at": "2030-01-01T00:00:00Z",
        "triggers": [{"on": "file", "value": "*.pem"}],
    }
    assert rows[6]["relations"] == [{"subject": "Billing", "relation": "runs on", "object": "beta"}]
    assert (rows[7]["project"], rows[7]["content"]) == ("global", "Größenwahn 名前 emoji 🎉 stays.")


async def test_a_newer_store_is_refused_in_words_and_left_as_it_is(
    database_url: str, static_embedder: StaticEmbedder, tmp_path: Path
) -> None:
    ask(database_url, "INSERT INTO athena.migrations (number, name, checksum) VALUES (9000, 'future', 'x')")
    before = ask(database_url, "SELECT * FROM athena.migrations ORDER BY number")
    async with opened(database_url, static_embedder, tmp_path) as app:
        with pytest.raises(MigrationError, match=r"newer Athena \(schema step 9000\); upgrade athena-mcp"):
            await app.manager()
    assert ask(database_url, "SELECT * FROM athena.migrations ORDER BY number") == before


def test_a_folder_made_by_another_major_version_of_postgresql_is_refused_with_the_way_out(tmp_path: Path) -> None:
    """A real one: the package with the programs brings an older PostgreSQL too."""
    older = find_binaries().folder.parents[1] / "pginstall" / "bin"
    if not older.exists():
        pytest.skip("the package brings no other PostgreSQL")
    home = tmp_path / "postgres"
    home.mkdir(mode=0o700)
    account = account_for(home)
    if account is not None:
        shutil.chown(home, account.uid)
    made = Programs(Binaries(older, 0), account, home).run(
        "initdb", "--username=athena", "--auth=trust", cluster=home / "cluster", timeout_s=60
    )
    assert made.code == 0, made.output
    major = (home / "cluster" / "PG_VERSION").read_text(encoding="ascii").strip()
    said = rf"written by PostgreSQL {major}, .* brings PostgreSQL {find_binaries().major}.*athena-mcp backup.*restore"
    with pytest.raises(EmbeddedServerError, match=said):
        EmbeddedServer(tmp_path).start()
    assert (home / "cluster" / "PG_VERSION").read_text(encoding="ascii").strip() == major
    assert not (home / "cluster" / "postmaster.pid").exists()
