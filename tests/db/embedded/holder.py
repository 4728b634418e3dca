"""A process that uses an embedded server, driven by its pipes; run as a program it is that process."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

import psutil

ROOT = Path(__file__).parents[3]


class Holder:
    """A child process with one `EmbeddedServer`. `begin` tells it to start the server, `started` waits for that."""

    def __init__(self, data_dir: Path, *, watch_interval_s: float = 1000.0, prefix: Sequence[str] = ()) -> None:
        self.process = subprocess.Popen(
            [*prefix, sys.executable, __file__, str(data_dir), str(watch_interval_s)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"},
            cwd=ROOT,
        )

    def begin(self) -> None:
        self._say("start")

    def started(self) -> dict[str, Any]:
        return self._hear()

    def start(self) -> dict[str, Any]:
        self.begin()
        return self.started()

    def stop(self) -> dict[str, Any]:
        self._say("stop")
        return self._hear()

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def rest_of_output(self) -> bytes:
        """Everything up to the end of its output, which comes when nobody holds the pipe any more."""
        assert self.process.stdout is not None
        return self.process.stdout.read()

    def __enter__(self) -> Holder:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if self.process.poll() is None:
            assert self.process.stdin is not None
            self.process.stdin.close()
            self.process.wait(20)
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe is not None:
                pipe.close()

    def _say(self, word: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(f"{word}\n".encode())
        self.process.stdin.flush()

    def _hear(self) -> dict[str, Any]:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line, f"the process ended with code {self.process.wait()}"
        heard: dict[str, Any] = json.loads(line)
        return heard


@dataclass(frozen=True, slots=True)
class Patience:
    """How long to look for something that another process is about to do."""

    timeout_s: float = 15.0

    def until(self, done: Callable[[], bool]) -> None:
        """Return when `done`; fail when it is never so. For what no pipe or lock announces."""
        deadline = time.monotonic() + self.timeout_s
        while not done():
            assert time.monotonic() < deadline, "it did not happen in time"
            time.sleep(0.005)  # other processes announce nothing


def gone(pid: int) -> bool:
    """Whether the process has ended, be it that nobody has collected its exit code yet."""
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def main() -> None:
    """Obey the words on standard input, answer each with a line of JSON, and leave at its end."""
    from athena_mcp.db.embedded import EmbeddedServer
    from athena_mcp.errors import EmbeddedServerError

    server = EmbeddedServer(Path(sys.argv[1]), watch_interval_s=float(sys.argv[2]))
    for line in sys.stdin:
        answer: dict[str, Any]
        try:
            if line.strip() == "start":
                address = server.start()
                answer = {"host": address.host, "conninfo": address.conninfo}
            else:
                answer = {"stopped": server.stop()}
        except EmbeddedServerError as error:
            answer = {"error": str(error)}
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()
    server.stop()


if __name__ == "__main__":
    main()
