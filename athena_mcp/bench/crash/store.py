"""The store that processes are killed on: looked into from outside, between two kills."""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import anyio

from athena_mcp.bench.failure import BenchFailed
from athena_mcp.bench.store import PROJECT, open_database
from athena_mcp.bench.timing import elapsed_ms
from athena_mcp.config import Settings
from athena_mcp.db.embedded import EmbeddedServer, server_pid
from athena_mcp.db.integrity import Violation, violations

GONE_S = 20.0
"""How long a server may take to end once nobody uses it."""

_ROWS = """
SELECT m.id, m.key, m.content, m.superseded_at IS NOT NULL, m.superseded_by FROM athena.memories m ORDER BY m.id
"""


class Row(NamedTuple):
    """A memory as the database has it."""

    id: int
    key: str | None
    content: str
    superseded: bool
    superseded_by: int | None


@dataclass(frozen=True, slots=True)
class CrashStore:
    """A data folder."""

    data_dir: Path

    @property
    def settings(self) -> Settings:
        """The settings of whoever uses it."""
        return Settings(data_dir=self.data_dir, project=PROJECT)

    async def rows(self) -> list[Row]:
        """Every memory. Starts the server if need be."""
        async with open_database(self.settings, max_connections=1) as database, database.session() as session:
            return [Row(*row) for row in await session.fetch(_ROWS)]

    async def violations(self) -> list[Violation]:
        """What does not agree in it."""
        async with open_database(self.settings, max_connections=1) as database:
            connection = await database.connect()
            try:
                return await violations(connection)
            finally:
                await connection.close()

    async def recover(self) -> float:
        """Use the store once as a process that comes anew; how long that took, in milliseconds."""
        began = time.perf_counter()
        async with open_database(self.settings, max_connections=1) as database, database.session() as session:
            await session.fetch("SELECT count(*) FROM athena.memories")
        return elapsed_ms(began)

    def stopped(self) -> None:
        """See to it that no server runs on the folder. Raises BenchFailed when one does not end."""
        deadline = time.monotonic() + GONE_S
        while server_pid(self.data_dir) is not None:
            # Whoever joins and leaves as the last one stops it, also after a process that was killed.
            server = EmbeddedServer(self.data_dir)
            server.start()
            if server.stop():
                return
            if time.monotonic() > deadline:
                raise BenchFailed("The embedded PostgreSQL does not end though nobody uses it.")
            time.sleep(0.02)

    def copied_to(self, data_dir: Path) -> CrashStore:
        """A copy of the stopped store, in place of what is there. For root it keeps its owners."""
        copy = CrashStore(data_dir)
        if data_dir.exists():
            copy.stopped()
            shutil.rmtree(data_dir)
        if sys.platform == "win32":
            shutil.copytree(self.data_dir, data_dir)
        else:
            subprocess.run(["cp", "-a", str(self.data_dir), str(data_dir)], check=True)
        return copy


async def prepared(data_dir: Path) -> CrashStore:
    """A new store with its schema, stopped."""
    store = CrashStore(data_dir)
    await store.recover()
    await anyio.to_thread.run_sync(store.stopped)
    return store


@dataclass(frozen=True, slots=True)
class Account:
    """What became of what was acknowledged."""

    acknowledged: int = 0
    lost: int = 0
    """Acknowledged and not there, or not as the receipt said: stored, replaced, forgotten."""
    doubled: int = 0
    """There more than once, or though nobody stored it."""
    violations: int = 0
    helpless: int = 0
    """Starts after a kill that did not succeed by themselves."""
    examples: tuple[str, ...] = ()

    def plus(self, other: Account) -> Account:
        """Both together."""
        return Account(
            self.acknowledged + other.acknowledged,
            self.lost + other.lost,
            self.doubled + other.doubled,
            self.violations + other.violations,
            self.helpless + other.helpless,
            (*self.examples, *other.examples)[:20],
        )

    @property
    def holds(self) -> bool:
        """Whether nothing is wrong."""
        return not (self.lost or self.doubled or self.violations or self.helpless)


def disagreements(found: Sequence[Violation]) -> Account:
    """Violations as a part of an account."""
    return Account(violations=len(found), examples=tuple(f"{row.never}: {row.times}" for row in found))
