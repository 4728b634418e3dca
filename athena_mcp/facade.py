"""Athena for callers without an event loop: the manager's operations, synchronous, on a private long-lived loop."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import ExitStack
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TypeVar

from anyio.from_thread import BlockingPortal, start_blocking_portal

from athena_mcp.app import App, open_app
from athena_mcp.config import Settings, resolve_settings
from athena_mcp.errors import AthenaError
from athena_mcp.model import Memory, RecallResult
from athena_mcp.receipt import Forgotten, Receipt

if TYPE_CHECKING:
    from athena_mcp.manager import MemoryManager

T = TypeVar("T")


class Athena:
    """A context manager; its methods take the arguments of `MemoryManager`'s and may be called from any thread.

    ```python
    with Athena() as athena:
        athena.remember("The staging database listens on port 5433.")
        for hit in athena.recall("staging database port").memories:
            print(hit.memory.content)
    ```
    """

    def __init__(self, settings: Settings | None = None) -> None:
        self._settings = settings or resolve_settings()
        self._stack: ExitStack | None = None
        self._portal: BlockingPortal | None = None
        self._app: App | None = None

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            self._portal = stack.enter_context(start_blocking_portal("asyncio", _loop_options()))
            self._app = stack.enter_context(self._portal.wrap_async_context_manager(open_app(self._settings)))
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        stack, self._stack = self._stack, None
        if stack is not None:
            stack.__exit__(kind, error, trace)

    def remember(self, content: str, **arguments: Any) -> Receipt:
        """`MemoryManager.remember`."""
        return self._call(lambda manager: manager.remember(content, **arguments))

    def recall(self, query: str, *positional: Any, **arguments: Any) -> RecallResult:
        """`MemoryManager.recall`."""
        return self._call(lambda manager: manager.recall(query, *positional, **arguments))

    def forget(self, id: int, **arguments: Any) -> Forgotten:
        """`MemoryManager.forget`."""
        return self._call(lambda manager: manager.forget(id, **arguments))

    def get(self, id: int, **arguments: Any) -> Memory:
        """`MemoryManager.get`."""
        return self._call(lambda manager: manager.get(id, **arguments))

    def stats(self, section: str | None = None) -> dict[str, Any]:
        """`MemoryManager.stats`."""
        return self._call(lambda manager: manager.stats(section))

    def _call(self, operation: Callable[[MemoryManager], Awaitable[T]]) -> T:
        if self._stack is None or self._portal is None or self._app is None:
            raise AthenaError("Athena is not open; use it as a context manager: `with Athena() as athena: ...`")
        app = self._app

        async def run() -> T:
            return await operation(await app.manager())

        return self._portal.call(run)


def _loop_options() -> dict[str, Any]:
    import asyncio
    import sys

    # psycopg's async API refuses Windows' default loop.
    return {"loop_factory": asyncio.SelectorEventLoop} if sys.platform == "win32" else {}
