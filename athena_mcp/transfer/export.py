"""Writing an export: the memories of one project or of all, streamed, into a file that is whole or not there."""

from __future__ import annotations

import contextlib
import gzip
import io
import os
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import IO, Protocol

from athena_mcp.errors import TransferError
from athena_mcp.model import Memory
from athena_mcp.transfer.rows import Header, memory_to_row, to_line


class ProjectLike(Protocol):
    """A project and how many memories it has."""

    @property
    def name(self) -> str:
        """The project's name."""

    @property
    def memories(self) -> int:
        """How many memories it holds."""


class Source(Protocol):
    """What an export reads from; `MemoryManager` is one."""

    def export(self, *, project: str | None = None) -> AsyncIterator[Memory]:
        """Every memory, or those of one project, in order of id."""

    async def projects(self) -> Sequence[ProjectLike]:
        """The projects that hold memories."""


async def write_export(
    source: Source,
    stream: IO[str],
    *,
    version: str,
    now: datetime,
    project: str | None = None,
    progress: Callable[[int], None] = lambda _: None,
) -> int:
    """Write the header and every memory (of `project`, if given) to `stream`; the number of memories written.

    `progress` is called with 1 for each.
    """
    names = [project] if project is not None else sorted(row.name for row in await source.projects())
    stream.write(to_line(Header(version=version, exported_at=now, projects=names).to_row()))
    written = 0
    async for memory in source.export(project=project):
        stream.write(to_line(memory_to_row(memory)))
        written += 1
        progress(1)
    return written


@contextmanager
def open_target(path: Path) -> Iterator[IO[str]]:
    """A text stream into `open_whole`; gzip when the name ends in `.gz`."""
    with open_whole(path) as raw, _text(raw, path.resolve()) as text:
        yield text


@contextmanager
def open_whole(path: Path) -> Iterator[IO[bytes]]:
    """A stream that becomes `path` only if the block ends well.

    The file is readable by its owner only. Something that is no regular file (a pipe, a device) is written in place.
    Raises TransferError when it cannot be written.
    """
    # Through a link the file behind it is replaced, not the link.
    target = path.resolve()
    try:
        if target.exists() and not target.is_file():
            with target.open("wb") as raw:
                yield raw
            return
        descriptor, name = tempfile.mkstemp(prefix=f".{target.name}.", suffix=".part", dir=target.parent)
    except OSError as error:
        raise _unwritable(path, error) from error
    temporary = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as raw:
            yield raw
            raw.flush()
            os.fsync(raw.fileno())
        temporary.replace(target)
    except OSError as error:
        raise _unwritable(path, error) from error
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)


@contextmanager
def _text(raw: IO[bytes], target: Path) -> Iterator[IO[str]]:
    """UTF-8 text over `raw`, which stays open."""
    with contextlib.ExitStack() as stack:
        binary: IO[bytes] | gzip.GzipFile = raw
        if target.suffix == ".gz":
            # Without a name and a time in it, the same memories give the same bytes.
            binary = stack.enter_context(gzip.GzipFile(filename="", mode="wb", fileobj=raw, mtime=0))
        text = io.TextIOWrapper(binary, encoding="utf-8", newline="\n")
        try:
            yield text
            text.flush()
        finally:
            # Already flushed when all went well; after an error the unwritten rest is of no use.
            with contextlib.suppress(OSError, ValueError):
                text.detach()


def _unwritable(path: Path, error: OSError) -> TransferError:
    return TransferError(f"Cannot write {path}: {error.strerror or error}.")
