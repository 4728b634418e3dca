"""A store gets the vectors of another embedder while it is in use."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import anyio
import pytest

from athena_mcp.app import App, open_app
from athena_mcp.config import Settings
from athena_mcp.db.pool import Database
from athena_mcp.embed.static import NAME
from athena_mcp.errors import EmbedderUnavailable, StorageError
from athena_mcp.manager import MemoryManager
from athena_mcp.search import reembed as module
from athena_mcp.search.reembed import Reembedded, reembed
from athena_mcp.search.vector_arm import REEMBEDDED, VectorArm
from tests.db.invariants import check_store
from tests.db.reembedding import NEW_NAME, WordEmbedder, active, fill, handle_of, vectors_by_embedder
from tests.db.stores import ask

if TYPE_CHECKING:
    from athena_mcp.embed.embedder import Vector

pytestmark = pytest.mark.anyio


@pytest.fixture(autouse=True)
def small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "BATCH", 10)


async def test_a_store_changes_its_embedder_while_it_answers(
    app: App, manager: MemoryManager, database: Database, database_url: str, settings: Settings
) -> None:
    await fill(manager)
    new = WordEmbedder()
    new.gate = anyio.Event()
    seen: list[tuple[int, int]] = []
    done: list[Reembedded] = []

    async def run() -> None:
        done.append(await reembed(database, new, lambda count, total: seen.append((count, total))))

    with anyio.fail_after(60):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(run)
            await new.waits.wait()
            # Half-way: the old vectors answer, and what is stored gets one of them.
            assert active(database_url) == NAME
            assert 0 < vectors_by_embedder(database_url)[NEW_NAME] < 37
            result = await manager.recall("billing service", use_cache=False)
            assert result.memories
            assert result.degraded == ()
            late = await manager.remember("Stored by the old server meanwhile.", layer="semantic")
            assert late.vector
            new.gate.set()
    assert done == [Reembedded(NEW_NAME, 48, before=NAME, embedded=38, removed=38)]
    assert seen[0] == (0, 37)
    assert seen[-1] == (38, 38)
    assert [count for count, _ in seen] == sorted(count for count, _ in seen)
    assert vectors_by_embedder(database_url) == {NEW_NAME: 38}
    assert "Release.\ndrain the pool\ntag" in new.embedded  # what `remember` embeds
    check_store(database_url)

    # The old server's vectors would mean nothing now: it goes on by words, and says why.
    result = await manager.recall("Stored meanwhile", use_cache=False)
    assert result.memories[0].memory.id == late.id
    assert result.degraded == (f"vector: {REEMBEDDED}",)
    assert not (await manager.remember("Stored by the old server after the change.", layer="semantic")).vector
    assert vectors_by_embedder(database_url) == {NEW_NAME: 38}

    async with open_app(settings, embedder=lambda: handle_of(new)) as other:
        fresh = await other.manager()
        await other.warmed()
        assert (await fresh.recall("billing", use_cache=False)).degraded == ()
        with anyio.fail_after(20):
            while vectors_by_embedder(database_url) != {NEW_NAME: 39}:  # noqa: ASYNC110  a task in the background
                await anyio.sleep(0.01)  # between two looks from outside
    check_store(database_url)


async def test_an_interrupted_run_is_taken_up_where_it_ended(
    manager: MemoryManager, database: Database, database_url: str
) -> None:
    await fill(manager)
    failing = WordEmbedder()
    failing.fails_after = 20
    with pytest.raises(EmbedderUnavailable):
        await reembed(database, failing)
    assert active(database_url) == NAME
    assert vectors_by_embedder(database_url) == {NAME: 37, NEW_NAME: 20}
    result = await manager.recall("billing service", use_cache=False)
    assert result.memories
    assert result.degraded == ()

    second = WordEmbedder()
    seen: list[tuple[int, int]] = []
    done = await reembed(database, second, lambda count, total: seen.append((count, total)))
    assert done.embedded == len(second.embedded) == 17
    assert seen[0] == (20, 37)
    assert not set(second.embedded) & set(failing.embedded)
    assert vectors_by_embedder(database_url) == {NEW_NAME: 37}
    check_store(database_url)


async def test_a_run_that_was_ended_after_the_change_leaves_the_clearing_to_the_next(
    manager: MemoryManager, database: Database, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    await fill(manager, 5)
    with monkeypatch.context() as patched:

        async def killed(*_: object) -> int:
            raise StorageError("killed")

        patched.setattr(module._Work, "sweep", killed)
        with pytest.raises(StorageError, match="killed"):
            await reembed(database, WordEmbedder())
    assert active(database_url) == NEW_NAME
    assert vectors_by_embedder(database_url) == {NAME: 7, NEW_NAME: 7}
    done = await reembed(database, WordEmbedder())
    assert done == Reembedded(NEW_NAME, 48, before=None, embedded=0, removed=7)
    assert vectors_by_embedder(database_url) == {NEW_NAME: 7}


async def test_nothing_is_lost_however_much_is_stored_meanwhile(
    manager: MemoryManager, database: Database, database_url: str
) -> None:
    await fill(manager)
    begun, over = anyio.Event(), anyio.Event()
    stored: list[int] = []

    async def write(name: str) -> None:
        number = 0
        while not over.is_set():
            receipt = await manager.remember(f"Note {number} of {name}.", layer="episodic", project=f"team/{name}")
            stored.append(receipt.id)
            number += 1
            if len(stored) > 10:
                begun.set()

    with anyio.fail_after(60):
        async with anyio.create_task_group() as tasks:
            for name in ("ada", "bob", "eve"):
                tasks.start_soon(write, name)
            await begun.wait()
            await reembed(database, WordEmbedder())
            over.set()
    assert set(vectors_by_embedder(database_url)) == {NEW_NAME}
    check_store(database_url)
    arm = VectorArm(handle_of(WordEmbedder()))
    await arm.warm()
    await arm.register(database)
    await arm.backfill(database)
    live = ask(database_url, "SELECT count(*) FROM athena.memories WHERE superseded_at IS NULL")[0][0]
    assert vectors_by_embedder(database_url) == {NEW_NAME: live}
    assert live == 37 + len(stored)


async def test_memories_that_the_new_embedder_has_no_vector_for_do_not_stop_it(
    manager: MemoryManager, database: Database, database_url: str
) -> None:
    for number in range(25):
        await manager.remember(f"--- {number}?", layer="semantic")
    await manager.remember("Plain words.", layer="semantic")
    with anyio.fail_after(30):
        done = await reembed(database, WordEmbedder())
    assert done.embedded == 1
    assert vectors_by_embedder(database_url) == {NEW_NAME: 1}


async def test_two_runs_do_not_work_at_once(manager: MemoryManager, database: Database) -> None:
    await fill(manager, 25)
    first = WordEmbedder()
    first.gate = anyio.Event()
    with anyio.fail_after(30):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(reembed, database, first)
            await first.waits.wait()
            with pytest.raises(StorageError, match="Another"):
                await reembed(database, WordEmbedder(64))
            first.gate.set()


async def test_a_store_without_an_embedder_gets_its_first(database: Database, database_url: str) -> None:
    assert await reembed(database, WordEmbedder()) == Reembedded(NEW_NAME, 48, before=None, embedded=0, removed=0)
    assert active(database_url) == NEW_NAME


async def test_it_ends_though_a_memory_is_stored_with_every_one_that_is_embedded(
    manager: MemoryManager, database: Database, database_url: str
) -> None:
    await fill(manager)
    async with anyio.create_task_group() as tasks:

        class Raced(WordEmbedder):
            async def embed(self, texts: Sequence[str]) -> list[Vector]:
                stored = anyio.Event()

                async def store() -> None:
                    await manager.remember(f"Host {len(self.embedded)} runs Debian.", layer="semantic")
                    stored.set()

                tasks.start_soon(store)
                with anyio.move_on_after(0.3):  # not while all writers wait for the change
                    await stored.wait()
                return await super().embed(texts)

        with anyio.fail_after(30):
            await reembed(database, Raced())
    assert active(database_url) == NEW_NAME
    check_store(database_url)
