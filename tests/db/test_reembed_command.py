"""`athena-mcp reembed` as a user runs it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import anyio
import pytest

from athena_mcp.embed.static import NAME
from athena_mcp.manager import MemoryManager
from tests.db.reembedding import fill, vectors_by_embedder
from tests.embedding_service import Service, running_service

pytestmark = pytest.mark.anyio

ROOT = Path(__file__).parents[2]


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
