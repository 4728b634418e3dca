"""One borrowed connection, used with deadlines and safe to cancel.

Two facts shape this module (docs/architecture.md, Decisions). An anyio scope that ends in the middle of a psycopg
query costs the connection, so the deadline is PostgreSQL's own `statement_timeout`. And a cancelled request must not
leave its query running, so a statement is shielded and a watcher asks the server to cancel it.
"""

from __future__ import annotations

import logging
import math
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from functools import partial
from typing import Any, LiteralString, NamedTuple, TypeVar, overload

import anyio
import psycopg
from anyio.lowlevel import checkpoint, checkpoint_if_cancelled
from psycopg.rows import BaseRowFactory, tuple_row
from psycopg.sql import SQL, Composed

from athena_mcp.db.deadline import budget_s
from athena_mcp.db.failures import translate
from athena_mcp.errors import DeadlineExceeded

log = logging.getLogger(__name__)

Row = TypeVar("Row")
Statement = LiteralString | SQL | Composed
Values = Mapping[str, Any] | Sequence[Any] | None

DEFAULT_STATEMENT_S = 10.0
"""The limit of a statement that runs under no deadline; what may take longer brings a deadline of its own."""
CLOSE_ENOUGH = 0.9
"""A limit that is already set and at least this much of the one wanted is not set anew."""
CANCEL_S = 1.0
"""How long asking the server to cancel a query may take."""


class Step(NamedTuple):
    """One statement of a batch, with its values."""

    statement: Statement
    values: Mapping[str, Any]


class Session:
    """Runs statements on one connection; made by `Database.session`, used by one task."""

    def __init__(self, connection: psycopg.AsyncConnection[Any]) -> None:
        self._connection = connection
        self._busy = False
        self._idle = anyio.Event()
        self._shield: anyio.CancelScope | None = None

    @overload
    async def fetch(self, statement: Statement, values: Values = None) -> list[tuple[Any, ...]]: ...
    @overload
    async def fetch(self, statement: Statement, values: Values = None, *, rows: BaseRowFactory[Row]) -> list[Row]: ...
    async def fetch(
        self, statement: Statement, values: Values = None, *, rows: BaseRowFactory[Any] = tuple_row
    ) -> list[Any]:
        """All rows of a query. Raises DeadlineExceeded, DatabaseUnavailable or StorageError."""

        async def run(cursor: psycopg.AsyncCursor[Any]) -> None:
            await cursor.execute(statement, values)

        return await self._run(run, rows)

    async def fetch_one(self, statement: Statement, values: Values = None) -> tuple[Any, ...] | None:
        """The first row of a query, or None."""
        found = await self.fetch(statement, values)
        return found[0] if found else None

    async def execute(self, statement: Statement, values: Values = None) -> None:
        """Run a statement for its effect."""
        await self.fetch(statement, values)

    async def execute_steps(self, steps: Sequence[Step]) -> None:
        """Run statements one after the other in one round trip; inside of a transaction."""
        if steps:
            await self._run(partial(self._send, steps=steps))

    async def commit_steps(self, steps: Sequence[Step]) -> list[list[tuple[Any, ...]]]:
        """Run statements as one transaction in one round trip, and return the rows of each.

        What it locks is held no longer than the server takes, however busy this process is.
        """
        begin, commit = Step("BEGIN", {}), Step("COMMIT", {})
        answers: list[list[tuple[Any, ...]]] = []
        try:
            await self._run(partial(self._send, steps=[begin, *steps, commit], answers=answers))
        except BaseException:  # whatever it is: put in order, then raised again
            with anyio.CancelScope(shield=True), suppress(psycopg.Error):  # a lost connection has rolled back already
                await self._connection.rollback()
            raise
        return answers[1:-1]

    async def _send(
        self,
        cursor: psycopg.AsyncCursor[Any],
        *,
        steps: Sequence[Step],
        answers: list[list[tuple[Any, ...]]] | None = None,
    ) -> None:
        sent = []
        async with self._connection.pipeline():
            for step in steps:
                sent.append(self._connection.cursor())
                await sent[-1].execute(step.statement, step.values or None)
        if answers is not None:
            for one in sent:
                answers.append(await one.fetchall() if one.description else [])

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[None]:
        """Commit on success, roll back on any exception, cancellation included."""
        block = self._connection.transaction()
        try:
            with anyio.CancelScope(shield=True):
                await block.__aenter__()
            try:
                yield
            except BaseException as error:  # whatever it is: put in order, then raised again
                # A time limit that was set inside is rolled back too, so that the next statement has to set it anew.
                self._connection.athena_timeout_ms = 0  # type: ignore[attr-defined]  # see _limit
                with anyio.CancelScope(shield=True):
                    await block.__aexit__(type(error), error, error.__traceback__)
                raise
            else:
                with anyio.CancelScope(shield=True):
                    await block.__aexit__(None, None, None)
        except psycopg.Error as error:
            raise translate(error) from error

    async def watch(self) -> None:
        """Wait to be cancelled; then have the server cancel the statement that runs, if one does.

        A server that does not react within CANCEL_S loses the statement's shield, and with it the connection.
        """
        try:
            await anyio.sleep_forever()
        finally:
            if self._busy:
                with anyio.move_on_after(CANCEL_S, shield=True):
                    try:
                        await self._connection.cancel_safe(timeout=CANCEL_S)
                    except psycopg.Error as error:
                        log.info("The server did not take the cancellation of a query (%s).", type(error).__name__)
                    await self._idle.wait()
                self._lower_shield()

    def _lower_shield(self) -> None:
        """Let the cancellation through to a statement that still runs."""
        if self._busy and self._shield is not None:
            self._shield.shield = False

    async def _run(
        self, work: Callable[[psycopg.AsyncCursor[Any]], Awaitable[None]], rows: BaseRowFactory[Any] = tuple_row
    ) -> list[Any]:
        await checkpoint_if_cancelled()
        timeout_ms = self._timeout_ms()
        fetched: list[Any] = []
        self._busy, self._idle = True, anyio.Event()
        try:
            with anyio.CancelScope(shield=True) as self._shield:
                await self._limit(timeout_ms)
                cursor = self._connection.cursor(row_factory=rows)
                await work(cursor)
                if cursor.description:
                    fetched = await cursor.fetchall()
        except psycopg.Error as error:
            await checkpoint()  # cancelled by our own watcher: the cancellation is the news, not the query's end
            raise translate(error) from error
        finally:
            self._busy = False
            self._idle.set()
        return fetched

    @staticmethod
    def _timeout_ms() -> int:
        """What is left for the next statement."""
        remaining_s = anyio.current_effective_deadline() - anyio.current_time()
        budget = DEFAULT_STATEMENT_S if math.isinf(remaining_s) and remaining_s > 0 else budget_s(remaining_s)
        if budget < 0.001:
            raise DeadlineExceeded("No time was left for the database.")
        return int(budget * 1000)

    async def _limit(self, timeout_ms: int) -> None:
        set_ms = getattr(self._connection, "athena_timeout_ms", 0)
        if not timeout_ms * CLOSE_ENOUGH <= set_ms <= timeout_ms:
            await self._connection.execute("SELECT set_config('statement_timeout', %s, false)", (str(timeout_ms),))
            self._connection.athena_timeout_ms = timeout_ms  # type: ignore[attr-defined]  # lives as long as the setting
