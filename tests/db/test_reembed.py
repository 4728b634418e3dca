from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import anyio
import numpy as np
import pytest

from athena_mcp.app import App, open_app
from athena_mcp.config import Settings
from athena_mcp.db.pool import Database
from athena_mcp.embed.embedder import Embedder, EmbedderHandle
from athena_mcp.embed.static import NAME
from athena_mcp.errors import EmbedderMismatch, EmbedderUnavailable, StorageError
from athena_mcp.manager import MemoryManager
from athena_mcp.search import reembed as module
from athena_mcp.search.reembed import Reembedded, reembed
from athena_mcp.search.scope import read_scope
from athena_mcp.search.vector_arm import REEMBEDDED, VectorArm
from tests.conftest import PROJECT
from tests.db.invariants import check_store
from tests.db.stores import ask
from tests.embedding_service import Service, running_service

if TYPE_CHECKING:
    from athena_mcp.embed.embedder import Vector

pytestmark = pytest.mark.anyio

ROOT = Path(__file__).parents[2]
NEW_NAME = "words@test"


class WordEmbedder:
    """Adds up a vector of each word; counts what it embeds, and stops or fails when told to."""

    name = NEW_NAME
    word_vectors = None

    def __init__(self, dimension: int = 48) -> None:
        self.dimension = dimension
        self.embedded: list[str] = []
        self.fails_after: int | None = None
        self.gate: anyio.Event | None = None
        self.waits = anyio.Event()

    async def embed(self, texts: Sequence[str]) -> list[Vector]:
        if self.gate is not None and self.embedded:
            self.waits.set()
            await self.gate.wait()
        if self.fails_after is not None and len(self.embedded) >= self.fails_after:
            raise EmbedderUnavailable("The service has gone.")
        self.embedded += texts
        return [self.vector(text) for text in texts]

    def vector(self, text: str) -> Vector:
        total = np.zeros(self.dimension, dtype=np.float32)
        for word in text.lower().split():
            if word.strip(".").isalnum():
                seed = int.from_bytes(hashlib.sha256(word.encode()).digest()[:8], "big")
                total += np.random.default_rng(seed).standard_normal(self.dimension).astype(np.float32)
        return total / np.float32(max(1e-9, float(np.linalg.norm(total))))

    async def close(self) -> None:
        pass


def handle_of(embedder: Embedder) -> EmbedderHandle:
    return EmbedderHandle(lambda: embedder, name=embedder.name, dimension=embedder.dimension)


def always(handle: EmbedderHandle) -> Callable[[], EmbedderHandle]:
    return lambda: handle


@asynccontextmanager
async def opened(url: str) -> AsyncIterator[Database]:
    async def find() -> str:
        return url

    database = Database(find, max_connections=3)
    await database.open()
    try:
        yield database
    finally:
        await database.close()


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    async with opened(database_url) as one:
        yield one


@pytest.fixture(autouse=True)
def small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "BATCH", 10)


async def fill(manager: MemoryManager, count: int = 35) -> None:
    for number in range(count):
        await manager.remember(f"Fact {number} of the billing service.", layer="semantic")
    await manager.remember("Release.", layer="procedural", details={"steps": ["drain the pool", "tag"]})
    old = await manager.remember("The port is 5432.", layer="semantic")
    await manager.remember("The port is 5433.", layer="semantic", replaces=old.id)


def vectors_by_embedder(url: str) -> dict[str, int]:
    """How many vectors the store has of each embedder it knows."""
    return dict(
        ask(
            url,
            "SELECT e.name, count(v.memory_id) FROM athena.embedders e"
            " LEFT JOIN athena.vectors v ON v.embedder_id = e.id GROUP BY e.name",
        )
    )


def active(url: str) -> str:
    return str(ask(url, "SELECT name FROM athena.embedders WHERE active")[0][0])


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


@pytest.fixture
def service() -> Iterator[Service]:
    with running_service() as one:
        yield one


async def test_the_command_changes_the_embedder_there_and_back(
    manager: MemoryManager, database_url: str, service: Service
) -> None:
    await fill(manager, 3)
    kept = {name: value for name, value in os.environ.items() if not name.startswith("ATHENA_")}
    env = {**kept, "PYTHONPATH": str(ROOT), "ATHENA_DATABASE_URL": database_url}
    key = "sk-secret-of-the-test"
    there = {"ATHENA_EMBED_URL": service.url, "ATHENA_EMBED_MODEL": "small", "ATHENA_EMBED_API_KEY": key}

    def run(further: dict[str, str]) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "athena_mcp", "reembed"],
            env=env | further,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    done = await anyio.to_thread.run_sync(run, there)
    assert done.returncode == 0, done.stderr
    assert "5 memories embedded with small@openai (3 dimensions), 5 old vectors removed" in done.stdout
    assert NAME in done.stderr
    assert key not in done.stdout + done.stderr
    assert vectors_by_embedder(database_url) == {"small@openai": 5}
    done = await anyio.to_thread.run_sync(run, {})
    assert done.returncode == 0, done.stderr
    assert vectors_by_embedder(database_url) == {NAME: 5}
    service.server.shutdown()
    done = await anyio.to_thread.run_sync(run, {**there, "ATHENA_EMBED_URL": "http://127.0.0.1:9/v1"})
    assert done.returncode == 1
    assert "cannot be reached" in done.stderr
    assert "Traceback" not in done.stderr
