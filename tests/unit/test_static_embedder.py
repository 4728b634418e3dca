"""The default embedder over a long life."""

from __future__ import annotations

import gc

import psutil
import pytest

from athena_mcp.embed.static import StaticEmbedder

pytestmark = pytest.mark.anyio


async def test_texts_that_were_embedded_are_not_kept() -> None:
    embedder = StaticEmbedder.load()
    process = psutil.Process()

    async def embed(first: int) -> int:
        for number in range(first, first + 1_000):
            await embedder.embed([f"{number} the nightly build of service {number} failed because {'it waited ' * 10}"])
        gc.collect()
        return int(process.memory_info().rss)

    before = await embed(0)
    # Kept, they took 7 MB.
    assert await embed(1_000) - before < 3_000_000
