"""Reading an export, or any file with one JSON object a line, as records to load."""

from __future__ import annotations

import difflib
import gzip
import hashlib
import json
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, Any

from athena_mcp.errors import TransferError
from athena_mcp.remember.record import MemoryRecord
from athena_mcp.transfer.rows import FORMAT_VERSION

MAX_LINE_BYTES = 8 * 1024 * 1024
"""More than the largest memory there can be, escaped as widely as JSON allows; a file of one line stays out of RAM."""
SHOWN_CHARS = 16
"""Of the name of a field that there is not; no field's name is longer."""
_DUMP = b"PGDMP"
"""How a dump of PostgreSQL begins, which is what `athena-mcp backup` writes."""


@dataclass(frozen=True, slots=True)
class BadLine:
    """A line that is no memory: its number and what is wrong with it, naming the field."""

    line: int
    problem: str


@dataclass(frozen=True, slots=True)
class Checked:
    """What a field may be: a test on the decoded JSON value, and its description for the error."""

    accepts: Callable[[Any], bool]
    meaning: str


def _number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


_TEXT = Checked(lambda value: isinstance(value, str), "text")
_ID = Checked(lambda value: _whole(value) and value > 0, "a whole number above 0")
_FIELDS: Mapping[str, Checked] = {
    "id": _ID,
    "project": _TEXT,
    "layer": _TEXT,
    "content": _TEXT,
    "occurred_at": _TEXT,
    "created_at": _TEXT,
    "session_id": _TEXT,
    "tags": Checked(
        lambda value: isinstance(value, list) and all(isinstance(tag, str) for tag in value), "a list of texts"
    ),
    "importance": Checked(_number, "a number from 0 to 1"),
    "details": Checked(lambda value: isinstance(value, dict), "an object"),
    "relations": Checked(
        lambda value: (
            isinstance(value, list)
            and all(isinstance(row, dict) and all(isinstance(part, str) for part in row.values()) for row in value)
        ),
        "a list of objects with subject, relation and object",
    ),
    "key": _TEXT,
    "about": _ID,
    "superseded_by": _ID,
    "superseded_at": _TEXT,
}


@contextmanager
def open_source(path: Path) -> Iterator[Source]:
    """A file to read lines from, unpacked when its name ends in `.gz`.

    Raises TransferError if it cannot be read, or is a backup.
    """
    try:
        raw = path.open("rb")
    except OSError as error:
        raise TransferError(f"Cannot read {path}: {error.strerror or error}.") from error
    with raw:
        if raw.peek(len(_DUMP)).startswith(_DUMP):  # whatever it is called
            raise _is_backup(str(path))
        yield Source(raw, compressed=path.suffix == ".gz", name=str(path))


class Source:
    """Lines of a binary stream, with how far into it the reading is."""

    def __init__(self, raw: IO[bytes], *, compressed: bool = False, name: str = "the input") -> None:
        self._raw = raw
        self._stream: IO[bytes] | gzip.GzipFile = gzip.GzipFile(fileobj=raw) if compressed else raw
        self._name = name
        self._first: bytes | None = None

    @property
    def position(self) -> int:
        """Bytes of the file taken so far; compressed ones if it is compressed. 0 for what has no position."""
        try:
            return self._raw.tell()
        except (OSError, ValueError):
            return 0

    def mark(self) -> str:
        """What tells this file from others: a digest of its first line, which of an export has the moment in it.

        Raises TransferError when the stream is broken, or is a backup.
        """
        return hashlib.sha256(self._first_line()).hexdigest()

    def records(self, default_project: str) -> Iterator[MemoryRecord | BadLine]:
        """A record or a complaint for each line that is not blank and not the header.

        Memories that name no project get `default_project`. Raises TransferError when the stream itself is broken.
        """
        first, exported = True, False
        for number, raw in enumerate(self._lines(), start=1):
            if not raw.strip():
                continue
            parsed = parse_line(raw, number, default_project, may_be_header=first)
            exported = exported or (first and parsed is None)
            first = False
            if isinstance(parsed, MemoryRecord):
                yield replace(parsed, exported=True) if exported else parsed
            elif parsed is not None:
                yield parsed

    def _first_line(self) -> bytes:
        if self._first is None:
            # The marker that some Windows programs put before UTF-8.
            self._first = self._read_line().removeprefix(b"\xef\xbb\xbf")
            if self._first.startswith(_DUMP):
                raise _is_backup(self._name)
        return self._first

    def _lines(self) -> Iterator[bytes]:
        line = self._first_line()
        while line:
            yield line
            while len(line) >= MAX_LINE_BYTES and not line.endswith(b"\n"):
                line = self._read_line()
            line = self._read_line()

    def _read_line(self) -> bytes:
        try:
            return self._stream.readline(MAX_LINE_BYTES)
        except (OSError, EOFError, zlib.error) as error:
            raise TransferError(f"Cannot read {self._name} to its end: {error}.") from error


def _is_backup(name: str) -> TransferError:
    return TransferError(
        f"{name} is a backup of a whole store, not lines of memories. `athena-mcp restore FILE` brings it back."
    )


def parse_line(
    raw: bytes, number: int, default_project: str, *, may_be_header: bool = False
) -> MemoryRecord | BadLine | None:
    """One line as a record, as a complaint, or, for a header, as None.

    Only what JSON can say is judged here (fields and their types); the memory itself judges the values.
    """
    if len(raw) >= MAX_LINE_BYTES:
        return BadLine(number, f"longer than {MAX_LINE_BYTES // (1024 * 1024)} MiB, which no memory is")
    try:
        row = json.loads(raw)
    except UnicodeDecodeError:
        return BadLine(number, "not UTF-8 text")
    except (json.JSONDecodeError, RecursionError, ValueError) as error:
        reason = error.msg if isinstance(error, json.JSONDecodeError) else "too deep or too large"
        return BadLine(number, f"not JSON: {reason}")
    if not isinstance(row, dict):
        return BadLine(number, 'not an object such as {"content": "…"}')
    if "athena_export" in row:
        return _check_header(row, number, may_be_header)
    row = {name: value for name, value in row.items() if value is not None}
    for name, value in row.items():
        field = _FIELDS.get(name)
        if field is None:
            return BadLine(number, f"{_shown(name)}: no such field{_nearest(name)}")
        if not field.accepts(value):
            return BadLine(number, f"{name}: must be {field.meaning}")
    if "content" not in row:
        return BadLine(number, "content: missing")
    return MemoryRecord(**{"project": default_project, **row, "line": number})


def _check_header(row: Mapping[str, Any], number: int, may_be_header: bool) -> BadLine | None:
    if not may_be_header:
        return BadLine(number, "athena_export: a second header; import the files one after the other")
    if row["athena_export"] != FORMAT_VERSION:
        raise TransferError(
            f"The file has export format {_shown(row['athena_export'])}, this Athena reads {FORMAT_VERSION}; "
            "import it with the version that wrote it, or a newer one."
        )
    return None


def _nearest(name: str) -> str:
    near = difflib.get_close_matches(name, _FIELDS, n=1)
    return f"; did you mean {near[0]}?" if near else f"; there are {', '.join(_FIELDS)}"


def _shown(value: object) -> str:
    text = ascii(value)[1:-1] if isinstance(value, str) else ascii(value)
    # What no field is named like may be a secret in the wrong place.
    return text if len(text) <= SHOWN_CHARS else text[:SHOWN_CHARS] + "…"
