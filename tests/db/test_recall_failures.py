"""A recall in which something fails, is late or is missing names it and answers with the rest."""

from __future__ import annotations

from collections.abc import AsyncIterator

import anyio
import psycopg
import pytest

from athena_mcp.app import App, open_app
from athena_mcp.config import Settings
from athena_mcp.embed.embedder import EmbedderHandle
from athena_mcp.embed.static import DIMENSION, NAME, StaticEmbedder
from athena_mcp.errors import EmbedderUnavailable, RecallFailed
from athena_mcp.manager import MemoryManager
from tests.db.five_layers import ALL, fill, ids, statuses
from tests.db.stores import ask

pytestmark = pytest.mark.anyio


async def test_a_layer_that_fails_is_named_and_the_others_answer(manager: MemoryManager, database_url: str) -> None:
    kept = await fill(manager, "owner/project")
    ask(database_url, "DROP TABLE athena.postings_semantic")
    for parallel in (True, False):
        result = await manager.recall("runner's disk", layers=ALL, use_parallel=parallel, k=50)
        assert statuses(result) == {**dict.fromkeys(ALL, "ok"), "semantic": "error"}
        assert set(ids(result)) == set(kept.values()) - {kept["semantic"]}
        assert len(result.degraded) == 1
        assert result.degraded[0].startswith("semantic: ")
        assert "postings" not in str(result.to_dict())
        assert "SELECT" not in str(result.to_dict())
    for layer in ALL:
        ask(database_url, f"DROP TABLE IF EXISTS athena.postings_{layer}")
    with pytest.raises(RecallFailed, match="doctor") as raised:
        await manager.recall("runner's disk", layers=ALL)
    assert "postings" not in str(raised.value)


@pytest.fixture
async def impatient(settings: Settings, static_embedder: StaticEmbedder) -> AsyncIterator[App]:
    """An application whose layers have little time."""
    handle = EmbedderHandle(lambda: static_embedder, name=NAME, dimension=DIMENSION)
    async with open_app(settings, embedder=lambda: handle) as app:
        manager = await app.manager()
        await app.warmed()
        manager.parallel_tier1_executor.timeout_seconds = 0.5
        yield app


async def test_a_layer_that_is_late_is_named_and_the_others_answer(impatient: App, database_url: str) -> None:
    manager = await impatient.manager()
    kept = await fill(manager, "owner/project")
    async with await psycopg.AsyncConnection.connect(database_url) as blocker:
        await blocker.execute("LOCK TABLE athena.postings_episodic IN ACCESS EXCLUSIVE MODE")
        with anyio.fail_after(20):
            for parallel in (True, False):
                result = await manager.recall("runner's disk", layers=ALL, use_parallel=parallel, k=50)
                assert statuses(result) == {**dict.fromkeys(ALL, "ok"), "episodic": "timeout"}
                assert set(ids(result)) == set(kept.values()) - {kept["episodic"]}
                assert result.degraded[0].startswith("episodic: ")
        waiting = (
            "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
        )
        assert ask(database_url, waiting) == [(0,)]
    result = await manager.recall("runner's disk", layers=ALL, k=50)
    assert statuses(result) == dict.fromkeys(ALL, "ok")
    assert result.degraded == ()


async def test_without_an_embedder_recall_is_lexical_and_says_so(
    settings: Settings, static_embedder: StaticEmbedder
) -> None:
    def broken() -> StaticEmbedder:
        raise EmbedderUnavailable("It is not installed.")

    warm = EmbedderHandle(lambda: static_embedder, name=NAME, dimension=DIMENSION)
    async with open_app(settings, embedder=lambda: warm) as app:
        manager = await app.manager()
        await app.warmed()
        kept = await fill(manager, "owner/project")
    handle = EmbedderHandle(broken, name=NAME, dimension=DIMENSION)
    async with open_app(settings, embedder=lambda: handle) as app:
        manager = await app.manager()
        early = await manager.recall("runner's disk")
        assert early.degraded[0].startswith("vector: ")
        await app.warmed()
        result = await manager.recall("runner's cache", layers=ALL)
        assert result.degraded == ("vector: It is not installed.",)
        assert set(ids(result)) == set(kept.values())
        assert ids(await manager.recall("hot car motor", layers=ALL)) == []
