"""A server process spoken to line by line: no client library whose own start and work would be measured too."""

from __future__ import annotations

import json
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any

from athena_mcp.bench.failure import BenchFailed
from athena_mcp.bench.timing import elapsed_ms
from athena_mcp.server.stdio_client import Launch

ANSWER_S = 60.0
"""After so long without an answer the server is killed."""
EMBEDDER_S = 30.0
END_S = 10.0
"""How long a server may take to end once its input has."""
_LOG_TAIL_CHARS = 600
_INITIALIZE = {
    "protocolVersion": "2025-11-25",
    "capabilities": {},
    "clientInfo": {"name": "athena-mcp bench", "version": "1"},
}


class ToolRefused(BenchFailed):
    """A tool answered with an error; the server lives on."""


class Wire:
    """A started server; made by `started`, used by one thread."""

    def __init__(self, process: subprocess.Popen[bytes], log: Path) -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        self.pid = process.pid
        self.asked_at: float | None = None
        """Since when an answer is owed, by `time.monotonic`."""
        self._stdin: IO[bytes] = process.stdin
        self._stdout: IO[bytes] = process.stdout
        self._log = log
        self._last_id = 0
        self._announced = False

    def initialize(self) -> None:
        """The handshake, up to the server's answer to `initialize`."""
        answer = self._answer_to(self._ask("initialize", _INITIALIZE))
        if "result" not in answer:
            raise BenchFailed(f"The server answered initialize with an error: {answer.get('error')}")

    def call(self, tool: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """What a tool answers. Raises ToolRefused when it refuses, BenchFailed when the server broke off."""
        return self._content(tool, self._answer_to(self._call(tool, arguments)))

    def call_together(self, tool: str, calls: Sequence[Mapping[str, Any]]) -> list[float]:
        """Send all calls before the first answer is read; the milliseconds from each call to its answer."""
        sent = {self._call(tool, arguments): time.perf_counter() for arguments in calls}
        took_ms = []
        while sent:
            message = self._read()
            began = sent.pop(message.get("id", 0), None)
            if began is not None:
                took_ms.append(elapsed_ms(began))
                self._content(tool, message)
        return took_ms

    def wait_for_embedder(self) -> None:
        """Until the server's embedder is up. Raises BenchFailed when that takes too long."""
        deadline = time.monotonic() + EMBEDDER_S
        while not self.call("stats", {"section": "embedder"})["embedder"]["ready"]:
            if time.monotonic() > deadline:
                raise BenchFailed("The server's embedder did not come up; run `athena-mcp doctor`.")
            # The event happens in another process.
            time.sleep(0.05)

    def _call(self, tool: str, arguments: Mapping[str, Any]) -> int:
        if not self._announced:
            self._send({"method": "notifications/initialized"})
            self._announced = True
        return self._ask("tools/call", {"name": tool, "arguments": dict(arguments)})

    def _ask(self, method: str, params: Mapping[str, Any]) -> int:
        self._last_id += 1
        self._send({"id": self._last_id, "method": method, "params": params})
        return self._last_id

    def _answer_to(self, id: int) -> dict[str, Any]:
        while (message := self._read()).get("id") != id:
            pass
        return message

    def _read(self) -> dict[str, Any]:
        self.asked_at = time.monotonic()
        line = self._stdout.readline()
        self.asked_at = None
        if line:
            message: dict[str, Any] = json.loads(line)
            return message
        tail = self._log.read_text(encoding="utf-8", errors="replace")[-_LOG_TAIL_CHARS:].strip()
        raise BenchFailed("The server ended without an answer." + (f" Its log ends: {tail}" if tail else ""))

    @staticmethod
    def _content(tool: str, message: Mapping[str, Any]) -> dict[str, Any]:
        result = message.get("result")
        if result is None:
            raise BenchFailed(f"The server answered {tool} with an error: {message.get('error')}")
        content = result.get("structuredContent")
        if result.get("isError") or not isinstance(content, dict):
            raise ToolRefused(f"The server refused {tool}: {json.dumps(result.get('content'))[:_LOG_TAIL_CHARS]}")
        return content

    def _send(self, message: Mapping[str, Any]) -> None:
        with suppress(BrokenPipeError):  # the read that follows tells of it
            self._stdin.write(json.dumps({"jsonrpc": "2.0", **message}).encode() + b"\n")
            self._stdin.flush()


@contextmanager
def started(launch: Launch, log: Path) -> Iterator[Wire]:
    """Start a server and end it with the block, as a host does: its input ends, and it goes; or it is killed."""
    with log.open("ab") as errors:
        process = subprocess.Popen(
            launch.command,
            cwd=launch.cwd,
            env=launch.environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
        )
        wire = Wire(process, log)
        over = threading.Event()
        # A server that hangs makes the pipe end, instead of making the benchmark hang.
        guard = threading.Thread(target=_guard, args=(process, wire, over), daemon=True)
        guard.start()
        try:
            yield wire
        finally:
            over.set()
            assert process.stdin is not None
            assert process.stdout is not None
            with suppress(BrokenPipeError):
                process.stdin.close()
            try:
                process.wait(END_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            process.stdout.close()
            guard.join()


def _guard(process: subprocess.Popen[bytes], wire: Wire, over: threading.Event) -> None:
    """Kill a server that owes an answer for too long."""
    while not over.wait(1.0):
        asked_at = wire.asked_at
        if asked_at is not None and time.monotonic() - asked_at > ANSWER_S:
            process.kill()
            return
