"""One agent: server after server, each of which writes and recalls for a while and then leaves, or is killed."""

from __future__ import annotations

import os
import random
import signal
import sys
from collections import Counter
from dataclasses import dataclass, field

import anyio
import psutil

from athena_mcp.bench.crash.ledger import Call, Ledger
from athena_mcp.bench.failure import BenchFailed
from athena_mcp.server.stdio_client import StdioClient, StdioServer, connected

CALLERS = 2
ENDS = ("leaves", "leaves", "is interrupted", "is killed")
SHARED = 50
"""Texts that all agents store, each of which must be one memory."""
REPEATS = 40
REPEAT_S = 0.1


@dataclass(slots=True)
class Seen:
    """What the agents of one run have seen."""

    ended: Counter[str] = field(default_factory=Counter)
    shared: dict[int, set[int]] = field(default_factory=dict)
    """The ids that were given for each shared text."""
    recalls: int = 0
    missed: int = 0
    """Recalls that did not find what the same agent had just stored."""
    refusals: list[str] = field(default_factory=list)


class Agent:
    """An agent with its receipts."""

    def __init__(self, name: str, server: StdioServer, seen: Seen, draw: random.Random) -> None:
        self.ledger = Ledger(name)
        self._server = server
        self._seen = seen
        self._draw = draw

    async def live(self, lives: int, calls: int) -> None:
        """Start so many servers one after the other; each answers about so many calls of each caller."""
        for _ in range(lives):
            await anyio.sleep(self._draw.uniform(0, 0.5))
            async with connected(self._server) as client:
                pid = (await client.call("stats", section="server"))["server"]["pid"]
                await self._repeat_unsure(client)
                await self._life(client, pid, self._draw.choice(ENDS), self._draw.randint(calls // 2, calls))
        if self.ledger.unsure:
            async with connected(self._server) as client:
                await self._repeat_unsure(client)

    async def _life(self, client: StdioClient, pid: int, end: str, calls: int) -> None:
        over = anyio.Event()
        async with anyio.create_task_group() as tasks:
            for _ in range(CALLERS):
                tasks.start_soon(self._call, client, calls, over)
            if end != "leaves":
                # In the middle of the calls, as far as that can be arranged.
                await anyio.sleep(self._draw.uniform(0.05, 1.0))
                over.set()
                _end(pid, end)
        self._seen.ended[end] += 1

    async def _call(self, client: StdioClient, calls: int, over: anyio.Event) -> None:
        for _ in range(calls):
            if over.is_set():
                return
            if self._draw.random() < 0.15:
                await self._store_shared(client)
                continue
            call = self.ledger.draw(self._draw)
            attempt = await client.attempt(call.tool, **call.arguments)
            if attempt.answer is None:
                self.ledger.unsure.append(call)
                if attempt.refusal is None:
                    return
                self._refused(attempt.refusal)
                continue
            self.ledger.answered(call, attempt.answer)
            if call.tool == "remember" and self._draw.random() < 0.5:
                await self._recall(client, call)

    async def _recall(self, client: StdioClient, call: Call) -> None:
        content = call.arguments["content"]
        attempt = await client.attempt("recall", query=content, k=10, use_cache=False)
        if attempt.answer is None:
            if attempt.refusal is not None:
                self._refused(attempt.refusal)
            return
        self._seen.recalls += 1
        if content not in [row["content"] for row in attempt.answer["memories"]]:
            live = [entry for entry in self.ledger.entries.values() if entry.content == content]
            # The other caller may have replaced or forgotten it meanwhile.
            busy = {call.arguments.get("id", call.arguments.get("replaces")) for call in self.ledger.unsure}
            self._seen.missed += any(entry.state == "live" and entry.id not in busy for entry in live)

    async def _store_shared(self, client: StdioClient) -> None:
        number = self._draw.randrange(SHARED)
        text = f"All agents know that shared fact number {number} holds."
        attempt = await client.attempt("remember", content=text, layer="semantic")
        if attempt.answer is not None:
            self._seen.shared.setdefault(number, set()).add(attempt.answer["id"])

    async def _repeat_unsure(self, client: StdioClient) -> None:
        for call in list(self.ledger.unsure):
            for _ in range(REPEATS):
                attempt = await client.attempt(call.tool, **call.arguments)
                if attempt.answer is not None:
                    self.ledger.answered(call, attempt.answer)
                    break
                if call.tool == "forget" and attempt.refusal is not None and "is not a memory" in attempt.refusal:
                    self.ledger.refused_forget(call)
                    break
                await anyio.sleep(REPEAT_S)
            else:
                raise BenchFailed(f"A repeated call was not accepted: {attempt.refusal}")
        self.ledger.unsure.clear()

    def _refused(self, refusal: str) -> None:
        if len(self._seen.refusals) < 100:
            self._seen.refusals.append(refusal)


def _end(pid: int, end: str) -> None:
    """Interrupt the server's process group, as Ctrl-C in its terminal would, or kill the server."""
    try:
        if end == "is killed":
            psutil.Process(pid).kill()
        elif sys.platform == "win32":
            psutil.Process(pid).terminate()
        else:
            os.killpg(os.getpgid(pid), signal.SIGINT)
    except (psutil.NoSuchProcess, ProcessLookupError):
        return
