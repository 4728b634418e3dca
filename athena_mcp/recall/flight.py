"""One computation for all who want its answer at the same time, owned by none of them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from types import TracebackType
from typing import Generic, TypeVar

import anyio
import anyio.lowlevel

from athena_mcp.errors import AthenaError

T = TypeVar("T")

CANCEL_GRACE_S = 1.5
"""How long a computation that nobody wants any more may take to clean up before the last one to leave goes without it:
what its layers have for that, and less than the two seconds in which the server has to be gone."""


class ComputationStopped(AthenaError):
    """A computation ended in a cancellation that nobody had asked for."""


@dataclass(frozen=True, slots=True)
class Landed(Generic[T]):
    """The answer of a computation; a value of its own, since the answer may be None."""

    value: T


class Flight(Generic[T]):
    """A computation that is to `run` on a task group, and those who `join` it. All on one event loop.

    It has no deadline but its own, and sees the context variables of whoever started it. It goes on while somebody
    waits, and is cancelled when the last one is. `on_end` is called once, as soon as it can no longer be joined.
    """

    __slots__ = ("_compute", "_done", "_failure", "_landed", "_on_end", "_open", "_scope", "_trace", "_waiters")

    def __init__(self, compute: Callable[[], Awaitable[T]], on_end: Callable[[Flight[T]], None]) -> None:
        self._compute = compute
        self._on_end = on_end
        self._open = True
        self._waiters = 0
        self._scope = anyio.CancelScope()
        self._done = anyio.Event()
        self._landed: Landed[T] | None = None
        self._failure: Exception | None = None
        self._trace: TracebackType | None = None

    async def run(self) -> None:
        """Compute, once. What it raises goes to those who wait; only the group's own cancellation goes on."""
        try:
            with self._scope:
                self._landed = Landed(await self._compute())
        except asyncio.CancelledError as error:
            # A task that ends cancelled makes anyio cancel its whole group, here the server's. So the cancellation
            # goes on only if it is the group's own.
            await anyio.lowlevel.checkpoint_if_cancelled()
            self._fail(ComputationStopped("The recall was stopped by a cancellation of its own; try again."), error)
        except Exception as error:  # noqa: BLE001  # border: a failure is the waiters', not the task group's
            self._fail(error)
        finally:
            self._done.set()
            self._close()

    async def join(self) -> Landed[T] | None:
        """The answer, or the exception of the computation. None when the task group took it down before it had one.

        Cancelled as the last one who waits, it cancels the computation and waits up to `CANCEL_GRACE_S` for its end.
        """
        self._waiters += 1
        try:
            await self._done.wait()
        except BaseException:  # whatever it is: put in order, then raised again
            if self._waiters == 1 and not self._done.is_set():
                # Closed first: whoever comes while it winds down starts another one.
                self._close()
                self._scope.cancel()
                with anyio.move_on_after(CANCEL_GRACE_S, shield=True):
                    await self._done.wait()
            raise
        finally:
            self._waiters -= 1
        if self._failure is not None:
            # Everybody raises the same exception; without this each would add its own frames to the others' trace.
            raise self._failure.with_traceback(self._trace)
        return self._landed

    def _fail(self, error: Exception, cause: BaseException | None = None) -> None:
        if cause is not None:
            error.__cause__ = cause
        self._failure = error
        self._trace = error.__traceback__

    def _close(self) -> None:
        if self._open:
            self._open = False
            self._on_end(self)
