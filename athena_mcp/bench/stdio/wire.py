"""A server process spoken to line by line: no client library whose own start and work would be measured too."""

from __future__ import annotations

import json
import subprocess
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any

from athena_mcp.bench.failure import BenchFailed
from athena_mcp.server.stdio_client import Launch

ANSWER_S = 60.0
"""After so long without an answer the server is killed."""
END_S = 10.0
"""How long a server may take to end once its input has."""
_LOG_TAIL_CHARS = 600
_INITIALIZE = {
    "protocolVersion": "2025-11-25",
    "capabilities": {},
    "clientInfo": {"name": "athena-mcp bench", "version": "1"},
}


class Wire:
    """A started server; made by `started`."""

    def __init__(self, process: subprocess.Popen[bytes], stdin: IO[bytes], stdout: IO[bytes], log: Path) -> None:
        self.pid = process.pid
        self._stdin = stdin
        self._stdout = stdout
        self._log = log
        self._last_id = 0

    def initialize(self) -> None:
        """The handshake, up to the server's answer to `initialize`."""
        self._ask("initialize", _INITIALIZE)

    def call(self, tool: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """What a tool answers. Raises BenchFailed when it refuses."""
        self._send({"method": "notifications/initialized"})
        result = self._ask("tools/call", {"name": tool, "arguments": dict(arguments)})
        content = result.get("structuredContent")
        if result.get("isError") or not isinstance(content, dict):
            raise BenchFailed(f"The server refused {tool}: {json.dumps(result.get('content'))[:_LOG_TAIL_CHARS]}")
        return content

    def _ask(self, method: str, params: Mapping[str, Any]) -> dict[str, Any]:
        self._last_id += 1
        self._send({"id": self._last_id, "method": method, "params": params})
        while line := self._stdout.readline():
            message = json.loads(line)
            if message.get("id") == self._last_id:
                if "result" not in message:
                    raise BenchFailed(f"The server answered {method} with an error: {message.get('error')}")
                result: dict[str, Any] = message["result"]
                return result
        tail = self._log.read_text(encoding="utf-8", errors="replace")[-_LOG_TAIL_CHARS:].strip()
        raise BenchFailed("The server ended without an answer." + (f" Its log ends: {tail}" if tail else ""))

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
        assert process.stdin is not None
        assert process.stdout is not None
        # A server that hangs makes the pipe end, instead of making the benchmark hang.
        guard = threading.Timer(ANSWER_S, process.kill)
        guard.daemon = True
        guard.start()
        try:
            yield Wire(process, process.stdin, process.stdout, log)
        finally:
            guard.cancel()
            with suppress(BrokenPipeError):
                process.stdin.close()
            try:
                process.wait(END_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            process.stdout.close()
