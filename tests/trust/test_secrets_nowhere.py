"""What was redacted is nowhere: not in the database's files, its log, our log, an export, a receipt or an error."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import anyio
import pytest
from mcp import Client, StdioServerParameters
from mcp.client.stdio import stdio_client
from mcp.types import TextContent

from tests.acceptance.command import Athena
from tests.trust.secret_examples import AWS_SECRET, BARE, BASE64, HEX, MIXED, PASSWORD, PLACED, WORD

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(110)]

CORES = [AWS_SECRET[:20], BASE64[:24], HEX[:20], MIXED[:13], PASSWORD, WORD, "sword" + "fish", "Q7ZXW3RTYUIOPA5S"]
"""Pieces that every secret is made of, and nothing else."""


class Agent:
    """A connection that keeps every word it is told."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self.told: list[str] = []

    async def call(self, tool: str, **arguments: Any) -> bool:
        """Whether the tool did it."""
        result = await self._client.call_tool(tool, arguments)
        self.told += [part.text for part in result.content if isinstance(part, TextContent)]
        return not result.is_error


def places_of(core: str, folder: Path) -> list[str]:
    """The files below a folder that hold a text, in any case."""
    wanted = core.encode()
    files = [path for path in folder.rglob("*") if path.is_file() and not path.is_symlink()]
    return [
        str(path.relative_to(folder))
        for path in files
        if wanted in (data := path.read_bytes()) or wanted.lower() in data.lower()
    ]


async def test_a_secret_is_nowhere_once_it_was_remembered(tmp_path: Path) -> None:
    data_dir = tmp_path / "data"
    log = tmp_path / "server.log"
    parameters = StdioServerParameters(
        command=sys.executable,
        args=["-m", "athena_mcp", "--data-dir", str(data_dir), "--project", "acme/shop", "--log-level", "DEBUG"],
    )
    texts = [*BARE.values(), *(frame.format(secret) for frame, secret in PLACED.values())]
    with log.open("w") as errors:
        async with Client(stdio_client(parameters, errlog=errors)) as client:
            agent = Agent(client)
            with anyio.fail_after(90):
                for number, text in enumerate(texts):
                    assert await agent.call("remember", content=f"Note {number}: {text}", layer="semantic")
                    if number % 5 == 0:
                        assert await agent.call("recall", query=f"Note {number} {text}", k=1)
                for number, text in enumerate(list(BARE.values())[::3]):
                    line = " ".join(text.split())
                    await agent.call(
                        "remember",
                        content=f"Event {number}.",
                        tags=[line[:64]] if len(line) <= 64 else [],
                        details={"files": [text], "kind": "event"},
                        relations=[{"subject": line[:200], "relation": "opens", "object": "the door"}],
                    )
                    await agent.call(
                        "remember", content=f"How {number}.", details={"steps": [text], "applies_when": text}
                    )
                    await agent.call("remember", content=f"Fact {number}.", details={"source": text})
                    trigger = {"on": "phrase", "value": text}
                    await agent.call("remember", content=f"Task {number}.", details={"triggers": [trigger]})
                    for name in ("key", "session_id", "project"):
                        assert not await agent.call("remember", content=f"Named {number}.", **{name: line[:200]})
                    for wrong in ({"layer": text}, {"details": {text: 1}}, {text: 1}, {"occurred_at": text}):
                        assert not await agent.call("remember", content=f"Wrong {number}.", **wrong)
    export = tmp_path / "export.jsonl"
    exported = Athena(data_dir)("export", str(export))
    assert exported.code == 0, exported.err
    kept = export.read_text(encoding="utf-8")
    assert kept.count("[redacted:") > len(texts)
    assert "Named" not in kept
    assert "Wrong" not in kept
    told = "\n".join(agent.told)
    assert "[redacted:" in told
    for core in CORES:
        assert core not in told
        assert places_of(core, tmp_path) == []
