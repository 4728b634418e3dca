"""Those who ask a cache, the work they have it do, and the clock and the task group it runs on."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Hashable
from contextlib import asynccontextmanager
from typing import Any

import anyio
import anyio.abc
import anyio.lowlevel

from athena_mcp.recall.cache import Fresh, Lookup, RecallCache

KEY = ("which port", 1)


class Clock:
    def __init__(self) -> None:
        self.now_s = 1000.0

    def __call__(self) -> float:
        return self.now_s


@asynccontextmanager
async def owned() -> AsyncIterator[anyio.abc.TaskGroup]:
    """A task group as the server's: cancelled at the end, and by nothing before."""
    whole = False
    async with anyio.create_task_group() as group:
        yield group
        whole = not group.cancel_scope.cancel_called
        group.cancel_scope.cancel()
    # Out here, since a group that is taken down leaves out the rest of its block without a word.
    assert whole, "something took the server's task group down"


class Work:
    """A computation that waits to be let go on, and notes what became of each of its runs."""

    def __init__(self, fresh: Fresh[str] | BaseException | None = None) -> None:
        self.fresh = Fresh("8443", keep=True) if fresh is None else fresh
        self.runs = 0
        self.cancelled = 0
        self.started = anyio.Event()
        self.go_on = anyio.Event()

    async def __call__(self) -> Fresh[str]:
        self.runs += 1
        self.started.set()
        try:
            await self.go_on.wait()
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        if isinstance(self.fresh, BaseException):
            raise self.fresh
        return self.fresh


class Callers:
    """Those who fetch one key, each in a scope of its own, and what each of them got."""

    def __init__(self, cache: RecallCache[str], work: Work, server: anyio.abc.TaskGroup | None) -> None:
        self._cache = cache
        self._work = work
        self._server = server
        self.scopes: list[anyio.CancelScope] = []
        self.got: dict[int, Lookup[str] | Exception] = {}

    async def ask(self, number: int) -> None:
        with self.scopes[number]:
            try:
                self.got[number] = await self._cache.fetch(KEY, self._work, self._server)
            except Exception as error:  # noqa: BLE001  # each caller's own outcome
                self.got[number] = error

    async def come(self, count: int, group: anyio.abc.TaskGroup) -> None:
        """Let `count` more ask, and wait until all of them wait."""
        for _ in range(count):
            self.scopes.append(anyio.CancelScope())
            group.start_soon(self.ask, len(self.scopes) - 1)
            await anyio.wait_all_tasks_blocked()


async def keep(cache: RecallCache[str], key: Hashable, value: str = "", ttl_s: float | None = None) -> None:
    """Have `value` computed, which the cache must not have had."""
    assert not (await fetch(cache, key, value, ttl_s)).hit


async def fetch(cache: RecallCache[str], key: Hashable, value: str = "", ttl_s: float | None = None) -> Lookup[str]:
    async def compute() -> Fresh[str]:
        await anyio.lowlevel.checkpoint()
        return Fresh(value or str(key), keep=True, ttl_s=ttl_s)

    return await cache.fetch(key, compute)


async def is_kept(cache: RecallCache[str], key: Hashable) -> bool:
    """Whether `key` has an answer, without leaving one."""

    async def compute() -> Fresh[str]:
        await anyio.lowlevel.checkpoint()
        return Fresh("", keep=False)

    return (await cache.fetch(key, compute)).hit


def counts(cache: RecallCache[str], *names: str) -> dict[str, Any]:
    statistics = cache.get_statistics()
    return {name: statistics[name] for name in names}
