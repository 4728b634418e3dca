"""One server process that is sent lines, paced so that no more than a burst is unanswered."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import IO

import psutil

from athena_mcp.bench.fuzz.account import Account, Balance
from athena_mcp.bench.fuzz.expected import Answer, Id, expected
from athena_mcp.server.stdio_client import Launch

BURST = 200
ANSWER_S = 60.0
"""A request that is not answered by then counts as unanswered."""
END_S = 15.0
SAMPLE_S = 0.1
HALF_A_LINE = b'{"jsonrpc":"2.0","id":1,"meth'
ENDS = ("end of input", "half a line", "output closed", "SIGTERM", "closed in a burst")
LAST_LINES: Mapping[str, tuple[bytes, ...]] = {
    "half a line": (HALF_A_LINE,),
    "output closed": tuple(b'{"jsonrpc":"2.0","id":"last%d","method":"ping"}' % n for n in range(2)),
    "closed in a burst": tuple(b'{"jsonrpc":"2.0","id":"last%d","method":"tools/list"}' % n for n in range(BURST)),
}
"""What is sent when everything is answered, before the end."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one connection."""

    balance: Balance
    ended_by: str
    exit_code: int | None
    """None when it had to be killed."""
    peak_bytes: int
    """The most resident memory that was seen."""
    answer_s: float

    @property
    def crashed(self) -> bool:
        """Whether the server ended otherwise than it should: by itself, with an error, or not at all."""
        return self.exit_code != 0


def converse(
    launch: Launch, log: Path, lines: Iterable[tuple[bytes, Id | None]], *, end: str, seed: int, max_line_bytes: int
) -> Outcome:
    """Start a server, send it `lines` in bursts, wait for what is due, and end it in the way that `end` names."""
    with log.open("ab") as errors:
        process = subprocess.Popen(
            launch.command,
            cwd=launch.cwd,
            env=launch.environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
        )
    assert process.stdin is not None
    assert process.stdout is not None
    account = Account()
    closing = threading.Event()
    reader = threading.Thread(target=_read, args=(process.stdout, account, closing), daemon=True)
    reader.start()
    memory = _PeakMemory(process.pid)
    memory.start()
    started = time.monotonic()
    random = Random(seed)  # noqa: S311  to be repeated, not to be kept secret
    try:
        pending: list[bytes] = []
        size = 0
        for line, given in lines:
            due = expected(line, max_bytes=max_line_bytes, id=given)
            account.sent(line, due)
            pending.append(line + b"\n")
            size += len(line)
            # Many lines in one write, one line in many writes: a pipe promises neither.
            if len(pending) >= random.choice((1, 1, 5, 50, BURST)) or size > 2**20 or due.answer is Answer.EITHER:
                process.stdin.write(b"".join(pending))
                process.stdin.flush()
                pending, size = [], 0
                if not account.wait_until_at_most(BURST, ANSWER_S):
                    break
        process.stdin.write(b"".join(pending))
        process.stdin.flush()
        account.wait_until_at_most(0, ANSWER_S)
    except BrokenPipeError:
        pass  # it has ended by itself, which its exit code and what is unanswered tell
    answer_s = time.monotonic() - started
    memory.stop()
    balance = account.close(abrupt=False)
    for line in LAST_LINES.get(end, ()):
        account.sent(line, expected(line, max_bytes=max_line_bytes))
    if end in ("output closed", "closed in a burst"):
        closing.set()
    code = _end(process, process.stdin, end)
    reader.join(END_S)
    after = account.close(abrupt=True)
    late = Balance(
        surplus=after.surplus - balance.surplus,
        stray_bytes=after.stray_bytes - balance.stray_bytes,
        examples=after.examples[len(balance.examples) :],
    )
    return Outcome(balance.plus(late), end, code, memory.peak_bytes, answer_s)


def _end(process: subprocess.Popen[bytes], stdin: IO[bytes], end: str) -> int | None:
    """End the server and return its exit code; None when it has to be killed."""
    with suppress(BrokenPipeError):
        for line in LAST_LINES.get(end, ()):
            stdin.write(line if line is HALF_A_LINE else line + b"\n")
        stdin.flush()
    if end == "SIGTERM" and sys.platform != "win32":
        process.send_signal(signal.SIGTERM)
    elif end not in ("output closed", "closed in a burst"):
        stdin.close()
    # Otherwise it has to notice by itself that nobody reads.
    try:
        code: int | None = process.wait(END_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        code = None
    with suppress(BrokenPipeError):
        stdin.close()
    return code


def _read(stdout: IO[bytes], account: Account, closing: threading.Event) -> None:
    """Take what comes, to the end; once `closing` is set, close at the next line, while the server goes on writing."""
    with stdout:
        for line in stdout:
            account.received(line)
            if closing.is_set():
                return


class _PeakMemory:
    """Looks at a process's resident memory ten times a second."""

    def __init__(self, pid: int) -> None:
        self._process = psutil.Process(pid)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self.peak_bytes = 0

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stop.set()
        self._thread.join()

    def _watch(self) -> None:
        while True:
            with suppress(psutil.Error):
                self.peak_bytes = max(self.peak_bytes, self._process.memory_info().rss)
            if self._stop.wait(SAMPLE_S):
                return
