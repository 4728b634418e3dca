"""A reader can read, and nothing else: not by a tool, not by the manager, not by SQL."""

from __future__ import annotations

import sys
import uuid
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import anyio
import psycopg
import pytest
from mcp import Client, StdioServerParameters
from mcp.client.stdio import stdio_client
from mcp.types import TextContent
from psycopg.sql import SQL, Identifier, Literal

from athena_mcp.app import App, open_app
from athena_mcp.config import Settings, resolve_settings
from athena_mcp.embed.embedder import EmbedderHandle
from athena_mcp.embed.static import DIMENSION, NAME, StaticEmbedder
from athena_mcp.errors import ConfigurationError, EmbeddedServerError, MigrationError, ReadOnly, StorageError
from athena_mcp.manager import MemoryManager
from athena_mcp.remember.record import MemoryRecord
from athena_mcp.server.stdio_client import host_environment
from tests.acceptance.command import Athena
from tests.conftest import PROJECT, other_database
from tests.db.stores import new_database, row_counts
from tests.trust.accounts import as_account

pytestmark = pytest.mark.anyio


async def test_a_server_that_only_reads_lists_and_answers_only_what_reads(
    manager: MemoryManager, app: App, database_url: str
) -> None:
    stored = await manager.remember("Staging listens on port 8443.", layer="semantic")
    before = row_counts(database_url)
    parameters = StdioServerParameters(
        command=sys.executable,
        args=["-m", "athena_mcp", "--project", PROJECT],
        env=host_environment({"ATHENA_DATABASE_URL": database_url, "ATHENA_READ_ONLY": "1"}),
    )
    async with Client(stdio_client(parameters)) as client:
        assert [tool.name for tool in (await client.list_tools()).tools] == ["recall", "stats"]
        for tool, arguments in (("remember", {"content": "x"}), ("forget", {"id": stored.id})):
            refused = await client.call_tool(tool, arguments)
            assert refused.is_error
            assert isinstance(refused.content[0], TextContent)
            assert "ATHENA_READ_ONLY" in refused.content[0].text
        found = await client.call_tool("recall", {"query": "which port does staging listen on?"})
        assert found.structured_content is not None
        assert found.structured_content["memories"][0]["id"] == stored.id
        whole = await client.read_resource(f"athena://memories/{stored.id}")
        assert "8443" in str(whole.contents[0])
        counted = await client.call_tool("stats", {"section": "store"})
        assert counted.structured_content is not None
        assert counted.structured_content["store"]["memories"] == 1
    assert row_counts(database_url) == before


async def test_no_operation_and_no_statement_of_a_reader_writes(
    manager: MemoryManager, settings: Settings, database_url: str, static_embedder: StaticEmbedder
) -> None:
    stored = await manager.remember("Staging listens on port 8443.", layer="semantic")
    before = row_counts(database_url)
    handle = EmbedderHandle(lambda: static_embedder, name=NAME, dimension=DIMENSION)
    async with open_app(replace(settings, read_only=True, language="german"), embedder=lambda: handle) as app:
        reader = await app.manager()
        await app.warmed()
        found = await reader.recall("port of staging")
        assert [hit.memory.id for hit in found.memories] == [stored.id]
        assert found.degraded == ()
        for refused in (
            lambda: reader.remember("x"),
            lambda: reader.forget(stored.id),
            lambda: reader.load([MemoryRecord("x", PROJECT)]),
            lambda: reader.begin_import("mark"),
            reader.publish,
        ):
            with pytest.raises(ReadOnly, match="ATHENA_READ_ONLY"):
                await refused()
        async with reader._database.session() as session:
            with pytest.raises(StorageError, match="ATHENA_READ_ONLY"):
                await session.execute("DELETE FROM athena.memories")
    assert row_counts(database_url) == before


async def test_a_store_that_is_not_there_is_not_made(admin_url: str, settings: Settings, tmp_path: Path) -> None:
    name = f"athena_test_{uuid.uuid4().hex[:12]}"
    with psycopg.connect(admin_url, autocommit=True) as admin:
        admin.execute(SQL("CREATE DATABASE {}").format(Identifier(name)))
        try:
            empty = replace(settings, database_url=other_database(admin_url, name), read_only=True)
            async with open_app(empty) as app:
                with pytest.raises(MigrationError, match="not set up yet; start Athena once without ATHENA_READ_ONLY"):
                    await app.manager()
        finally:
            admin.execute(SQL("DROP DATABASE {} WITH (FORCE)").format(Identifier(name)))


