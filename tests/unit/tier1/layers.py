"""Layers that answer, fail, hang, or wait to be let go on; the executor of them, and what it says of them."""

from __future__ import annotations

from collections import Counter
from typing import Any

import anyio
import anyio.lowlevel

from athena_mcp.recall.parallel_tier1 import ParallelTier1Executor
from athena_mcp.recall.query_method import Context, QueryMethod
from tests.random_recalls import LAYERS

Executor = ParallelTier1Executor[str]
Method = QueryMethod[str]


def answering(name: str) -> Method:
    async def method(query: str, context: Context | None, k: int) -> list[str]:
        await anyio.lowlevel.checkpoint()
        return [f"{name} {number}" for number in range(k)]

    return method


async def one_row(query: str, context: Context | None, k: int) -> list[str]:
    await anyio.lowlevel.checkpoint()
    return ["row"]


def raising(error: Exception) -> Method:
    async def method(query: str, context: Context | None, k: int) -> list[str]:
        await anyio.lowlevel.checkpoint()
        raise error

    return method


async def hanging(query: str, context: Context | None, k: int) -> list[str]:
    await anyio.sleep_forever()
    raise AssertionError


def five(**others: Method) -> dict[str, Method]:
    return {name: others.get(name) or answering(name) for name in LAYERS}


def statuses(answer: Any) -> dict[str, str]:
    return {name: outcome.status for name, outcome in answer.outcomes.items()}


def status_counts(answer: Any) -> Counter[str]:
    return Counter(outcome.status for outcome in answer.outcomes.values())


class Crowd:
    """Layers that are all in the middle of their work at once, and know how many they are."""

    def __init__(self, expected: int) -> None:
        self.expected = expected
        self.inside = 0
        self.most = 0
        self.complete = anyio.Event()

    async def layer(self, query: str, context: Context | None, k: int) -> list[str]:
        self.inside += 1
        self.most = max(self.most, self.inside)
        if self.inside == self.expected:
            self.complete.set()
        await self.complete.wait()
        self.inside -= 1
        return ["row"]


class Gate:
    """Layers that stay in the middle of their work until they are let out, and know how many they are."""

    def __init__(self) -> None:
        self.inside = 0
        self.most = 0
        self.open = anyio.Event()

    async def layer(self, query: str, context: Context | None, k: int) -> list[str]:
        self.inside += 1
        self.most = max(self.most, self.inside)
        try:
            await self.open.wait()
        finally:
            self.inside -= 1
        return ["row"]


def counting(inside: Counter[str]) -> Method:
    async def method(query: str, context: Context | None, k: int) -> list[str]:
        inside["now"] += 1
        inside["most"] = max(inside["most"], inside["now"])
        for _ in range(5):
            await anyio.lowlevel.checkpoint()
        inside["now"] -= 1
        return []

    return method


async def most_at_once(executor: Executor, inside: Counter[str], **call: Any) -> int:
    inside.clear()
    await executor.execute_tier_1_parallel("q", layers=LAYERS, **call)
    return inside["most"]
