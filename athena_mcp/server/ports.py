"""What the MCP face asks of the application: the part of `athena_mcp.app` and `athena_mcp.manager` that it uses."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any, Protocol

from athena_mcp.config import Settings
from athena_mcp.model import Memory, RecallResult
from athena_mcp.receipt import Forgotten, Receipt


class Manager(Protocol):
    """The memory itself. Every method raises InvalidArgument for input it cannot accept."""

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
        """Store one memory and return its receipt after the commit."""
        ...

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
        """Find what is relevant to a query."""
        ...

    async def forget(self, id: int, *, project: str | None = None) -> Forgotten:
        """Delete one memory for good."""
        ...

    async def get(self, id: int, *, project: str | None = None) -> Memory:
        """One memory, whole; InvalidArgument when there is none in scope."""
        ...

    async def stats(self, section: str | None = None) -> dict[str, Any]:
        """The statistics, or one section of them."""
        ...


class Statistics(Protocol):
    """Counters that say when they have moved on."""

    @property
    def revision(self) -> int:
        """Grows with every change."""
        ...

    async def wait_for_change(self, since: int) -> int:
        """Return the revision as soon as it is not `since` any more."""
        ...


class App(Protocol):
    """The running application."""

    @property
    def settings(self) -> Settings:
        """What it was opened with."""
        ...

    @property
    def statistics(self) -> Statistics:
        """This process's counters."""
        ...

    def begin(self) -> None:
        """Start bringing up the database and the embedder; once is enough, more does no harm."""
        ...

    async def manager(self, timeout_s: float | None = None) -> Manager:
        """The memory, once the database is up; DatabaseUnavailable when it is not in time."""
        ...


OpenApp = Callable[[Settings], AbstractAsyncContextManager[App]]
"""Opens the application; entering returns at once."""
