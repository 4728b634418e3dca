"""A server process spoken to line by line."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

ENVELOPE = {
    "io.modelcontextprotocol/protocolVersion": "2026-07-28",
    "io.modelcontextprotocol/clientCapabilities": {},
}
INITIALIZE = {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "test", "version": "1"}}
TIMEOUT_S = 20.0


class Process:
    """One server; killed when it does not end in time."""

    def __init__(self, *arguments: str) -> None:
        self.popen = subprocess.Popen(
            [sys.executable, "-m", "tests.server.launcher", *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        # A server that hangs makes its pipes end instead of making the test hang.
        self._guard = threading.Timer(TIMEOUT_S, self.popen.kill)
        self._guard.start()
        self._next_id = 0

    def write(self, line: str) -> None:
        assert self.popen.stdin is not None
        self.popen.stdin.write(line.encode() + b"\n")
        self.popen.stdin.flush()

    def send(self, method: str, params: dict[str, Any] | None = None) -> int:
        """Send a request; its id."""
        self._next_id += 1
        message = {"jsonrpc": "2.0", "id": self._next_id, "method": method, "params": params or {}}
        self.write(json.dumps(message))
        return self._next_id

    def read(self) -> dict[str, Any]:
        """The next message that is no notification."""
        assert self.popen.stdout is not None
        while line := self.popen.stdout.readline():
            message: dict[str, Any] = json.loads(line)
            if "id" in message:
                return message
        raise AssertionError(f"no answer; stderr: {self.errors()}")

    def ask(self, method: str, params: dict[str, Any] | None = None) -> dict[str, Any]:
        """Send a request and read its answer."""
        number = self.send(method, params)
        answer = self.read()
        assert answer["id"] == number
        return answer

    def initialize(self) -> dict[str, Any]:
        """The older era's handshake; its answer."""
        answer = self.ask("initialize", INITIALIZE)
        self.write('{"jsonrpc":"2.0","method":"notifications/initialized"}')
        return answer

    def wait_for_error_line(self, text: str) -> None:
        """Read stderr up to a line with `text`."""
        assert self.popen.stderr is not None
        while line := self.popen.stderr.readline():
            if text in line.decode():
                return
        raise AssertionError(f"stderr ended without {text!r}")

    def errors(self) -> str:
        """The rest of stderr."""
        assert self.popen.stderr is not None
        return self.popen.stderr.read().decode()

    def close(self) -> None:
        self._guard.cancel()
        if self.popen.poll() is None:
            self.popen.kill()
        for stream in (self.popen.stdin, self.popen.stdout, self.popen.stderr):
            assert stream is not None
            with suppress(BrokenPipeError):
                stream.close()
        self.popen.wait()


@contextmanager
def process(*arguments: str) -> Iterator[Process]:
    """A running server."""
    running = Process(*arguments)
    try:
        yield running
    finally:
        running.close()
