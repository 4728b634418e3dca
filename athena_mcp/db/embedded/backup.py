"""Backup and restore of an embedded store, by PostgreSQL's own dump.

A dump and not a copy of the folder: it is one consistent state while servers go on writing, it has everything in it
(vectors, sequences and settings too), it is small, and it can be restored by another major version of PostgreSQL and on
another platform. A physical copy would need the write-ahead log to be kept, which the embedded server is spared.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import subprocess
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import anyio
import anyio.to_thread
import psycopg
from psycopg.sql import SQL, Identifier

from athena_mcp.db.embedded.address import DATABASE, ServerAddress
from athena_mcp.db.embedded.binaries import find_binaries
from athena_mcp.db.embedded.cluster import cluster_major
from athena_mcp.db.embedded.layout import Layout
from athena_mcp.db.embedded.presence import MAINTENANCE_DATABASE, PRESENCE
from athena_mcp.db.embedded.server import EmbeddedServer
from athena_mcp.db.findings import Finding
from athena_mcp.db.integrity import verify_store
from athena_mcp.db.migrate import migrate
from athena_mcp.errors import EmbeddedServerError

RESTORING = "athena_restoring"
REPLACED = "athena_replaced"
_SEAL = re.compile(rb"\nathena-backup 1 bytes=(\d+) sha256=([0-9a-f]{64})\n")
_SEAL_BYTES = 200
_READ_BYTES = 1 << 20
_HEAD_BYTES = 512


@dataclass(frozen=True, slots=True)
class Restored:
    """What a restored store holds, and what the check of its indexes, counts and links has found."""

    memories: int
    findings: tuple[Finding, ...]


def backup(data_dir: Path, stream: IO[bytes]) -> None:
    """Write the store of `data_dir`, as it is at the start, to `stream`. Servers may go on using it.

    `stream` is an empty file that may be read too. The dump in it ends with a seal, since PostgreSQL itself restores a
    dump that was cut off without a word. Raises EmbeddedServerError.
    """
    layout = Layout.of(data_dir)
    if cluster_major(layout) is None:
        raise EmbeddedServerError(f"There is no memory in {layout.home} yet, so there is nothing to back up.")
    server = EmbeddedServer(data_dir)
    address = server.start()
    try:
        _run("pg_dump", ["--format=custom", "--no-owner", "--no-privileges", *_where(address)], address, stdout=stream)
    finally:
        server.stop()
    size = os.fstat(stream.fileno()).st_size
    stream.seek(0, os.SEEK_END)
    stream.write(f"\nathena-backup 1 bytes={size} sha256={_digest(stream.fileno(), size)}\n".encode("ascii"))


async def restore(data_dir: Path, file: Path, *, replace: bool = False) -> Restored:
    """Make the backup in `file` the store of `data_dir`; until it is complete and checked, what is there stays.

    Raises EmbeddedServerError when the file is no backup, when the store is in use, and, without `replace`, when it
    holds memories. An older schema is brought up to date.
    """
    await anyio.to_thread.run_sync(_check_file, file)
    server = EmbeddedServer(data_dir)
    address = await anyio.to_thread.run_sync(server.start)
    try:
        async with await psycopg.AsyncConnection.connect(
            address.conninfo, dbname=MAINTENANCE_DATABASE, application_name="athena-mcp restore", autocommit=True
        ) as admin:
            written = await _check_target(admin, address, replace)
            await _drop(admin, RESTORING, REPLACED)
            await admin.execute(SQL("CREATE DATABASE {}").format(Identifier(RESTORING)))
            try:
                await anyio.to_thread.run_sync(_fill, address, file)
                restored = await _checked(address)
                await _swap(admin)
                if await _written(address, REPLACED) != written:
                    # Somebody came, stored something and went while the backup was filled in.
                    await _swap(admin, back=True)
                    raise _in_use()
            except BaseException:  # whatever it is: put in order, then raised again
                with anyio.CancelScope(shield=True):
                    await _drop(admin, RESTORING)
                raise
            await _drop(admin, REPLACED)
    except psycopg.Error as error:
        raise EmbeddedServerError(
            f"The backup could not be restored ({error.sqlstate or type(error).__name__}). What was there is unchanged."
        ) from error
    finally:
        with anyio.CancelScope(shield=True):
            await anyio.to_thread.run_sync(server.stop)
    return restored


def _check_file(file: Path) -> None:
    """Refuse, before anything is touched, what is no backup of ours, or not a whole one."""
    try:
        with file.open("rb") as stream:
            size = os.fstat(stream.fileno()).st_size
            stream.seek(max(0, size - _SEAL_BYTES))
            end = stream.read()
            seal = _SEAL.search(end)
            if seal is None or seal.end() != len(end):
                if _is_export(stream):
                    raise EmbeddedServerError(
                        f"{file} is an export, or other lines of memories, and no backup. `athena-mcp import {file}` "
                        "brings it back; nothing was changed."
                    )
                raise EmbeddedServerError(
                    f"{file} is not a backup of `athena-mcp backup`, or its end is missing. Take another copy of it."
                )
            payload = int(seal[1])
            if payload + len(seal[0]) != size or _digest(stream.fileno(), payload) != seal[2].decode("ascii"):
                raise EmbeddedServerError(f"{file} was damaged since it was written. Take another copy of it.")
    except OSError as error:
        raise EmbeddedServerError(f"Cannot read {file}: {error.strerror or error}.") from error


def _is_export(stream: IO[bytes]) -> bool:
    """Whether a file begins with a JSON object, compressed or not."""
    stream.seek(0)
    head = stream.read(_HEAD_BYTES)
    if head.startswith(b"\x1f\x8b"):
        with contextlib.suppress(zlib.error):
            head = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16).decompress(head, _HEAD_BYTES)
    return head.removeprefix(b"\xef\xbb\xbf").lstrip().startswith(b"{")


def _digest(descriptor: int, size: int) -> str:
    """The SHA-256 of the first `size` bytes of a file."""
    digest = hashlib.sha256()
    with os.fdopen(os.dup(descriptor), "rb") as stream:
        stream.seek(0)
        while size > 0 and (read := stream.read(min(_READ_BYTES, size))):
            digest.update(read)
            size -= len(read)
    return digest.hexdigest()


async def _check_target(admin: psycopg.AsyncConnection[Any], address: ServerAddress, replace: bool) -> int:
    """Refuse a store in use, or with memories that are not to be replaced; else how often it was written to."""
    cursor = await admin.execute(
        "SELECT DISTINCT application_name FROM pg_stat_activity WHERE datname = %s", (DATABASE,)
    )
    if users := [str(row[0]) for row in await cursor.fetchall()]:
        raise _in_use(users)
    async with await psycopg.AsyncConnection.connect(address.conninfo, autocommit=True) as store:
        there = await (await store.execute("SELECT to_regclass('athena.memories') IS NOT NULL")).fetchone()
        held = None
        if there and there[0]:
            held = await (await store.execute("SELECT count(*) FROM athena.memories")).fetchone()
    if held and held[0] and not replace:
        raise EmbeddedServerError(
            f"The store holds {held[0]:,} memories. Back it up, and restore with --replace to put the backup in their "
            "place, or set ATHENA_DATA_DIR to another folder."
        )
    return await _written(address)


async def _written(address: ServerAddress, database: str = DATABASE) -> int:
    """A number that grows with every write of a memory."""
    async with await psycopg.AsyncConnection.connect(address.conninfo, dbname=database, autocommit=True) as store:
        there = await (await store.execute("SELECT to_regclass('athena.projects') IS NOT NULL")).fetchone()
        if not there or not there[0]:
            return 0
        row = await (await store.execute("SELECT coalesce(sum(version), 0) FROM athena.projects")).fetchone()
    return int(row[0]) if row else 0


def _in_use(users: Sequence[str] = ()) -> EmbeddedServerError:
    numbers = sorted({name.split()[-1] for name in users if name.startswith(PRESENCE.split()[0])})
    who = f" by process {', '.join(numbers)}" if numbers else ""
    return EmbeddedServerError(
        f"The store is in use{who}. End the servers and commands that use it, and restore then; nothing was changed."
    )


def _fill(address: ServerAddress, file: Path) -> None:
    options = ["--single-transaction", "--exit-on-error", "--no-owner", "--no-privileges"]
    _run("pg_restore", [*options, *_where(address, RESTORING), str(file)], address)


async def _checked(address: ServerAddress) -> Restored:
    async with await psycopg.AsyncConnection.connect(address.conninfo, dbname=RESTORING, autocommit=True) as store:
        await migrate(store)
        findings = await verify_store(store)
        row = await (await store.execute("SELECT count(*) FROM athena.memories")).fetchone()
    return Restored(int(row[0]) if row else 0, tuple(findings))


async def _swap(admin: psycopg.AsyncConnection[Any], *, back: bool = False) -> None:
    """The restored store takes the place of the old one, both or neither; `back`: the other way round."""
    rename = SQL("ALTER DATABASE {} RENAME TO {}")
    aside, into = (RESTORING, REPLACED) if back else (REPLACED, RESTORING)
    try:
        async with admin.transaction():
            await admin.execute(rename.format(Identifier(DATABASE), Identifier(aside)))
            await admin.execute(rename.format(Identifier(into), Identifier(DATABASE)))
    except psycopg.errors.ObjectInUse as error:
        if back:
            raise EmbeddedServerError(
                f"Something was stored while the backup was filled in, and the restored store is in use already. What "
                f"was there before stands in the database {REPLACED} until the next restore."
            ) from error
        raise _in_use() from error


async def _drop(admin: psycopg.AsyncConnection[Any], *names: str) -> None:
    for name in names:
        await admin.execute(SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(Identifier(name)))


def _where(address: ServerAddress, database: str = DATABASE) -> list[str]:
    return [
        f"--host={address.host}",
        f"--port={address.port}",
        f"--username={address.user}",
        "--no-password",
        f"--dbname={database}",
    ]


def _run(tool: str, arguments: Sequence[str], address: ServerAddress | None, *, stdout: IO[bytes] | int = -1) -> bytes:
    """Run a client program as ourselves; what it printed. Raises EmbeddedServerError with its own reason."""
    program = find_binaries().tool(tool)
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
    if address is not None:
        # Not on the command line, where every user of the machine could read it.
        environment["PGPASSWORD"] = address.password
    with _started([str(program), *arguments], environment, stdout) as process:
        said, errors = process.communicate()
    if process.returncode != 0:
        lines = errors.decode("utf-8", "replace").strip().splitlines()
        reason = next((line for line in lines if "error:" in line), lines[-1] if lines else "no reason given")
        raise EmbeddedServerError(f"{tool} failed: {reason.split('error:')[-1].strip()}.")
    return said or b""


@contextmanager
def _started(
    command: Sequence[str], environment: dict[str, str], stdout: IO[bytes] | int
) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(
        command, env=environment, stdin=subprocess.DEVNULL, stdout=stdout, stderr=subprocess.PIPE
    )
    try:
        yield process
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
