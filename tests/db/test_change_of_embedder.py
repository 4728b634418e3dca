"""Servers on a store whose embedder is another than theirs, or comes late."""

from __future__ import annotations

import threading

import anyio
import pytest

from athena_mcp.app import App, open_app
from athena_mcp.config import Settings
from athena_mcp.db.pool import Database
from athena_mcp.embed.embedder import EmbedderHandle
from athena_mcp.embed.static import DIMENSION, NAME, StaticEmbedder
from athena_mcp.errors import EmbedderMismatch
from athena_mcp.manager import MemoryManager
from athena_mcp.search.reembed import reembed
from athena_mcp.search.scope import read_scope
from athena_mcp.search.vector_arm import REEMBEDDED, VectorArm
from tests.conftest import PROJECT
from tests.db.reembedding import NEW_NAME, WordEmbedder, always, fill, handle_of, vectors_by_embedder
from tests.db.stores import ask

pytestmark = pytest.mark.anyio


async def test_a_server_with_another_embedder_is_told_of_reembed(app: App, settings: Settings) -> None:
    await app.manager()
    for handle in (handle_of(WordEmbedder()), EmbedderHandle(WordEmbedder, name=NEW_NAME)):
        async with open_app(settings, embedder=always(handle)) as other:
            with pytest.raises(EmbedderMismatch, match="athena-mcp reembed"):
                await other.manager()


async def test_an_embedder_that_learns_its_dimension_late_is_registered_when_it_is_warm(
    database: Database, database_url: str
) -> None:
    for warm_first in (True, False):
        arm = VectorArm(EmbedderHandle(WordEmbedder, name=NEW_NAME))
        if warm_first:
            await arm.warm()
            assert arm.embedder is None
            await arm.register(database)
        else:
            await arm.register(database)
            assert arm.embedder is None
            assert arm.degraded == "embedder warming"
            await arm.warm()
        assert arm.embedder is not None
        assert arm.degraded is None
    assert ask(database_url, "SELECT name, dimension, active FROM athena.embedders") == [(NEW_NAME, 48, True)]
    other = VectorArm(EmbedderHandle(lambda: WordEmbedder(64), name=NEW_NAME))
    await other.register(database)
    await other.warm()
    await other.warmed()
    assert other.embedder is None
    assert "athena-mcp reembed" in str(other.degraded)


async def test_what_the_words_do_not_find_waits_a_moment_for_an_embedder_that_is_being_loaded(
    manager: MemoryManager, settings: Settings, static_embedder: StaticEmbedder
) -> None:
    await manager.remember("Customers are charged by Stripe.", layer="semantic")
    loaded = threading.Event()

    def load() -> StaticEmbedder:
        assert loaded.wait(30)
        return static_embedder

    handle = EmbedderHandle(load, name=NAME, dimension=DIMENSION)
    try:
        async with open_app(settings, embedder=always(handle)) as late:
            warming = await late.manager()
            early = await warming.recall("how do clients pay us?", use_cache=False)
            assert (early.memories, early.degraded, early.nothing_relevant) == (
                (),
                ("vector: embedder warming",),
                False,
            )
            async with anyio.create_task_group() as tasks:

                async def ask_at_once() -> None:
                    answer = await warming.recall("how do clients pay us?", use_cache=False)
                    assert [hit.memory.content for hit in answer.memories] == ["Customers are charged by Stripe."]
                    assert answer.degraded == ()

                tasks.start_soon(ask_at_once)
                await anyio.wait_all_tasks_blocked()
                loaded.set()
    finally:
        loaded.set()


async def test_an_embedder_that_comes_late_catches_up(
    manager: MemoryManager, database: Database, database_url: str
) -> None:
    await fill(manager, 3)
    await reembed(database, WordEmbedder())
    ask(database_url, "DELETE FROM athena.vectors WHERE memory_id % 2 = 0")
    embedder = WordEmbedder()
    embedder.fails_after = 0
    arm = VectorArm(EmbedderHandle(lambda: embedder, name=NEW_NAME, may_come=True))
    await arm.register(database)
    await arm.warm()
    assert arm.embedder is None
    assert arm.degraded == "The service has gone."
    await arm.tend(database)
    assert arm.embedder is None
    embedder.fails_after = None
    await arm.tend(database)
    assert arm.degraded is None
    assert vectors_by_embedder(database_url) == {NEW_NAME: 5}
    # From now on only what is new is looked at.
    before = len(embedder.embedded)
    await arm.tend(database)
    assert len(embedder.embedded) == before


async def test_the_scope_tells_whose_vectors_the_store_goes_by(
    app: App, manager: MemoryManager, database: Database, database_url: str
) -> None:
    await fill(manager, 2)
    arm = VectorArm(handle_of(WordEmbedder()))
    async with database.session() as session:
        scope = await read_scope(session, [PROJECT])
        nobody = await read_scope(session, ["nobody/here"])
    assert scope.embedder_id == ask(database_url, "SELECT id FROM athena.embedders WHERE active")[0][0]
    assert nobody.embedder_id is None
    await reembed(database, WordEmbedder())
    await arm.warm()
    await arm.register(database)
    arm.notice(None)
    assert arm.embedder is not None
    arm.notice(scope.embedder_id)  # the id of the one before
    assert arm.embedder is None
    assert arm.degraded == REEMBEDDED
