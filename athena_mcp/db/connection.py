"""A connection whose caller may be cancelled at any moment: what runs ends on the server, the connection stays good.

An anyio scope that ends in the middle of a query goes on cancelling whoever then asks the driver to clean up, which
costs the connection (docs/architecture.md, Decisions). So the clean-up is done here, behind a shield.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any, TypeVar

import anyio
import psycopg
from anyio.lowlevel import checkpoint
from psycopg import waiting
from psycopg.abc import PQGen
from psycopg.pq import TransactionStatus

log = logging.getLogger(__name__)

CANCEL_S = 1.0
"""How long asking the server to cancel a statement may take."""

AGAIN_S = 0.05
"""After so long it is asked again: a request that comes before the server has begun the statement cancels nothing."""

WAKE_S = 1.0
"""The driver looks up from its socket so often, for the sake of Ctrl-C, which the loop sees by itself."""

Answer = TypeVar("Answer")


class Connection(psycopg.AsyncConnection[Any]):
    """As the driver's own, but for what a cancelled caller leaves behind."""

    statement_timeout_ms = 0
    """What this connection's `statement_timeout` was last set to; 0 when that is not known."""
    used_at = 0.0
    """When it was last given back, on the monotonic clock."""
    _deaf = False
    """Whether the server was asked in vain to cancel."""

    async def wait(self, gen: PQGen[Answer], interval: float = WAKE_S, timeout: float | None = None) -> Answer:
        """What `gen`, a conversation with the server, comes to. A server that is deaf costs the connection."""
        # The driver knows the argument since a later version than our floor, and only then gives it.
        limit = {} if timeout is None else {"timeout": timeout}
        try:
            return await waiting.wait_async(gen, self.pgconn.socket, interval, **limit)
        except anyio.get_cancelled_exc_class():
            if self._is_active():
                await self._end(gen)
            raise

    async def shielded(self, work: Callable[[], Awaitable[None]]) -> None:
        """Run several statements that must not be left in the middle; cancelled, the one that runs ends on the server.

        Raises the driver's errors, unless the cancellation is the news.
        """
        over = anyio.Event()
        failure: psycopg.Error | None = None
        async with anyio.create_task_group() as group:
            try:
                with anyio.CancelScope(shield=True) as shield:
                    # Named, since anyio else makes a name of the connection's description.
                    group.start_soon(self._watch, over, shield, name="watch")
                    await work()
            except psycopg.Error as error:
                failure = error
            finally:
                over.set()  # which ends the watch; cancelling it would cost more
        if failure is not None:
            await checkpoint()
            raise failure

    async def _watch(self, over: anyio.Event, shield: anyio.CancelScope) -> None:
        """Wait to be cancelled; then have the server cancel the statement that runs, if one does."""
        try:
            await over.wait()
        finally:
            if not over.is_set():
                with anyio.move_on_after(CANCEL_S, shield=True):
                    while not over.is_set():
                        await self._ask_to_cancel()
                        with anyio.move_on_after(AGAIN_S):
                            await over.wait()
                self._deaf = not over.is_set()
                shield.shield = False

    async def _end(self, gen: PQGen[Any]) -> None:
        """Have the server cancel the statement that runs, and hear it say so."""
        with anyio.move_on_after(0 if self._deaf else CANCEL_S, shield=True):
            while self._is_active():
                await self._ask_to_cancel()
                # What it raises: that it was cancelled, as expected, or that the connection is lost.
                with anyio.move_on_after(AGAIN_S), suppress(psycopg.Error):
                    await waiting.wait_async(gen, self.pgconn.socket, WAKE_S)
        if self._is_active():
            self.pgconn.finish()

    async def _ask_to_cancel(self) -> None:
        try:
            await self.cancel_safe(timeout=CANCEL_S)
        except psycopg.Error as error:
            log.info("The server did not take the cancellation of a query (%s).", type(error).__name__)

    def _is_active(self) -> bool:
        return self.pgconn.transaction_status == TransactionStatus.ACTIVE
