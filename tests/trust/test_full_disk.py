"""A disk that fills up under a running store: clear errors, nothing corrupted, and all is well when there is room."""

from __future__ import annotations

import os
import random
import string
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import anyio
import anyio.to_thread
import pytest

from athena_mcp.app import open_app
from athena_mcp.bench.crash.store import CrashStore
from athena_mcp.config import Settings
from athena_mcp.embed.embedder import EmbedderHandle
from athena_mcp.embed.static import DIMENSION, NAME, StaticEmbedder
from athena_mcp.errors import AthenaError
from tests.conftest import PROJECT

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(240)]

LEFT_BYTES = 1_500_000
"""Room for a few memories, not for the next segment of PostgreSQL's log."""
FAILURES = 5


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of its own with 200 MB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    if sys.platform != "linux" or os.geteuid() != 0:
        pytest.skip("only root may mount a small file system")
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=200m", "tmpfs", str(folder)], capture_output=True, check=False
    )
    if mounted.returncode != 0:
        pytest.skip("this root may not mount anything")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


async def test_a_full_disk_is_named_corrupts_nothing_and_is_forgotten_when_there_is_room(
    small_disk: Path, static_embedder: StaticEmbedder
) -> None:
    store = CrashStore(small_disk / "data")
    draw = random.Random(1)
    handle = EmbedderHandle(lambda: static_embedder, name=NAME, dimension=DIMENSION)
    acknowledged: set[int] = set()
    errors: list[str] = []
    with anyio.fail_after(180):
        async with open_app(Settings(store.data_dir, PROJECT), embedder=lambda: handle) as app:
            manager = await app.manager()
            await app.warmed()
            acknowledged.add((await manager.remember("Stored while there was room.", layer="semantic")).id)
            filler = small_disk / "filler"
            free = os.statvfs(small_disk)
            await anyio.Path(filler).write_bytes(b"\0" * (free.f_bavail * free.f_frsize - LEFT_BYTES))
            while len(errors) < FAILURES:
                words = " ".join("".join(draw.choices(string.ascii_lowercase, k=8)) for _ in range(1_000))
                try:
                    acknowledged.add((await manager.remember(words, layer="semantic")).id)
                except AthenaError as error:
                    errors.append(str(error))
            filler.unlink()
            acknowledged.add((await manager.remember("Stored when there was room again.", layer="semantic")).id)
            found = await manager.recall("what was stored while there was room?")
            present = {memory.id async for memory in manager.export()}
    # The first may have been cut off in the middle; after that the reason is known.
    assert all("full" in error and "ree some" in error for error in errors[1:]), errors
    assert found.memories[0].memory.content.startswith("Stored while")
    assert present == acknowledged
    assert await store.violations() == []
    await anyio.to_thread.run_sync(store.stopped)
