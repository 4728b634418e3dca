from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import anyio
import pytest

import athena_mcp.manager as manager_module
from athena_mcp.app import open_app
from athena_mcp.config import Settings
from athena_mcp.db.session import Session
from athena_mcp.embed.embedder import EmbedderHandle
from athena_mcp.embed.static import DIMENSION, NAME, StaticEmbedder
from athena_mcp.errors import InvalidArgument
from athena_mcp.manager import MemoryManager
from athena_mcp.remember import near, pipeline
from tests.db.stores import ask

if TYPE_CHECKING:
    from athena_mcp.search.vectors import Neighbour

pytestmark = pytest.mark.anyio

ONE = "The billing service listens on port 8080 behind the gateway."
SLEEPING = "SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'SELECT pg_sleep%' AND state = 'active'"
OTHER = "The billing service listens on port 9090 behind the gateway."


async def test_a_memory_is_acknowledged_though_what_it_is_like_cannot_be_found(
    manager: MemoryManager, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(*_: Any) -> list[Neighbour]:
        raise RuntimeError("no more vectors")

    first = await manager.remember(ONE, layer="semantic")
    monkeypatch.setattr(near, "nearest", broken)
    receipt = await manager.remember(OTHER, layer="semantic")
    assert receipt.status == "stored"
    assert receipt.near_duplicates == ()
    assert ask(database_url, "SELECT id FROM athena.memories ORDER BY id") == [(first.id,), (receipt.id,)]


async def test_a_search_that_hangs_in_the_database_keeps_no_receipt_back_and_costs_no_connection(
    manager: MemoryManager, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def hanging(session: Session, *_: Any) -> list[Neighbour]:
        await session.execute("SELECT pg_sleep(600)")
        return []

    await manager.remember(ONE, layer="semantic")
    with monkeypatch.context() as patched:
        patched.setattr(near, "nearest", hanging)
        patched.setattr(pipeline, "NEAR_WAIT_S", 0.05)
        with anyio.fail_after(10):
            receipts = [await manager.remember(f"Host {n} runs Debian.", layer="semantic") for n in range(5)]
    assert [receipt.status for receipt in receipts] == ["stored"] * 5
    assert ask(database_url, SLEEPING) == [(0,)]
    again = await manager.remember(OTHER, layer="semantic")
    assert len(again.near_duplicates) == 1
    assert (await manager.stats("database"))["database"]["lost"] == 0


async def test_a_receipt_comes_before_the_deadline_though_a_search_hangs(
    manager: MemoryManager, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is stored must not be reported as an error, however late it was stored."""

    async def hanging(*_: Any) -> list[Neighbour]:
        await anyio.sleep_forever()  # as with a database that is frozen, whose own limits do not help
        return []

    monkeypatch.setattr(near, "nearest", hanging)
    monkeypatch.setattr(manager_module, "WRITE_S", 0.9)
    with anyio.fail_after(10):
        receipt = await manager.remember(ONE, layer="semantic")
    assert receipt.status == "stored"
    assert ask(database_url, "SELECT id FROM athena.memories") == [(receipt.id,)]


async def test_one_connection_is_enough(settings: Settings, static_embedder: StaticEmbedder) -> None:
    handle = EmbedderHandle(lambda: static_embedder, name=NAME, dimension=DIMENSION)
    async with open_app(replace(settings, max_connections=1), embedder=lambda: handle) as app:
        manager = await app.manager()
        await app.warmed()
        with anyio.fail_after(10):
            first = await manager.remember(ONE, layer="semantic")
            assert (await manager.remember(OTHER, layer="semantic")).near_duplicates == (first.id,)
            async with anyio.create_task_group() as tasks:
                for number in range(10):
                    tasks.start_soon(manager.remember, f"Host {number} runs Debian.")


async def test_a_refusal_comes_out_as_it_is(manager: MemoryManager) -> None:
    with pytest.raises(InvalidArgument, match="999 is not a memory") as refused:
        await manager.remember(ONE, replaces=999)
    assert not isinstance(refused.value, BaseExceptionGroup)
