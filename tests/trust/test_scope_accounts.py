"""Two accounts of one database that own different projects: neither sees, changes or guesses anything of the other."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest
from psycopg.sql import SQL, Identifier, Literal

from athena_mcp.app import open_app
from athena_mcp.config import Settings
from athena_mcp.embed.embedder import EmbedderHandle
from athena_mcp.embed.static import DIMENSION, NAME, StaticEmbedder
from athena_mcp.errors import InvalidArgument, StorageError
from athena_mcp.manager import MemoryManager
from athena_mcp.remember.record import MemoryRecord
from tests.acceptance.command import Athena
from tests.db.invariants import check_store
from tests.db.stores import ask, new_database, tables
from tests.trust.accounts import as_account

pytestmark = pytest.mark.anyio

SECRETIVE = "Project Basilisk ships on Friday."


@dataclass(frozen=True)
class Accounts:
    """Two accounts, and the addresses of a store for its owner and for each of them."""

    ann: str
    bob: str
    owner_url: str

    @property
    def ann_url(self) -> str:
        return as_account(self.owner_url, self.ann)

    @property
    def bob_url(self) -> str:
        return as_account(self.owner_url, self.bob)


@pytest.fixture
def accounts(admin_url: str, template: str) -> Iterator[Accounts]:
    suffix = uuid.uuid4().hex[:8]
    names = (f"ann_{suffix}", f"bob_{suffix}")
    with psycopg.connect(admin_url, autocommit=True) as admin:
        for name in names:
            admin.execute(SQL("CREATE ROLE {} LOGIN PASSWORD {}").format(Identifier(name), Literal(name)))
        try:
            with new_database(admin_url, template) as url:
                for name, project in zip(names, ("ann/*", "bob/shop"), strict=True):
                    ask(url, "SELECT athena.admit(%s, %s)", name, project)
                yield Accounts(*names, owner_url=url)
        finally:
            for name in names:
                admin.execute(SQL("DROP ROLE {}").format(Identifier(name)))


@asynccontextmanager
async def memory_of(url: str, project: str, embedder: StaticEmbedder) -> AsyncIterator[MemoryManager]:
    handle = EmbedderHandle(lambda: embedder, name=NAME, dimension=DIMENSION)
    settings = Settings(data_dir=Path("unused"), project=project, database_url=url)
    async with open_app(settings, embedder=lambda: handle) as app:
        manager = await app.manager()
        await app.warmed()
        yield manager


Both = tuple[MemoryManager, MemoryManager]


@pytest.fixture
async def both(accounts: Accounts, static_embedder: StaticEmbedder) -> AsyncIterator[Both]:
    """Ann's memory and Bob's, after the owner has used the store once."""
    async with memory_of(accounts.owner_url, "owner/own", static_embedder) as owner:
        await owner.remember("The owner was here.", layer="semantic")
        await owner.remember("Everybody uses four spaces.", layer="semantic", project="global")
    async with AsyncExitStack() as stack:
        yield (
            await stack.enter_async_context(memory_of(accounts.ann_url, "ann/shop", static_embedder)),
            await stack.enter_async_context(memory_of(accounts.bob_url, "bob/shop", static_embedder)),
        )


async def test_each_works_in_its_own_project_with_all_that_a_memory_does(both: Both, accounts: Accounts) -> None:
    ann, _ = both
    fact = await ann.remember("Staging listens on port 8443.", layer="semantic")
    newer = await ann.remember("Staging listens on port 9443.", layer="semantic", replaces=fact.id)
    task = await ann.remember("Renew the certificate.", layer="prospective", details={"due_at": "2020-01-01"})
    await ann.remember("Renewed.", about=task.id, details={"status": "completed"})
    edge = {"subject": "billing", "relation": "depends on", "object": "auth"}
    await ann.remember("Billing depends on auth.", layer="graph", relations=[edge])
    await ann.remember("How to release: tag.", layer="procedural", details={"steps": ["tag"]}, project="ann/other")
    found = await ann.recall("which port does staging listen on?", cascade_depth=3)
    assert found.memories[0].memory.id == newer.id
    assert found.degraded == ()
    await ann.load([MemoryRecord("Loaded.", "ann/shop", id=5)], keep_ids=await ann.begin_import("mark"))
    await ann.end_import("mark")
    assert (await ann.forget(newer.id)).ids == (newer.id,)
    await ann.publish()
    assert (await ann.stats())["store"]["projects"] == 2
    check_store(accounts.owner_url)


async def test_neither_sees_anything_of_the_other(both: Both, accounts: Accounts) -> None:
    ann, bob = both
    hidden = await ann.remember(SECRETIVE, layer="semantic", details={"source": "Basilisk"}, tags=["basilisk"])
    await bob.remember("Bob sells shoes.", layer="semantic")
    for project in (None, "ann/shop", "ann/other", "owner/own", "global"):
        found = await bob.recall("when does Basilisk ship?", project=project, cascade_depth=3)
        assert not [hit for hit in found.memories if "Basilisk" in hit.memory.content]
        assert not [hit for hit in found.memories if "four spaces" in hit.memory.content]
    for project in ("ann/shop", None):
        with pytest.raises(InvalidArgument, match="is not a memory"):
            await bob.get(hidden.id, project=project)
        with pytest.raises(InvalidArgument, match="is not a memory"):
            await bob.forget(hidden.id, project=project)
    for link in ("replaces", "about"):
        with pytest.raises(InvalidArgument, match="is not a memory"):
            await bob.remember("What of it?", **{link: hidden.id})  # type: ignore[arg-type]  # either takes an id
    assert [memory.project async for memory in bob.export()] == ["bob/shop"]
    assert [row.name for row in await bob.projects()] == ["bob/shop"]
    assert [memory async for memory in bob.export(project="ann/shop")] == []
    counted = (await bob.stats("store"))["store"]
    assert (counted["memories"], counted["projects"]) == (1, 1)
    await ann.publish()
    assert (await bob.stats("servers"))["servers"] == []
    assert (await ann.get(hidden.id)).content == SECRETIVE


async def test_storing_where_one_was_not_admitted_is_an_error(both: Both) -> None:
    _, bob = both
    for project in ("ann/shop", "ann/new", "bob/other", "global", "owner/own"):
        with pytest.raises(StorageError, match="not admitted to the project"):
            await bob.remember("Let me in.", project=project)
        with pytest.raises(StorageError, match="not admitted to the project"):
            await bob.load([MemoryRecord("Let me in.", project)])


async def test_sql_shows_an_account_no_more_than_athena_does(both: Both, accounts: Accounts) -> None:
    ann, bob = both
    await ann.remember(SECRETIVE, layer="semantic", relations=[{"subject": "B", "relation": "is", "object": "C"}])
    await ann.remember("Do it.", layer="prospective", details={"triggers": [{"on": "branch", "value": "basilisk"}]})
    await bob.remember("Bob sells shoes.", layer="semantic")
    (own,) = ask(accounts.owner_url, "SELECT id FROM athena.projects WHERE name = 'bob/shop'")
    (foreign,) = ask(accounts.owner_url, "SELECT id FROM athena.projects WHERE name = 'ann/shop'")
    assert ask(accounts.bob_url, "SELECT name FROM athena.projects") == [("bob/shop",)]
    partitions = [
        row[0]
        for row in ask(
            accounts.owner_url,
            "SELECT c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
            " JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'project_id'"
            " WHERE n.nspname = 'athena' AND c.relkind IN ('r', 'p')",
        )
    ]
    assert len(partitions) > 15
    for table in partitions:
        seen = {row[0] for row in ask(accounts.bob_url, f"SELECT DISTINCT project_id FROM athena.{table}")}
        assert seen <= {own[0]}, table
        assert ask(accounts.bob_url, f"DELETE FROM athena.{table} WHERE project_id = {foreign[0]} RETURNING 1") == []
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        ask(accounts.bob_url, f"UPDATE athena.memories SET project_id = {foreign[0]}")
    for refused in (
        "SELECT athena.admit(current_user, 'ann/shop')",
        "INSERT INTO athena.accounts VALUES (current_user, 'ann/shop')",
        "UPDATE athena.settings SET value = 'german'",
        "DELETE FROM athena.migrations",
        "TRUNCATE athena.memories CASCADE",
        "ALTER TABLE athena.memories DISABLE ROW LEVEL SECURITY",
        "INSERT INTO athena.projects (name) VALUES ('ann/stolen')",
    ):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            ask(accounts.bob_url, refused)
    assert ask(accounts.bob_url, "SELECT account, project FROM athena.accounts") == [(accounts.bob, "bob/shop")]
    check_store(accounts.owner_url)


async def test_admission_can_be_widened_and_taken_back(both: Both, accounts: Accounts) -> None:
    _, bob = both
    ask(accounts.owner_url, "SELECT athena.admit(%s, 'global')", accounts.bob)
    found = await bob.recall("how many spaces does everybody use?", use_cache=False)
    assert "four spaces" in found.memories[0].memory.content
    ask(accounts.owner_url, "SELECT athena.dismiss(%s, 'bob/shop')", accounts.bob)
    with pytest.raises(StorageError, match="not admitted"):
        await bob.remember("Am I still here?")
    with pytest.raises(psycopg.errors.RaiseException, match="there is no account"):
        ask(accounts.owner_url, "SELECT athena.admit('nobody at all', 'x')")


def test_the_owner_s_statements_know_nothing_of_it(accounts: Accounts) -> None:
    query = "EXPLAIN SELECT content FROM athena.memories WHERE project_id = 1 AND id = 2"
    assert "accounts" not in str(ask(accounts.owner_url, query))
    assert "projects" not in str(ask(accounts.owner_url, query))
    assert "InitPlan" in str(ask(accounts.bob_url, query))


def test_every_table_is_behind_the_wall_or_harmless(accounts: Accounts) -> None:
    open_tables = ask(
        accounts.owner_url,
        "SELECT c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
        " WHERE n.nspname = 'athena' AND c.relkind IN ('r', 'p') AND NOT c.relrowsecurity ORDER BY 1",
    )
    assert [row[0] for row in open_tables] == ["embedders", "migrations", "settings"]
    assert "accounts" in tables(accounts.owner_url)


def test_the_command_line_works_for_an_account_once_the_owner_has_used_it(accounts: Accounts, tmp_path: Path) -> None:
    owner = Athena(tmp_path / "data", project="owner/own", env={"ATHENA_DATABASE_URL": accounts.owner_url})
    assert owner("remember", "The owner was here.").code == 0
    athena = Athena(tmp_path / "data", project="bob/shop", env={"ATHENA_DATABASE_URL": accounts.bob_url})
    assert athena("remember", "Bob sells boots.").code == 0
    assert "boots" in athena("recall", "what does Bob sell?").text
    assert athena("list", "--project", "owner/own").out == ""
