"""A small application behind the MCP face: a dictionary instead of a database, and switches for what can go wrong."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import anyio

from athena_mcp.config import Settings
from athena_mcp.errors import InvalidArgument
from athena_mcp.model import DueTask, Hit, Layer, LayerOutcome, Memory, ProspectiveDetails, RecallResult
from athena_mcp.receipt import Forgotten, Receipt

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
SETTINGS = Settings(data_dir=Path("unused"), project="owner/name")


class Counter:
    """Statistics with nothing but a revision."""

    def __init__(self) -> None:
        self.revision = 0
        self._changed = anyio.Event()

    def touch(self) -> None:
        self.revision += 1
        self._changed.set()
        self._changed = anyio.Event()

    async def wait_for_change(self, since: int) -> int:
        while self.revision <= since:
            await self._changed.wait()
        return self.revision


@dataclass
class Switches:
    """What a test can make of the application, and what it can see of it."""

    raises: Exception | None = None
    """Raised by every operation."""
    database_up: anyio.Event | None = None
    """When given, the manager is there only once it is set."""
    manager_raises: Exception | None = None
    recall_gate: anyio.Event | None = None
    """When given, a recall waits for it."""
    recalling: anyio.Event = field(default_factory=anyio.Event)
    """Set when a recall is under way."""
    calls: list[str] = field(default_factory=list)
    begun: anyio.Event = field(default_factory=anyio.Event)
    closed: bool = False
    answer_text: str | None = None
    """Content of the memory that a recall answers with."""


class DoubleManager:
    def __init__(self, switches: Switches, statistics: Counter) -> None:
        self._switches = switches
        self._statistics = statistics
        self.memories: dict[int, Memory] = {}

    def _enter(self, name: str) -> None:
        self._switches.calls.append(name)
        if self._switches.raises is not None:
            raise self._switches.raises

    async def remember(
        self,
        content: str,
        *,
        layer: str | None = None,
        tags: Sequence[str] = (),
        importance: float = 0.5,
        occurred_at: str | None = None,
        session_id: str | None = None,
        project: str | None = None,
        details: Mapping[str, Any] | None = None,
        relations: Sequence[Mapping[str, str]] = (),
        replaces: int | None = None,
        about: int | None = None,
        key: str | None = None,
    ) -> Receipt:
        self._enter("remember")
        if not content.strip():
            raise InvalidArgument("content", "is empty")
        memory = Memory(
            id=len(self.memories) + 1,
            project=project or "owner/name",
            layer=Layer(layer or "semantic"),
            content=content,
            created_at=NOW,
            tags=tuple(tags),
            importance=importance,
            key=key,
            about=about,
        )
        self.memories[memory.id] = memory
        if replaces is not None:
            self.memories[replaces] = replace(self.memories[replaces], superseded_by=memory.id, superseded_at=NOW)
        self._statistics.touch()
        return Receipt(
            id=memory.id,
            layer=memory.layer,
            status="stored",
            project=memory.project,
            layer_reason="a statement",
            supersedes=(replaces,) if replaces else (),
            updated={"status": "completed"} if about else None,
            near_duplicates=(3,),
            redactions={"aws-key": 1},
        )

    async def recall(
        self,
        query: str,
        context: Mapping[str, Any] | None = None,
        k: int = 5,
        cascade_depth: int | None = None,
        include_scores: bool = True,
        explain_reasoning: bool = False,
        use_cache: bool = True,
        auto_select_depth: bool = True,
        use_parallel: bool = True,
        *,
        layers: Sequence[str] | None = None,
        project: str | None = None,
        since: str | None = None,
        until: str | None = None,
        tags: Sequence[str] = (),
    ) -> RecallResult:
        self._enter("recall")
        if not 1 <= k <= 50:
            raise InvalidArgument("k", "must be 1 to 50")
        if self._switches.recall_gate is not None:
            self._switches.recalling.set()
            await self._switches.recall_gate.wait()
        self._statistics.touch()
        found = Memory(
            id=7,
            project="owner/name",
            layer=Layer.SEMANTIC,
            content=self._switches.answer_text or f"k={k} about {query}",
            created_at=NOW,
            occurred_at=NOW,
            tags=("a",),
        )
        task = replace(found, id=8, layer=Layer.PROSPECTIVE, details=ProspectiveDetails())
        return RecallResult(
            memories=(Hit(found, score=1.0, confidence=0.75),),
            due=(DueTask(task, because="branch main"),),
            layers={layer: LayerOutcome("ok", 1, 1.25) for layer in Layer},
            project="owner/name",
            scope_with=("global",),
            cascade_depth=1,
            elapsed_ms=2.5,
            degraded=("vector: embedder warming",),
            confidence=0.75,
            explanation={"layers": list(layers or ())} if explain_reasoning else None,
        )

    async def forget(self, id: int, *, project: str | None = None) -> Forgotten:
        self._enter("forget")
        if self.memories.pop(id, None) is None:
            raise InvalidArgument("id", f"there is no memory {id}")
        self._statistics.touch()
        return Forgotten((id,), relations_removed=2)

    async def get(self, id: int, *, project: str | None = None) -> Memory:
        self._enter("get")
        if id not in self.memories:
            raise InvalidArgument("id", f"there is no memory {id}")
        return self.memories[id]

    async def stats(self, section: str | None = None) -> dict[str, Any]:
        self._enter("stats")
        return {"recall": {"count": self._statistics.revision}}


class DoubleApp:
    def __init__(self, settings: Settings, switches: Switches, statistics: Counter) -> None:
        self.settings = settings
        self.statistics = statistics
        self._switches = switches
        self._manager = DoubleManager(switches, self.statistics)

    def begin(self) -> None:
        self._switches.begun.set()

    async def manager(self, timeout_s: float | None = None) -> DoubleManager:
        self.begin()
        if self._switches.manager_raises is not None:
            raise self._switches.manager_raises
        if self._switches.database_up is not None:
            await self._switches.database_up.wait()
        return self._manager


class Opener:
    """`open_app` for one test: opens applications that share the switches and the counters."""

    def __init__(self, switches: Switches | None = None, statistics: Counter | None = None) -> None:
        self.switches = switches or Switches()
        self.statistics = statistics or Counter()

    @asynccontextmanager
    async def __call__(self, settings: Settings) -> AsyncIterator[DoubleApp]:
        try:
            yield DoubleApp(settings, self.switches, self.statistics)
        finally:
            self.switches.closed = True
