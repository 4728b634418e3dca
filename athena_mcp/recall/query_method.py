"""How a layer is asked: a coroutine function on the loop, or a plain function in one of anyio's worker threads."""

from __future__ import annotations

import functools
import inspect
import math
import threading
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextvars import ContextVar
from typing import Any, Generic, TypeVar, cast

import anyio.to_thread

from athena_mcp.errors import AthenaError

T = TypeVar("T")

Context = Mapping[str, Any]
QueryMethod = Callable[[str, Context | None, int], Sequence[T] | Awaitable[Sequence[T]]]
"""(query, context, k) -> rows, now or awaited. The context is the caller's own and must not be changed."""

MAX_STRAGGLERS = 32
"""Abandoned threads at which no more plain functions are started: below anyio's limit of 40 threads for everybody."""

LAYER_DUE: ContextVar[float] = ContextVar("athena_layer_due", default=math.inf)
"""When the layer that is being asked has to have answered, on `time.monotonic`, which is the event loop's clock too."""


def time_left_s() -> float:
    """The seconds that the layer being asked still has, in a coroutine or in a thread; infinite outside of a layer."""
    return LAYER_DUE.get() - time.monotonic()


class LayerBusy(AthenaError):
    """Too many earlier queries still sit in their threads, long after their deadlines."""


class Stragglers:
    """Work that was given up and could not be stopped: how much there was, and how much of it still runs."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.abandoned = 0
        self.running = 0

    def abandon(self, count: int = 1) -> None:
        """Count work that goes on although nobody waits for it."""
        with self._lock:
            self.abandoned += count
            self.running += count

    def ended(self) -> None:
        """Count one abandoned piece of work as over."""
        with self._lock:
            self.running -= 1

    def reset(self) -> None:
        """Forget what was abandoned; what still runs, runs."""
        with self._lock:
            self.abandoned = 0


class LayerQuery(Generic[T]):
    """One layer's query method behind one awaitable face."""

    __slots__ = ("_is_async", "_method", "_stragglers")

    def __init__(self, method: QueryMethod[T], stragglers: Stragglers) -> None:
        self._method = method
        self._is_async = _is_coroutine_function(method)
        self._stragglers = stragglers

    async def ask(self, query: str, context: Context | None, k: int) -> Sequence[T]:
        """The layer's rows. Cancelled while a plain function runs, it leaves that one behind as a straggler."""
        if self._is_async:
            return await cast("Awaitable[Sequence[T]]", self._method(query, context, k))
        if self._stragglers.running >= MAX_STRAGGLERS:
            raise LayerBusy(f"{MAX_STRAGGLERS} earlier queries have not come back from their threads")
        run = _ThreadRun(functools.partial(self._method, query, context, k), self._stragglers)
        try:
            answer = await anyio.to_thread.run_sync(run, abandon_on_cancel=True)
        finally:
            run.leave()
        return await answer if inspect.isawaitable(answer) else answer


class _ThreadRun(Generic[T]):
    """One call of a plain function, which its thread and the loop may each be the first to leave."""

    __slots__ = ("_call", "_left", "_lock", "_running", "_stragglers")

    def __init__(self, call: Callable[[], Sequence[T] | Awaitable[Sequence[T]]], stragglers: Stragglers) -> None:
        self._call = call
        self._stragglers = stragglers
        self._lock = threading.Lock()
        self._running = False
        self._left = False

    def __call__(self) -> Sequence[T] | Awaitable[Sequence[T]]:
        """Run in the worker thread."""
        with self._lock:
            if self._left:  # given up before the thread came to it
                return ()
            self._running = True
        answer: Sequence[T] | Awaitable[Sequence[T]] = ()
        try:
            answer = self._call()
            return answer
        finally:
            with self._lock:
                self._running = False
                abandoned = self._left
            if abandoned:
                self._stragglers.ended()
                if inspect.iscoroutine(answer):
                    answer.close()

    def leave(self) -> None:
        """Stop waiting for it, on the loop; whether it has ended or not."""
        with self._lock:
            self._left = True
            if self._running:
                # Counted before the lock is let go, so that its end cannot be counted first.
                self._stragglers.abandon()


def _is_coroutine_function(method: object) -> bool:
    """Also for bound methods, partials and objects with an `async def __call__`; what it misses costs a thread."""
    return inspect.iscoroutinefunction(method) or inspect.iscoroutinefunction(getattr(method, "__call__", None))  # noqa: B004
