"""Two servers on one data folder, both writing and reading at once, over stdio, as two agents would."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import pytest
from mcp import Client, StdioServerParameters
from mcp.client.stdio import stdio_client

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(240)]

MEMORIES = 500
SHARED = 25
IN_FLIGHT = 16


class Agent:
    """One agent's connection to a server of its own."""

    def __init__(self, client: Client) -> None:
        self._client = client

    async def call(self, tool: str, **arguments: Any) -> dict[str, Any]:
        """The structured answer of a tool; an error answer fails the test."""
        result = await self._client.call_tool(tool, arguments)
        assert not result.is_error, result.content
        assert isinstance(result.structured_content, dict)
        return result.structured_content


@asynccontextmanager
async def agent(data_dir: Path) -> AsyncIterator[Agent]:
    parameters = StdioServerParameters(
        command=sys.executable,
        args=["-m", "athena_mcp", "--data-dir", str(data_dir), "--project", "two/agents"],
    )
    async with Client(stdio_client(parameters)) as client:
        yield Agent(client)


async def test_two_servers_lose_nothing_double_nothing_and_see_each_other_at_once(tmp_path: Path) -> None:
    """Each stores 500 memories, 25 of them the same as the other's, while it recalls what the other has just stored."""
    receipts: dict[str, list[dict[str, Any]]] = {"one": [], "two": []}
    missed: list[str] = []

    async def work(name: str, own: Agent, other: Agent) -> None:
        numbers = iter(range(MEMORIES))

        async def worker() -> None:
            for number in numbers:
                text = (
                    f"Both agents noted: shared fact number {number} holds."
                    if number < SHARED
                    else f"Agent {name} noted that service svc{name}{number} answers on port {10_000 + number}."
                )
                receipts[name].append(await own.call("remember", content=text, layer="semantic"))
                if number >= SHARED and number % 20 == 0:
                    found = await other.call("recall", query=f"port of svc{name}{number}", k=3)
                    if text not in [row["content"] for row in found["memories"]]:
                        missed.append(text)

        async with anyio.create_task_group() as tasks:
            for _ in range(IN_FLIGHT):
                tasks.start_soon(worker)

    with anyio.fail_after(200):
        async with agent(tmp_path) as one, agent(tmp_path) as two:
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(work, "one", one, two)
                tasks.start_soon(work, "two", two, one)
            store = (await one.call("stats", section="store"))["store"]
    stored = [row["id"] for rows in receipts.values() for row in rows if row["status"] == "stored"]
    duplicates = [row["id"] for rows in receipts.values() for row in rows if row["status"] == "duplicate"]
    assert missed == []
    assert len(stored) == len(set(stored)) == 2 * MEMORIES - SHARED
    assert len(duplicates) == SHARED
    assert set(duplicates) <= set(stored)
    assert store["memories"] == 2 * MEMORIES - SHARED
