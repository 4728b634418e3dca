"""What is measured: the memory behind its manager, or behind MCP over stdio, as one face."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import anyio

from athena_mcp.bench.progress import Advance
from athena_mcp.bench.quality.case import CaseMemory
from athena_mcp.manager import MemoryManager
from athena_mcp.remember.record import MemoryRecord
from athena_mcp.server.stdio_client import StdioClient

BATCH = 200
"""Memories in one load."""
IN_FLIGHT = 8
"""How many are remembered at once over stdio."""


@dataclass(frozen=True, slots=True)
class Stored:
    """What is in the store: for each stored memory the case's ids that it stands for, and how many each layer has."""

    ids: Mapping[int, frozenset[str]]
    layers: Mapping[str, int]

    @property
    def duplicates(self) -> int:
        """How many memories were the same as another one."""
        return sum(len(ids) - 1 for ids in self.ids.values())


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer: the stored ids, best first, the layers asked, the depth reached and what was missing."""

    ids: tuple[int, ...]
    asked: frozenset[str]
    depth: int
    degraded: tuple[str, ...]


class Subject(Protocol):
    """A memory to be filled and asked."""

    async def store(self, memories: Sequence[CaseMemory], project: str, advance: Advance) -> Stored:
        """Store all memories; they can be recalled when it returns."""
        ...

    async def ask(self, query: str, project: str, k: int, arguments: Mapping[str, Any]) -> Answer:
        """Recall without the cache."""
        ...

    async def discard(self, project: str) -> None:
        """Forget all that was stored in a project."""
        ...


class ManagerSubject:
    """The memory in this process: memories are loaded in batches, which chooses layers as `remember` does."""

    def __init__(self, manager: MemoryManager) -> None:
        self._manager = manager

    async def store(self, memories: Sequence[CaseMemory], project: str, advance: Advance) -> Stored:
        """Load all memories."""
        names: defaultdict[int, set[str]] = defaultdict(set)
        # The number of a memory in the case is its id in the file, so that the report tells where each of them went.
        for start in range(0, len(memories), BATCH):
            batch = memories[start : start + BATCH]
            report = await self._manager.load(
                [_record(row, project, number) for number, row in enumerate(batch, start + 1)]
            )
            for number, row in enumerate(batch, start + 1):
                names[report.ids[number]].add(row.id)
            advance(len(batch))
        layers = Counter([memory.layer.value async for memory in self._manager.export(project=project)])
        return Stored(_frozen(names), layers)

    async def ask(self, query: str, project: str, k: int, arguments: Mapping[str, Any]) -> Answer:
        """Recall without the cache."""
        result = await self._manager.recall(query, k=k, project=project, use_cache=False, **arguments)
        return Answer(
            tuple(hit.memory.id for hit in result.memories),
            frozenset(layer.value for layer, row in result.layers.items() if row.status != "skipped"),
            result.cascade_depth,
            result.degraded,
        )

    async def discard(self, project: str) -> None:
        """Forget all that was stored in a project."""
        for id in [memory.id async for memory in self._manager.export(project=project)]:
            await self._manager.forget(id, project=project)


class StdioSubject:
    """The memory behind the tools of a server process: one `remember` a memory, as an agent does it."""

    def __init__(self, client: StdioClient) -> None:
        self._client = client
        self._stored: defaultdict[str, set[int]] = defaultdict(set)

    async def store(self, memories: Sequence[CaseMemory], project: str, advance: Advance) -> Stored:
        """Remember all memories, several at once."""
        names: defaultdict[int, set[str]] = defaultdict(set)
        layer_of: dict[int, str] = {}
        left = iter(memories)

        async def work() -> None:
            for row in left:
                receipt = await self._client.call("remember", **_arguments(row, project))
                self._stored[project].add(receipt["id"])
                names[receipt["id"]].add(row.id)
                layer_of[receipt["id"]] = receipt["layer"]
                advance(1)

        await self._client.wait_for_embedder()
        async with anyio.create_task_group() as tasks:
            for _ in range(IN_FLIGHT):
                tasks.start_soon(work)
        return Stored(_frozen(names), Counter(layer_of.values()))

    async def ask(self, query: str, project: str, k: int, arguments: Mapping[str, Any]) -> Answer:
        """Recall without the cache."""
        found = await self._client.call("recall", query=query, k=k, project=project, use_cache=False, **arguments)
        return Answer(
            tuple(row["id"] for row in found["memories"]),
            frozenset(layer for layer, row in found["layers"].items() if row["status"] != "skipped"),
            found["cascade_depth"],
            tuple(found["degraded"]),
        )

    async def discard(self, project: str) -> None:
        """Forget all that was stored in a project."""
        for id in self._stored.pop(project, ()):
            await self._client.call("forget", id=id, project=project)


def _record(row: CaseMemory, project: str, number: int) -> MemoryRecord:
    return MemoryRecord(
        content=row.text,
        project=project,
        layer=row.layer,
        tags=tuple(row.tags),
        occurred_at=row.at,
        session_id=row.session,
        details=row.details,
        relations=tuple(row.relations),
        id=number,
        line=number,
    )


def _arguments(row: CaseMemory, project: str) -> dict[str, Any]:
    optional = {
        "occurred_at": row.at,
        "session_id": row.session,
        "layer": row.layer,
        "tags": list(row.tags) or None,
        "details": None if row.details is None else dict(row.details),
        "relations": [dict(edge) for edge in row.relations] or None,
    }
    given = {name: value for name, value in optional.items() if value is not None}
    return {"content": row.text, "project": project, **given}


def _frozen(names: Mapping[int, Iterable[str]]) -> dict[int, frozenset[str]]:
    return {id: frozenset(found) for id, found in names.items()}
