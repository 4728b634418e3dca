"""Work that goes on beside other work of the same call, until that ends."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, Generic, TypeVar

import anyio
import anyio.abc
from anyio.lowlevel import checkpoint_if_cancelled

T = TypeVar("T")


class Running(Generic[T]):
    """A call that was begun, and what it came to once that is known."""

    def __init__(self) -> None:
        self._over = anyio.Event()
        self._values: list[T] = []
        self._error: BaseException | None = None

    @property
    def is_over(self) -> bool:
        """Whether it has returned, raised or been cancelled."""
        return self._over.is_set()

    async def value(self) -> T:
        """Wait for it. What it returned, or raises what it raised; RuntimeError when it was cancelled."""
        await self._over.wait()
        if self._error is not None:
            raise self._error
        if not self._values:
            await checkpoint_if_cancelled()  # most likely with its caller, who hears of it so
            raise RuntimeError("It was cancelled and came to nothing.")
        return self._values[0]

    async def run(self, call: Callable[[], Awaitable[T]]) -> None:
        """Make the call; what it raises is kept, unless it was cancelled."""
        try:
            self._values.append(await call())
        except anyio.get_cancelled_exc_class():
            raise
        except BaseException as error:  # noqa: BLE001  the border of a task: `value` raises it again
            self._error = error
        finally:
            self._over.set()


class SideWork:
    """Where calls are begun; made by `side_work`."""

    def __init__(self, group: anyio.abc.TaskGroup) -> None:
        self._group = group
        self._begun: list[Running[Any]] = []

    @property
    def running(self) -> bool:
        """Whether any call is not over yet."""
        return not all(running.is_over for running in self._begun)

    def begin(self, call: Callable[[], Awaitable[T]], name: str) -> Running[T]:
        """Begin a call; it first runs when the caller waits for something. `name` is for who looks at tasks."""
        running = Running[T]()
        self._begun.append(running)
        self._group.start_soon(running.run, call, name=name)
        return running


@asynccontextmanager
async def side_work() -> AsyncIterator[SideWork]:
    """A block beside which calls run. Its end cancels those that are not over.

    What the block raises comes out as it is, and not in a group as from a task group.
    """
    failure: BaseException | None = None
    async with anyio.create_task_group() as group:
        side = SideWork(group)
        try:
            yield side
        except BaseException as error:  # noqa: BLE001  the border of the group, which would wrap it
            failure = error
        # Cancelling has a cost of its own, and mostly all is over by now.
        if failure is not None or side.running:
            group.cancel_scope.cancel()
    if failure is not None:
        raise failure
