"""The example configuration, launched as a host launches it."""

from __future__ import annotations

import json
import os
import shutil
import stat
import sys
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


@pytest.fixture
def path(tmp_path: Path) -> str:
    """A PATH on which `athena-mcp` is found, installed or not."""
    scripts = Path(sys.executable).parent
    if shutil.which("athena-mcp", path=str(scripts)) is None:
        if sys.platform == "win32":
            pytest.skip("athena-mcp is not installed")
        scripts = tmp_path / "bin"
        scripts.mkdir()
        script = scripts / "athena-mcp"
        script.write_text(f'#!/bin/sh\nPYTHONPATH="{ROOT}" exec "{sys.executable}" -m athena_mcp "$@"\n')
        script.chmod(script.stat().st_mode | stat.S_IXUSR)
    return os.pathsep.join([str(scripts), os.environ["PATH"]])


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
