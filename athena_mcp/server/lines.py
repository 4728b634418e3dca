"""The two ends of the pipe: which descriptors carry the protocol, and how lines get in and out of them.

Our own rather than the SDK's transport for three reasons: its reader cannot be woken, so a signal would leave the
process hanging; it cannot tell when an answer has really been written, which the exit depends on; and it drops lines
that it cannot parse without an answer.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from dataclasses import dataclass

_CHUNK_BYTES = 65_536
MAX_LINE_BYTES = 16 * 2**20
"""The longest line that is read. The largest call that the contract allows takes less than half of it, even with every
character written as an escape; whoever sends more must not be able to fill our memory."""
EDGE_BYTES = 4_096
"""How much of the beginning and the end of a longer line is kept, to find out whom to tell."""


@dataclass(frozen=True, slots=True)
class Wire:
    """The descriptors of the protocol."""

    read_fd: int
    write_fd: int


@dataclass(frozen=True, slots=True)
class Overlong:
    """A line of more than `MAX_LINE_BYTES`, of which only the two ends were kept."""

    head: bytes
    tail: bytes


def claim_wire() -> Wire | None:
    """Take stdin and stdout for the protocol alone; None when either was closed before we started.

    From then on descriptor 0 reads nothing and descriptor 1 is stderr, so that neither a stray print nor a child
    process can touch the protocol.
    """
    # A closed descriptor may have been given to a file in the meantime; only Python's own view of the start is sure.
    if sys.stdin is None or sys.stdout is None:
        return None
    try:
        wire = Wire(_duplicate(0), _duplicate(1))
    except OSError:
        return None
    if sys.platform != "win32":
        # Whoever made the pipe may have left its flags on our end.
        os.set_blocking(wire.read_fd, True)
        os.set_blocking(wire.write_fd, True)
    _divert(0, os.open(os.devnull, os.O_RDONLY))
    try:
        elsewhere = os.dup(2)
    except OSError:  # stderr is closed
        elsewhere = os.open(os.devnull, os.O_WRONLY)
    _divert(1, elsewhere)
    return wire


def read_lines(
    fd: int,
    deliver: Callable[[bytes | Overlong], None],
    *,
    chunk_bytes: int = _CHUNK_BYTES,
    max_line_bytes: int = MAX_LINE_BYTES,
) -> None:
    """Hand every line of `fd` to `deliver`, without its end, until the input ends. Blocks; meant for a thread.

    Never holds more than `max_line_bytes` and a chunk: of a longer line only its ends are kept.
    """
    pending = _Pending(max_line_bytes)
    while True:
        try:
            chunk = os.read(fd, chunk_bytes)
        except OSError:  # the other end is gone in a way that is no end of file
            chunk = b""
        if not chunk:
            break
        *ends, rest = chunk.split(b"\n")
        for end in ends:
            pending.add(end)
            deliver(pending.take())
        pending.add(rest)
    if pending.size:
        deliver(pending.take())


class _Pending:
    """What has come of a line that has not ended yet."""

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        # Not a list of pieces: whoever sends single bytes would make each of them cost thirty.
        self._kept = bytearray()
        self._head = b""
        self.size = 0

    def add(self, piece: bytes) -> None:
        self.size += len(piece)
        self._kept += piece
        if self.size > self._max_bytes:
            self._head = self._head or bytes(self._kept[:EDGE_BYTES])
            del self._kept[:-EDGE_BYTES]

    def take(self) -> bytes | Overlong:
        kept = bytes(self._kept)
        line = Overlong(self._head, kept) if self._head else kept
        self._kept, self._head, self.size = bytearray(), b"", 0
        return line


def write_at_once(fd: int, data: bytes) -> memoryview:
    """Write what the reader has room for, without ever blocking, and return the rest; OSError as in `write_all`."""
    rest = memoryview(data)
    if sys.platform == "win32":  # there is no asking beforehand
        return rest
    import select

    room = select.poll()
    room.register(fd, select.POLLOUT)
    # What is ready for writing takes this much without blocking (POSIX, "poll" and "write" of pipes).
    while rest and any(event == select.POLLOUT for _, event in room.poll(0)):
        rest = rest[os.write(fd, rest[: select.PIPE_BUF]) :]
    return rest


def write_all(fd: int, data: bytes | memoryview) -> None:
    """Write all of `data`. Blocks while the reader does not read; raises OSError when there is no reader any more."""
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(fd, rest) :]


def _duplicate(fd: int) -> int:
    """A private copy that no child inherits and that cannot land on a standard descriptor."""
    if sys.platform == "win32":
        return os.dup(fd)
    import fcntl

    return fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, 3)


def _divert(fd: int, target_fd: int) -> None:
    os.dup2(target_fd, fd)
    if target_fd != fd:
        os.close(target_fd)
