"""Kills while a server remembers, replaces and forgets for several callers at once."""

from __future__ import annotations

import random
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import anyio

from athena_mcp.bench.crash.ledger import Call, Ledger
from athena_mcp.bench.crash.store import Account, CrashStore, disagreements
from athena_mcp.bench.crash.victims import Victim, strike
from athena_mcp.bench.failure import BenchFailed
from athena_mcp.bench.served.memory_use import child_serving
from athena_mcp.bench.timing import elapsed_ms
from athena_mcp.server.stdio_client import StdioClient, StdioServer, connected

CALLERS = 4
LONGEST_S = 0.4
"""A kill comes at a random moment up to so long after the callers have begun."""
RECOVER_S = 60.0
ANSWER_BOUND_S = 35.0
"""What a write may take at most: the server's own limit of 30 s for one, and some slack."""


@dataclass(slots=True)
class Remembered:
    """What the kills did."""

    account: Account = field(default_factory=Account)
    recover_ms: dict[Victim, list[float]] = field(default_factory=dict)
    kills: dict[Victim, int] = field(default_factory=dict)
    slowest_error_ms: float = 0.0


async def remember_through_kills(
    store: CrashStore,
    server: StdioServer,
    victims: Sequence[Victim],
    draw: random.Random,
    advance: Callable[[int], None],
) -> Remembered:
    """Kill each of `victims` in turn; after each, all that was acknowledged so far must be there."""
    run = _Run(store, draw)
    left = deque(victims)
    while left:
        async with connected(server) as client:
            await run.come_back(client)
            while left:
                victim = left.popleft()
                await run.one_kill(client, victim, server)
                if victim.ends_server:
                    break
                await run.come_back(client)
                advance(1)
        if run.struck_at is not None:
            async with connected(server) as client:
                await run.come_back(client)
            advance(1)
    return run.result


class _Run:
    """The ledger, and when the last kill was."""

    def __init__(self, store: CrashStore, draw: random.Random) -> None:
        self.result = Remembered()
        self.struck_at: float | None = None
        self._victim = Victim.SERVER
        self._store = store
        self._draw = draw
        self._ledger = Ledger("m")

    async def one_kill(self, client: StdioClient, victim: Victim, server: StdioServer) -> None:
        """Let the callers write, and kill in the middle."""
        over = anyio.Event()
        pid = child_serving(server.data_dir).pid
        async with anyio.create_task_group() as tasks:
            for _ in range(CALLERS):
                tasks.start_soon(self._write, client, over)
            await anyio.sleep(self._draw.uniform(0.01, LONGEST_S))
            self.struck_at, self._victim = time.perf_counter(), victim
            await anyio.to_thread.run_sync(strike, victim, pid, server.data_dir, self._draw)
            over.set()
        self.result.kills[victim] = self.result.kills.get(victim, 0) + 1

    async def _write(self, client: StdioClient, over: anyio.Event) -> None:
        while not over.is_set():
            call = self._ledger.draw(self._draw)
            began = time.perf_counter()
            attempt = await client.attempt(call.tool, **call.arguments)
            if attempt.answer is not None:
                self._ledger.answered(call, attempt.answer)
                continue
            self.result.slowest_error_ms = max(self.result.slowest_error_ms, elapsed_ms(began))
            self._ledger.unsure.append(call)
            if attempt.refusal is None:
                return

    async def come_back(self, client: StdioClient) -> None:
        """Wait until calls are answered again, repeat those that were not, and compare."""
        await self._first_answer(client)
        for call in list(self._ledger.unsure):
            await self._repeat(client, call)
        self._ledger.unsure.clear()
        self._ledger.receipts, receipts = 0, self._ledger.receipts
        account = self._ledger.compare(await self._store.rows())
        wrong = disagreements(await self._store.violations())
        self.result.account = self.result.account.plus(account).plus(wrong).plus(Account(acknowledged=receipts))

    async def _first_answer(self, client: StdioClient) -> None:
        probe = Call("remember", {"content": "The probe of the crash benchmark.", "layer": "semantic", "key": "probe"})
        with anyio.move_on_after(RECOVER_S):
            # Asked again and again, since it is another process that comes back.
            while (await client.attempt(probe.tool, **probe.arguments)).answer is None:  # noqa: ASYNC110
                await anyio.sleep(0.01)
            if self.struck_at is not None:
                self.result.recover_ms.setdefault(self._victim, []).append(elapsed_ms(self.struck_at))
                self.struck_at = None
            return
        raise BenchFailed(f"After a kill ({self._victim}) the server did not answer again within {RECOVER_S:.0f} s.")

    async def _repeat(self, client: StdioClient, call: Call) -> None:
        for _ in range(20):
            attempt = await client.attempt(call.tool, **call.arguments)
            if attempt.answer is not None:
                self._ledger.answered(call, attempt.answer)
                return
            if call.tool == "forget" and attempt.refusal is not None and "is not a memory" in attempt.refusal:
                self._ledger.refused_forget(call)
                return
            await anyio.sleep(0.05)
        raise BenchFailed(f"A call that was repeated after a kill was not accepted: {attempt.refusal}")
