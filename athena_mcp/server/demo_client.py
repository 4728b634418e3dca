"""A small MCP client for `athena-mcp demo`: starts the real server as a host would, and calls its tools."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mcp import Client, MCPError, StdioServerParameters
from mcp.client.stdio import stdio_client
from mcp.types import TextContent

import athena_mcp
from athena_mcp.errors import AthenaError

_CALL_TIMEOUT_S = 45.0
"""The first call waits for a database that is being made: more than the server itself would wait."""
_LOG_TAIL_CHARS = 600


class DemoFailed(AthenaError):
    """The server under demonstration did not answer as it should; the message holds the end of its log."""


@dataclass(frozen=True, slots=True)
class DemoServer:
    """How to start the server: where its data and log go, and the project it works in."""

    data_dir: Path
    log: Path
    project: str


class DemoClient:
    """A connected client."""

    def __init__(self, client: Client) -> None:
        self._client = client

    async def call(self, tool: str, **arguments: Any) -> dict[str, Any]:
        """What the tool answers, as JSON. Raises DemoFailed when it refuses."""
        result = await self._client.call_tool(tool, arguments, read_timeout_seconds=_CALL_TIMEOUT_S)
        if result.is_error or not isinstance(result.structured_content, dict):
            said = " ".join(part.text for part in result.content if isinstance(part, TextContent))
            raise DemoFailed(f"The server refused {tool}: {said}")
        return result.structured_content


@asynccontextmanager
async def connected(server: DemoServer) -> AsyncIterator[DemoClient]:
    """Start the server as a process of its own, talk to it over its standard input and output, and let it end."""
    parameters = StdioServerParameters(
        command=sys.executable,
        args=["-m", "athena_mcp", "serve", "--data-dir", str(server.data_dir), "--project", server.project],
        # From here the package is found even when it was never installed.
        cwd=Path(athena_mcp.__file__).parents[1],
    )
    with server.log.open("a", encoding="utf-8") as log:
        try:
            async with Client(stdio_client(parameters, errlog=log)) as client:
                yield DemoClient(client)
        except MCPError as error:
            log.flush()
            tail = server.log.read_text(encoding="utf-8", errors="replace")[-_LOG_TAIL_CHARS:].strip()
            raise DemoFailed(f"The server broke off: {error}." + (f" Its log ends: {tail}" if tail else "")) from error
