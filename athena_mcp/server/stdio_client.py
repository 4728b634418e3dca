"""A small MCP client: starts the real server over stdio as a host would, and calls its tools.

`athena-mcp demo` and the benchmarks use it.
"""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import anyio
from mcp import Client, MCPError, StdioServerParameters
from mcp.client.stdio import get_default_environment, stdio_client
from mcp.types import TextContent

import athena_mcp
from athena_mcp.errors import AthenaError

_CALL_TIMEOUT_S = 45.0
"""The first call waits for a database that is being made: more than the server itself would wait."""
_EMBEDDER_WAIT_S = 30.0
_LOG_TAIL_CHARS = 600


class ServerFailed(AthenaError):
    """The server did not answer as it should; the message holds what it said, or the end of its log."""


@dataclass(frozen=True, slots=True)
class Launch:
    """How to start a process that serves over stdio."""

    command: tuple[str, ...]
    cwd: Path
    environment: dict[str, str] = field(repr=False)
    """All of it: what a host hands on, without this process's own settings."""


@dataclass(frozen=True, slots=True)
class StdioServer:
    """How to start the server: where its data and log go, the project it works in, and a database of one's own."""

    data_dir: Path
    log: Path
    project: str
    database_url: str | None = field(default=None, repr=False)

    def launch(self) -> Launch:
        """The process to start."""
        return Launch(
            (sys.executable, "-m", "athena_mcp", "serve", "--data-dir", str(self.data_dir), "--project", self.project),
            # From here the package is found even when it was never installed.
            Path(athena_mcp.__file__).parents[1],
            # Not on the command line, where every user of the machine could read the password.
            host_environment({"ATHENA_DATABASE_URL": self.database_url} if self.database_url else {}),
        )


@dataclass(frozen=True, slots=True)
class Attempt:
    """How a call ended that may fail: with an answer, with a refusal, or, the server being gone, with neither."""

    answer: dict[str, Any] | None = None
    refusal: str | None = None


class StdioClient:
    """A connected client."""

    def __init__(self, client: Client) -> None:
        self._client = client

    async def call(self, tool: str, **arguments: Any) -> dict[str, Any]:
        """What the tool answers, as JSON. Raises ServerFailed when it refuses."""
        result = await self._client.call_tool(tool, arguments, read_timeout_seconds=_CALL_TIMEOUT_S)
        if result.is_error or not isinstance(result.structured_content, dict):
            said = " ".join(part.text for part in result.content if isinstance(part, TextContent))
            raise ServerFailed(f"The server refused {tool}: {said}")
        return result.structured_content

    async def attempt(self, tool: str, **arguments: Any) -> Attempt:
        """Call a tool of a server that may be killed meanwhile."""
        try:
            return Attempt(answer=await self.call(tool, **arguments))
        except ServerFailed as error:
            return Attempt(refusal=str(error))
        except (MCPError, anyio.ClosedResourceError, anyio.BrokenResourceError):
            return Attempt()

    async def wait_for_embedder(self) -> None:
        """Until the server's embedder is up. Raises ServerFailed when that takes too long."""
        try:
            with anyio.fail_after(_EMBEDDER_WAIT_S):
                # Asked again and again, since the event happens in another process.
                while not (await self.call("stats", section="embedder"))["embedder"]["ready"]:  # noqa: ASYNC110
                    await anyio.sleep(0.05)
        except TimeoutError as error:
            raise ServerFailed("The server's embedder did not come up; run `athena-mcp doctor`.") from error


@asynccontextmanager
async def connected(server: StdioServer) -> AsyncIterator[StdioClient]:
    """Start the server as a process of its own, talk to it over its standard input and output, and let it end."""
    launch = server.launch()
    parameters = StdioServerParameters(
        command=launch.command[0], args=list(launch.command[1:]), env=launch.environment, cwd=launch.cwd
    )
    with server.log.open("a", encoding="utf-8") as log:
        try:
            async with Client(stdio_client(parameters, errlog=log)) as client:
                yield StdioClient(client)
        except MCPError as error:
            log.flush()
            tail = server.log.read_text(encoding="utf-8", errors="replace")[-_LOG_TAIL_CHARS:].strip()
            raise ServerFailed(
                f"The server broke off: {error}." + (f" Its log ends: {tail}" if tail else "")
            ) from error


def host_environment(more: dict[str, str]) -> dict[str, str]:
    """The environment that a host gives to a server: the little that the SDK hands on, and `more`."""
    return {**get_default_environment(), **more}
