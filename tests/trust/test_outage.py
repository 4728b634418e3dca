"""PostgreSQL goes away and comes back under a process that uses it: an external one, which nobody here may start."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import anyio
import anyio.to_thread
import pytest

from athena_mcp.app import open_app
from athena_mcp.config import Settings
from athena_mcp.db.embedded import EmbeddedServer, server_pid
from athena_mcp.embed.embedder import EmbedderHandle
from athena_mcp.embed.static import DIMENSION, NAME, StaticEmbedder
from athena_mcp.errors import DatabaseUnavailable
from tests.conftest import PROJECT, embedded_url
from tests.db.embedded.holder import Patience

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(240)]


@pytest.fixture
def external(tmp_path: Path) -> Iterator[EmbeddedServer]:
    """A PostgreSQL that the application knows by its address only; it has the same one after a restart."""
    server = EmbeddedServer(tmp_path / "external", watch_interval_s=1000.0)
    yield server
    server.stop()


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT], ids=["killed", "shut down"])
async def test_calls_fail_clearly_while_an_external_database_is_away_and_work_when_it_is_back(
    external: EmbeddedServer, tmp_path: Path, static_embedder: StaticEmbedder, how: signal.Signals
) -> None:
    folder = tmp_path / "external"
    address = await anyio.to_thread.run_sync(external.start)
    url = embedded_url(address)
    settings = Settings(tmp_path / "athena", PROJECT, database_url=url)
    handle = EmbedderHandle(lambda: static_embedder, name=NAME, dimension=DIMENSION)
    with anyio.fail_after(120):
        async with open_app(settings, embedder=lambda: handle) as app:
            manager = await app.manager()
            await app.warmed()
            first = await manager.remember("The gateway listens on port 8443.", layer="semantic")
            running = server_pid(folder)
            assert running is not None
            os.kill(running, how)
            await anyio.to_thread.run_sync(lambda: Patience().until(lambda: server_pid(folder) is None))

            for call in (
                lambda: manager.remember("Lost?", layer="semantic"),
                lambda: manager.recall("gateway port"),
                lambda: manager.forget(first.id),
                lambda: manager.stats("store"),
            ):
                with anyio.fail_after(5), pytest.raises(DatabaseUnavailable) as raised:
                    await call()
                assert "database" in str(raised.value).lower()
                assert address.password not in str(raised.value)

            assert embedded_url(await anyio.to_thread.run_sync(external.start)) == url
            found = await manager.recall("gateway port")
            assert [row.memory.id for row in found.memories] == [first.id]
            assert (await manager.remember("Back again.", layer="semantic")).status == "stored"
            contents = [memory.content for memory in await manager.list_memories()]
    assert contents == ["Back again.", "The gateway listens on port 8443."]
