from __future__ import annotations

from dataclasses import replace
from typing import Any

import anyio
import pytest

from athena_mcp.app import open_app
from athena_mcp.config import Settings
from athena_mcp.db.pool import Database
from athena_mcp.embed.embedder import EmbedderHandle
from athena_mcp.embed.static import DIMENSION, NAME, StaticEmbedder
from athena_mcp.errors import ConfigurationError
from athena_mcp.manager import MemoryManager
from athena_mcp.search import language as module
from athena_mcp.search.language import ensure_language
from tests.db.invariants import check_store
from tests.db.pools import opened
from tests.db.stores import ask
from tests.db.test_lexical_index import Writer, lexical_ids

pytestmark = pytest.mark.anyio


def index_of(url: str) -> list[list[tuple[Any, ...]]]:
    """The whole lexical index, by what its terms are and not by the numbers they have."""
    return [
        ask(url, statement)
        for statement in (
            "SELECT p.project_id, t.term, p.memory_id, p.tf, p.length, p.layer::text FROM athena.postings p"
            " JOIN athena.terms t ON t.project_id = p.project_id AND t.id = p.term_id ORDER BY 1, 2, 3",
            "SELECT project_id, term, df FROM athena.terms ORDER BY 1, 2",
            "SELECT project_id, layer::text, memories, terms FROM athena.layer_totals WHERE memories > 0 ORDER BY 1, 2",
        )
    ]


async def test_inflected_forms_are_found_in_the_language_of_the_store(
    manager: MemoryManager, database_url: str, settings: Settings
) -> None:
    texts = {
        "german": ("Die Verbindungen zu den Datenbanken wurden geschlossen.", ["Verbindung", "Datenbank"]),
        "russian": ("Ошибки подключения к серверам исправлены.", ["ошибка", "подключение", "сервер"]),
    }
    ids = {}
    for text, _ in texts.values():
        ids[text] = (await manager.remember(text, layer="semantic")).id
    han = (await manager.remember("数据库连接池已满。", layer="semantic")).id
    kana = (await manager.remember("データベースに接続できない。", layer="semantic")).id
    for language, (text, queries) in texts.items():
        for query in queries:
            assert await lexical_ids(manager, query, settings.project) == set(), "not in English"
        async with opened(database_url) as database:
            assert await ensure_language(database, language)
            assert not await ensure_language(database, language)
        for query in queries:
            assert await lexical_ids(manager, query, settings.project) == {ids[text]}, query
        # Found by part whatever the language, as are names.
        assert await lexical_ids(manager, "数据库", settings.project) == {han}
        assert await lexical_ids(manager, "データ", settings.project) == {kana}
        check_store(database_url)
        async with opened(database_url) as database:
            assert await ensure_language(database, "english")


async def test_there_and_back_is_the_same_index(
    manager: MemoryManager, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "BATCH", 7)
    writer = Writer(manager, seed=5)
    for number in range(25):
        await writer.step(number)
    before = index_of(database_url)
    versions = ask(database_url, "SELECT id, version FROM athena.projects ORDER BY id")
    async with opened(database_url) as database:
        assert await ensure_language(database, "Russian")  # names are in lower case there
        assert ask(database_url, "SELECT value FROM athena.settings WHERE name = 'language'") == [("russian",)]
        changed = index_of(database_url)
        assert changed != before
        check_store(database_url)
        assert await ensure_language(database, "english")
    assert index_of(database_url) == before
    after = dict(ask(database_url, "SELECT id, version FROM athena.projects"))
    assert all(after[project] > version for project, version in versions)
    # Writing goes on in the index as it is now.
    for number in range(25, 35):
        await writer.step(number)
    check_store(database_url)


async def test_an_unknown_language_is_refused_with_those_there_are(database_url: str) -> None:
    async with opened(database_url) as database:
        for name in ("klingon", "english; DROP TABLE x", ""):
            with pytest.raises(ConfigurationError, match="german") as raised:
                await ensure_language(database, name)
            assert "ATHENA_LANGUAGE" in str(raised.value)
    assert ask(database_url, "SELECT value FROM athena.settings") == [("english",)]


async def test_a_configuration_of_ones_own_may_have_any_name(manager: MemoryManager, database_url: str) -> None:
    ask(database_url, 'CREATE TEXT SEARCH CONFIGURATION public."My Words" (COPY = simple)')
    await manager.remember("Deployments happen nightly.", layer="semantic", project="a/b")
    async with opened(database_url) as database:
        assert await ensure_language(database, "My Words")
    assert await lexical_ids(manager, "deployments", "a/b") != set()
    assert await lexical_ids(manager, "deployment", "a/b") == set()
    check_store(database_url)


async def test_writers_and_readers_go_on_while_the_language_changes(
    manager: MemoryManager, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "BATCH", 5)
    for number in range(40):
        await manager.remember(f"Deployment {number} happened.", layer="semantic", project=f"team/{number % 3}")
    over = anyio.Event()
    counts = {"written": 0, "read": 0}

    async def write() -> None:
        while not over.is_set():
            await manager.remember(f"Deploying {counts['written']} again.", layer="semantic", project="team/1")
            counts["written"] += 1

    async def read() -> None:
        while not over.is_set():
            result = await manager.recall("deployment happened", project="team/0", use_cache=False)
            assert result.memories
            counts["read"] += 1

    async def change(database: Database) -> None:
        for language in ("german", "simple", "english"):
            assert await ensure_language(database, language)
        over.set()

    with anyio.fail_after(60):
        async with opened(database_url) as database, anyio.create_task_group() as tasks:
            tasks.start_soon(write)
            tasks.start_soon(read)
            tasks.start_soon(change, database)
    assert counts["written"] > 0
    assert counts["read"] > 0
    check_store(database_url)


async def test_a_server_sees_to_the_language_of_its_settings(
    settings: Settings, static_embedder: StaticEmbedder, database_url: str
) -> None:
    def handle() -> EmbedderHandle:
        return EmbedderHandle(lambda: static_embedder, name=NAME, dimension=DIMENSION)

    async with open_app(replace(settings, language="german"), embedder=handle) as app:
        manager = await app.manager()
        receipt = await manager.remember("Die Verbindungen sind offen.", layer="semantic")
        assert await lexical_ids(manager, "Verbindung", settings.project) == {receipt.id}
    async with open_app(settings, embedder=handle) as app:  # without a language: as the store is
        manager = await app.manager()
        assert await lexical_ids(manager, "Verbindung", settings.project) == {receipt.id}
    async with open_app(replace(settings, language="klingon"), embedder=handle) as app:
        with pytest.raises(ConfigurationError, match="klingon"):
            await app.manager()
