"""The commands that are killed in the middle: an import, a change of the embedder, the schema's steps."""

from __future__ import annotations

import io
import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import anyio
import anyio.to_thread

from athena_mcp.app import open_app
from athena_mcp.bench.crash.store import Account, CrashStore, prepared
from athena_mcp.bench.store import PROJECT, open_database
from athena_mcp.bench.synthetic.grammar import Grammar
from athena_mcp.db.integrity import Violation
from athena_mcp.db.migrate import known_migrations, migrate
from athena_mcp.db.pool import Database
from athena_mcp.transfer.export import write_export
from athena_mcp.transfer.jsonl import Source
from athena_mcp.transfer.loading import Loader

_BEGAN = datetime(2026, 1, 1, tzinfo=UTC)


def history(memories: int) -> Iterator[dict[str, Any]]:
    """Lines of an export: memories of all layers, every seventh replaced by a later one, reports and relations."""
    yield {"athena_export": 1, "version": "bench", "exported_at": _BEGAN.isoformat(), "projects": [PROJECT]}
    grammar = Grammar(seed=5)
    for number in range(1, memories + 1):
        made = grammar.memory(number).to_arguments()
        created_at = _BEGAN + timedelta(seconds=100 * number, microseconds=number)
        row = {"id": number, "project": PROJECT, **made, "created_at": created_at.isoformat(), "tags": ["bench"]}
        if number % 7 == 0 and number + 5 <= memories:
            row |= {"superseded_by": number + 5, "superseded_at": (created_at + timedelta(hours=1)).isoformat()}
        if number % 11 == 0 and made["layer"] == "episodic":
            row["about"] = number - 3
        yield row


async def exported(store: CrashStore) -> list[str]:
    """The store's memories as the lines of an export."""
    async with open_app(store.settings) as app:
        text = io.StringIO()
        await write_export(await app.manager(), text, version="bench", now=_BEGAN)
    return text.getvalue().splitlines()[1:]


async def imported(store: CrashStore, lines: bytes) -> None:
    """Import lines in this process."""
    async with open_app(store.settings) as app:
        manager = await app.manager()
        await app.warmed()
        source = Source(io.BytesIO(lines))
        await Loader(manager).run(source.records(PROJECT), mark=source.mark())
    await anyio.to_thread.run_sync(store.stopped)


def as_file(rows: Iterator[dict[str, Any]]) -> bytes:
    """Rows as the lines of a file."""
    return "".join(json.dumps(row) + "\n" for row in rows).encode()


def compared(wanted: Sequence[str], found: Sequence[str]) -> Account:
    """Lines that must be the same."""
    missing, surplus = Counter(wanted) - Counter(found), Counter(found) - Counter(wanted)
    examples = [f"missing: {line[:200]}" for line in list(missing)[:3]]
    examples += [f"not expected: {line[:200]}" for line in list(surplus)[:3]]
    return Account(len(wanted), missing.total(), surplus.total(), examples=tuple(examples))


@dataclass(slots=True)
class ImportJob:
    """An import of an export into an empty store: afterwards it is the same store."""

    file: Path
    empty: CrashStore
    wanted: list[str]
    name: str = "import"
    environment: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    async def made(cls, folder: Path, memories: int) -> ImportJob:
        """With a history of so many memories; what it should come to is found by importing it undisturbed."""
        file = folder / "history.jsonl"
        file.write_bytes(as_file(history(memories)))
        empty = await prepared(folder / "empty")
        reference = empty.copied_to(folder / "reference")
        await imported(reference, file.read_bytes())
        wanted = await exported(reference)
        reference.stopped()
        return cls(file, empty, wanted)

    @property
    def arguments(self) -> Sequence[str]:
        """The import."""
        return ("import", str(self.file))

    async def ready(self, data_dir: Path) -> CrashStore:
        """An empty store."""
        return await anyio.to_thread.run_sync(self.empty.copied_to, data_dir)

    async def check(self, store: CrashStore) -> Account:
        """The export against what it should be."""
        return compared(self.wanted, await exported(store))