async def test_no_cluster_is_made_where_there_is_none_and_one_that_comes_later_is_read(
    tmp_path: Path, settings: Settings, static_embedder: StaticEmbedder
) -> None:
    data_dir = tmp_path / "data"
    handle = EmbedderHandle(lambda: static_embedder, name=NAME, dimension=DIMENSION)
    writing = replace(settings, database_url=None, data_dir=data_dir)
    async with open_app(replace(writing, read_only=True), embedder=lambda: handle) as app:
        with pytest.raises(EmbeddedServerError, match="There is no memory in"):
            await app.manager()
        assert not await anyio.Path(data_dir).exists()
        async with open_app(writing, embedder=lambda: handle) as writer:
            await (await writer.manager()).remember("Staging listens on port 8443.", layer="semantic")
            reader = await app.manager()
            assert len((await reader.recall("port of staging")).memories) == 1
        # The writer has gone; who only reads keeps the server, and starts it when nobody else does.
        assert len((await reader.recall("port of staging", use_cache=False)).memories) == 1
    async with open_app(replace(writing, read_only=True), embedder=lambda: handle) as app:
        assert len((await (await app.manager()).recall("port of staging")).memories) == 1


def test_commands_that_only_read_say_what_is_missing_and_make_nothing(tmp_path: Path) -> None:
    athena = Athena(tmp_path / "data", env={"ATHENA_READ_ONLY": "1"})
    for command in (["stats"], ["recall", "x"], ["list"]):
        done = athena(*command)
        assert done.code == 1
        assert "There is no memory in" in done.err
    looked = athena("doctor")
    assert looked.code == 1
    assert "no memory yet; made at the first start without ATHENA_READ_ONLY" in looked.out
    assert "Start Athena there once without it" in " ".join(looked.out.split())
    assert not athena.data_dir.exists()


@pytest.fixture
def account(admin_url: str) -> Iterator[str]:
    name = f"reader_{uuid.uuid4().hex[:8]}"
    with psycopg.connect(admin_url, autocommit=True) as admin:
        admin.execute(SQL("CREATE ROLE {} LOGIN PASSWORD {}").format(Identifier(name), Literal(name)))
        try:
            yield name
        finally:
            admin.execute(SQL("DROP ROLE {}").format(Identifier(name)))


async def test_an_account_that_may_only_read_will_do(
    account: str, admin_url: str, template: str, settings: Settings, static_embedder: StaticEmbedder
) -> None:
    handle = EmbedderHandle(lambda: static_embedder, name=NAME, dimension=DIMENSION)
    with new_database(admin_url, template) as url:
        async with open_app(replace(settings, database_url=url), embedder=lambda: handle) as app:
            await (await app.manager()).remember("Staging listens on port 8443.", layer="semantic")
        with psycopg.connect(url, autocommit=True) as owner:
            grantee = Identifier(account)
            owner.execute("SELECT athena.admit(%s, %s)", (account, PROJECT))
            owner.execute(SQL("REVOKE INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA athena FROM {}").format(grantee))
        try:
            reading = replace(settings, database_url=as_account(url, account), read_only=True)
            async with open_app(reading, embedder=lambda: handle) as app:
                reader = await app.manager()
                assert len((await reader.recall("port of staging", cascade_depth=3)).memories) == 1
                assert (await reader.stats("store"))["store"]["memories"] == 1
        finally:
            with psycopg.connect(url, autocommit=True) as owner:
                owner.execute(SQL("DROP OWNED BY {}").format(Identifier(account)))


def test_commands_that_change_something_refuse(database_url: str, tmp_path: Path) -> None:
    athena = Athena(tmp_path / "data", env={"ATHENA_DATABASE_URL": database_url, "ATHENA_READ_ONLY": "yes"})
    done = athena("remember", "x")
    assert done.code == 1
    assert "ATHENA_READ_ONLY" in done.err


def test_what_is_neither_on_nor_off_is_refused() -> None:
    assert resolve_settings({"ATHENA_READ_ONLY": "1"}).read_only
    assert not resolve_settings({"ATHENA_READ_ONLY": "0"}).read_only
    with pytest.raises(ConfigurationError, match="ATHENA_READ_ONLY"):
        resolve_settings({"ATHENA_READ_ONLY": "maybe"})
