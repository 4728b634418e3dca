"""Writers side by side, and writers cut off: nothing is lost, doubled or left half done."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from functools import partial

import anyio
import pytest

from athena_mcp.app import open_app
from athena_mcp.config import Settings
from athena_mcp.embed.embedder import EmbedderHandle
from athena_mcp.embed.static import DIMENSION, NAME, StaticEmbedder
from athena_mcp.errors import DeadlineExceeded
from athena_mcp.manager import MemoryManager
from tests.db.edges import edge
from tests.db.invariants import check_store
from tests.db.stores import ask

pytestmark = pytest.mark.anyio


async def test_two_servers_that_write_at_once_lose_and_double_nothing(
    settings: Settings, static_embedder: StaticEmbedder, database_url: str
) -> None:
    handle = EmbedderHandle(lambda: static_embedder, name=NAME, dimension=DIMENSION)
    statuses: list[str] = []
    ids: set[int] = set()

    async def write(manager: MemoryManager, texts: list[str]) -> None:
        for text in texts:
            receipt = await manager.remember(
                text, layer="semantic", relations=[edge("Billing", "calls", text)] if text.endswith("7") else ()
            )
            statuses.append(receipt.status)
            ids.add(receipt.id)

    async with (
        open_app(settings, embedder=lambda: handle) as one,
        open_app(replace(settings, project="owner/project"), embedder=lambda: handle) as other,
    ):
        with anyio.fail_after(60):
            async with anyio.create_task_group() as tasks:
                for name, app in (("one", one), ("other", other)):
                    manager = await app.manager()
                    await app.warmed()
                    texts = [f"Fact {number} of {name}" for number in range(100)]
                    shared_texts = [f"Fact {number} of both" for number in range(50)]
                    for part in range(4):
                        tasks.start_soon(write, manager, texts[part::4])
                    tasks.start_soon(write, manager, shared_texts)
    assert statuses.count("stored") == 250
    assert statuses.count("duplicate") == 50
    assert len(ids) == 250
    assert ask(database_url, "SELECT sum(memories)::bigint FROM athena.layer_totals") == [(250,)]
    check_store(database_url)


async def test_a_cancelled_remember_leaves_nothing_or_everything(manager: MemoryManager, database_url: str) -> None:
    await manager.remember("Warm.", layer="semantic")
    for number in range(40):
        with anyio.move_on_after(number / 4000), suppress(DeadlineExceeded):
            await manager.remember(
                f"Memory {number} of an impatient caller.",
                layer="procedural",
                details={"steps": ["one", "two"]},
                relations=[edge("Caller", "runs on", f"host {number}")],
            )
    check_store(database_url)
    assert (await manager.remember("Still working.", layer="semantic")).status == "stored"


async def test_writers_of_one_project_and_of_global_memories_never_wait_for_each_other_in_a_ring(
    manager: MemoryManager, database_url: str
) -> None:
    """Forgetting a global memory touches those of a project that stand for it, while others write to both."""
    mine = "acme/app"
    await manager.remember("First, so that this project comes before the global one.", project=mine)
    with anyio.fail_after(60):
        for number in range(6):
            texts = [f"Global {number} {i}." for i in range(6)]
            ids = [(await manager.remember(text, layer="semantic", project="global")).id for text in texts]
            for memory_id in ids[:3]:
                await manager.remember(f"About {memory_id}.", about=memory_id, project=mine)
            async with anyio.create_task_group() as tasks:
                for memory_id in ids[:3]:
                    tasks.start_soon(partial(manager.forget, memory_id, project=mine))
                for memory_id in ids[3:]:
                    text = f"Instead of {memory_id}."
                    tasks.start_soon(partial(manager.remember, text, replaces=memory_id, project=mine))
                    tasks.start_soon(partial(manager.remember, f"More of {memory_id}.", about=memory_id, project=mine))
    check_store(database_url)
    # The first one and eighteen reports on what was forgotten; what replaces a global memory is global.
    of_project = "SELECT project_id, count(*) FROM athena.memories WHERE about_id IS NULL GROUP BY 1 ORDER BY 1"
    assert ask(database_url, of_project) == [(1, 19), (2, 36)]