@dataclass(slots=True)
class ReembedJob:
    """A change of the embedder, there and back again: every live memory has a vector of the right one afterwards."""

    full: CrashStore
    wanted: list[str]
    service_url: str
    model: str
    name: str = "reembed"
    arguments: Sequence[str] = ("reembed",)

    @classmethod
    async def made(cls, folder: Path, memories: int, service_url: str, model: str) -> ReembedJob:
        """On a store of so many memories, from the embedder that comes along to a service's."""
        full = await prepared(folder / "full")
        await imported(full, as_file(history(memories)))
        wanted = await exported(full)
        full.stopped()
        return cls(full, wanted, service_url, model)

    @property
    def environment(self) -> Mapping[str, str]:
        """The service."""
        return {"ATHENA_EMBED_URL": self.service_url, "ATHENA_EMBED_MODEL": self.model}

    async def ready(self, data_dir: Path) -> CrashStore:
        """The store with its old vectors."""
        return await anyio.to_thread.run_sync(self.full.copied_to, data_dir)

    async def check(self, store: CrashStore) -> Account:
        """The memories, and how many of them have a vector of the service."""
        async with open_database(store.settings, max_connections=1) as database, database.session() as session:
            rows = await session.fetch(_VECTORS)
            memories = await session.fetch(_LIVE)
        live = memories[0][0]
        active = [row for row in rows if row[1]]
        right = [(row[0], row[2]) for row in rows] == [(active[0][0], live)] if active else False
        wrong = () if right and self.model in active[0][0] else (f"{live} live memories, vectors: {rows}",)
        found = await _read(store)
        account = compared(sorted(json.loads(line)["content"] for line in self.wanted), found)
        return account.plus(Account(violations=len(wrong), examples=wrong))


_VECTORS = """
SELECT e.name, e.active, (SELECT count(*) FROM athena.vectors v WHERE v.embedder_id = e.id)
FROM athena.embedders e ORDER BY e.id
"""
_LIVE = "SELECT count(*) FROM athena.memories WHERE superseded_at IS NULL"
_CONTENTS = "SELECT content FROM athena.memories ORDER BY id"


async def _read(store: CrashStore) -> list[str]:
    async with open_database(store.settings, max_connections=1) as database, database.session() as session:
        return sorted(row[0] for row in await session.fetch(_CONTENTS))


@dataclass(slots=True)
class MigrationJob:
    """The first start of this release on a store of the first schema: afterwards its memories are there, and found."""

    old: CrashStore
    wanted: list[str]
    name: str = "migration"
    arguments: Sequence[str] = ("stats", "--json")
    environment: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    async def made(cls, folder: Path, memories: int) -> MigrationJob:
        """On a store of so many memories."""
        old = CrashStore(folder / "old")
        contents = [Grammar(seed=6).memory(number).content for number in range(memories)]
        await _make_old(old, contents)
        await anyio.to_thread.run_sync(old.stopped)
        return cls(old, sorted(contents))

    async def ready(self, data_dir: Path) -> CrashStore:
        """The old store."""
        return await anyio.to_thread.run_sync(self.old.copied_to, data_dir)

    async def check(self, store: CrashStore) -> Account:
        """The memories, and that nothing is left to be done; the indexes are compared by whoever asks."""
        async with open_database(store.settings, max_connections=1) as database:
            connection = await database.connect()
            try:
                left = await migrate(connection)
            finally:
                await connection.close()
        steps = (Violation("a step that is still to be done", left),) if left else ()
        account = compared(self.wanted, await _read(store))
        return account.plus(Account(violations=len(steps), examples=tuple(step.never for step in steps)))


_FIRST_SCHEMA_MEMORIES = """
WITH made AS (
    INSERT INTO athena.memories (project_id, layer, content, content_hash, session_id)
    SELECT %(project)s, 'semantic', c, sha256(convert_to(c, 'UTF8')), 'then' FROM unnest(%(contents)s::text[]) AS c
    RETURNING project_id, id
)
INSERT INTO athena.semantic_details (project_id, memory_id) SELECT project_id, id FROM made
"""
_FIRST_SCHEMA_PROJECT = "INSERT INTO athena.projects (name) VALUES (%(name)s) RETURNING id"


async def _make_old(store: CrashStore, contents: Sequence[str]) -> None:
    """Write memories as the release with the first schema did."""
    from athena_mcp.db.embedded import EmbeddedServer

    server = EmbeddedServer(store.data_dir)

    async def find() -> str:
        return (await anyio.to_thread.run_sync(server.start)).conninfo

    database = Database(find, max_connections=1)
    try:
        connection = await database.connect()
        try:
            await migrate(connection, known_migrations()[:1])
        finally:
            await connection.close()
        async with database.session() as session:
            project = await session.fetch_one(_FIRST_SCHEMA_PROJECT, {"name": PROJECT})
            assert project is not None
            await session.execute(_FIRST_SCHEMA_MEMORIES, {"project": project[0], "contents": list(contents)})
    finally:
        await database.close()
        await anyio.to_thread.run_sync(server.stop)
