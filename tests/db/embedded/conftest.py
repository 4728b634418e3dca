"""Real servers to test with. Only the first is made from nothing; the others run on copies of its folder."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest

from athena_mcp.db.embedded import EmbeddedServer

NEVER_S = 1000.0
"""A watch that does not look within a test."""


@pytest.fixture(scope="session")
def data_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder whose server was made, has run and has stopped; tests leave it so. Its path is hard to quote."""
    folder = tmp_path_factory.mktemp("made") / 'mémoire d\'été $HOME `q` "中文"'
    server = EmbeddedServer(folder, watch_interval_s=NEVER_S)
    with psycopg.connect(server.start().conninfo) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 'before' AS word")
    assert server.stop()
    return folder


@pytest.fixture
def spare_dir(data_dir: Path, tmp_path: Path) -> Path:
    """A copy of `data_dir` to use up. Copied with its owners, which for root is not ourselves."""
    folder = tmp_path / "data dir"
    subprocess.run(["cp", "-a", str(data_dir), str(folder)], check=True)
    return folder


@pytest.fixture
def serve() -> Iterator[Callable[[Path], EmbeddedServer]]:
    """Servers of this process, left at the end of the test."""
    servers: list[EmbeddedServer] = []

    def make(data_dir: Path) -> EmbeddedServer:
        servers.append(EmbeddedServer(data_dir, watch_interval_s=NEVER_S))
        return servers[-1]

    yield make
    for server in servers:
        server.stop()
