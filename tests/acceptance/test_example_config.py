"""The example configuration, launched as a host launches it."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import anyio
import pytest
from mcp import Client, StdioServerParameters
from mcp.client.stdio import stdio_client

from tests.acceptance.command import ROOT

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


async def test_the_example_configuration_starts_a_server_that_remembers(path: str, tmp_path: Path) -> None:
    example = json.loads((ROOT / "claude_desktop_config.example.json").read_text(encoding="utf-8"))
    server = example["mcpServers"]["athena"]
    parameters = StdioServerParameters(
        command=shutil.which(server["command"], path=path) or server["command"],
        args=server["args"],
        env={**server["env"], "PATH": path, "ATHENA_DATA_DIR": str(tmp_path / "data")},
        cwd=tmp_path,
    )
    with anyio.fail_after(60):
        async with Client(stdio_client(parameters)) as client:
            assert {tool.name for tool in (await client.list_tools()).tools} >= {
                "recall",
                "remember",
                "forget",
                "stats",
            }
            stored = await client.call_tool("remember", {"content": "Staging listens on port 8443."})
            assert not stored.is_error
            found = await client.call_tool("recall", {"query": "staging port"})
            assert found.structured_content is not None
            assert found.structured_content["memories"][0]["content"] == "Staging listens on port 8443."
