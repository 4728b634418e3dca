"""The README, done from top to bottom as a reader would: every block but the two set-up lines is run.

`sh` blocks run in a repository of a new user and must do well. A `text` block right after one shows what it prints:
each of its lines must be in the output, whatever the numbers in it; `…` stands for anything. `python` blocks run.
A `json` block is a host's configuration, which is launched, or a tool call, which is made, or the answer to the call
before it, which must have the same fields and, but for times, sessions and confidences, the same values.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import anyio
import pytest
from mcp import Client, StdioServerParameters
from mcp.client.stdio import stdio_client

from athena_mcp.model import Layer
from tests.acceptance.command import ROOT
from tests.acceptance.markdown import Block, blocks_of

README = ROOT / "README.md"
BLOCKS = blocks_of(README)
SET_UP_LINES = (
    "python3 -m venv .venv && .venv/bin/pip install -e . && .venv/bin/athena-mcp demo\n",
    "python3 -m venv .venv && .venv/bin/pip install -e '.[test]' && .venv/bin/pytest\n",
)
VOLATILE = frozenset({"created_at", "session_id", "elapsed_ms", "confidence", "cascade_depth"})
"""Of the moment: another run, or another calibration, has other values here."""
WARM_S = 30.0

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(240)]


@dataclass(slots=True)
class Reader:
    """Somebody who does what the README says, in a repository of their own."""

    home: Path
    environment: Mapping[str, str]
    printed: str | None = None
    """What the shell block just run has printed; None when the last block was no shell block."""
    answer: Any = None
    """What the tool just called has answered."""
    done: list[str] = field(default_factory=list)

    async def do(self, block: Block) -> None:
        """Follow one block."""
        printed, self.printed = self.printed, None
        match block.language:
            case "sh":
                self.printed = self.run(["sh", "-euc", block.text], block)
            case "python":
                self.run([sys.executable, "-W", "error", "-c", block.text], block)
            case "text" if printed is not None:
                compare_output(block, printed)
            case "text":
                assert all(layer.value in block.text for layer in Layer), f"{block} is neither output nor the picture"
            case "json":
                await self.do_json(block, json.loads(block.text))
            case _:
                raise AssertionError(f"{block} is of a kind that nothing runs")
        self.done.append(block.language)

    def run(self, command: list[str], block: Block) -> str:
        """What a command prints, on either stream."""
        done = subprocess.run(
            command,
            cwd=self.home,
            env=dict(self.environment),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=120,
            check=False,
        )
        output = done.stdout.decode()
        assert done.returncode == 0, f"{block} failed:\n{output}"
        return output

    async def do_json(self, block: Block, value: Any) -> None:
        """Launch a configuration, make a call, or compare an answer."""
        if "mcpServers" in value:
            example = json.loads((ROOT / "claude_desktop_config.example.json").read_text(encoding="utf-8"))
            assert value == example, f"{block} is not the example file"
            for server in value["mcpServers"].values():
                async with self.connected(server) as client:
                    assert {tool.name for tool in (await client.list_tools()).tools} >= {"recall", "remember"}
        elif set(value) == {"name", "arguments"}:
            async with self.connected({"command": "athena-mcp", "args": [], "env": {}}) as client:
                await warm(client)
                result = await client.call_tool(value["name"], value["arguments"])
            assert not result.is_error, f"{block}: {result.content}"
            self.answer = result.structured_content
        else:
            assert stable(value) == stable(self.answer), f"{block} is not what the call is answered"

    def connected(self, server: Mapping[str, Any]) -> Client:
        """A client of a server that is started as a host would start it."""
        command = shutil.which(server["command"], path=self.environment["PATH"])
        assert command is not None
        parameters = StdioServerParameters(
            command=command, args=server["args"], env={**self.environment, **server["env"]}, cwd=self.home
        )
        return Client(stdio_client(parameters))


async def warm(client: Client) -> None:
    """Wait until the server's embedder is loaded: the README shows a server that has been running for a while."""
    with anyio.fail_after(WARM_S):
        while True:
            stats = (await client.call_tool("stats", {"section": "embedder"})).structured_content
            assert stats is not None
            if stats["embedder"].get("ready"):
                return
            await anyio.sleep(0.05)  # the server announces no such thing


def stable(value: Any) -> Any:
    """A JSON value with what differs from run to run reduced to its type."""
    if isinstance(value, dict):
        return {
            name: type(part).__name__ if name in VOLATILE else stable(part)
            for name, part in value.items()
            # The time of a layer that was not asked is no measurement.
            if not (name == "elapsed_ms" and value.get("status") == "skipped")
        }
    return [stable(part) for part in value] if isinstance(value, list) else value


def compare_output(block: Block, printed: str) -> None:
    """Every line of a sample is printed, in order, whatever its numbers."""
    lines = iter(printed.splitlines())
    for sample in block.text.splitlines():
        if sample.strip() in ("…", ""):
            continue
        pattern = re.compile(".*".join(re.sub(r"\d+", r"\\d+", re.escape(part)) for part in sample.split("…")))
        assert any(pattern.fullmatch(line) for line in lines), f"{block}: not printed in its place: {sample!r}"


@pytest.fixture
def reader(path: str, tmp_path: Path) -> Reader:
    """A reader in a clone of acme/shop with one commit in it, and no setting made."""
    if sys.platform == "win32":
        pytest.skip("the blocks are for a POSIX shell")
    home = tmp_path / "shop"
    home.mkdir()
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("ATHENA_", "GIT_"))}
    environment = {
        **kept,
        "PATH": path,
        "ATHENA_DATA_DIR": str(tmp_path / "data"),
        # For `python` blocks when the package is not installed.
        "PYTHONPATH": str(ROOT),
        "HOME": str(tmp_path),
    }
    (home / "pool.py").write_text("SIZE = 8\n", encoding="utf-8")
    identity = ("-c", "user.name=Ada", "-c", "user.email=ada@shop.example")
    for command in (
        ("init", "--quiet"),
        ("remote", "add", "origin", "https://git.example/acme/shop.git"),
        ("add", "."),
        (*identity, "commit", "--quiet", "--message", "Cap the connection pool at eight"),
    ):
        subprocess.run(["git", *command], cwd=home, env=environment, check=True, stdin=subprocess.DEVNULL)
    return Reader(home, environment)


async def test_every_block_of_the_readme_does_what_it_says(reader: Reader) -> None:
    for block in BLOCKS:
        if not block.set_up:
            await reader.do(block)
    # A README that lost its blocks would pass otherwise.
    assert {"sh", "json", "python", "text"} <= set(reader.done)


def test_the_two_set_up_lines_are_there_and_nothing_else_goes_unrun() -> None:
    assert tuple(block.text for block in BLOCKS if block.set_up) == SET_UP_LINES
    fences = [line for line in README.read_text(encoding="utf-8").splitlines() if line.lstrip().startswith("```")]
    assert len(fences) == 2 * len(BLOCKS), "a fence that the tests do not see"
