"""One borrowed connection, used with deadlines and safe to cancel.

The deadline is PostgreSQL's own `statement_timeout`: it ends a statement on time, and costs nothing while it does not
come. A cancelled caller ends its statement too (see `db.connection`).
"""

from __future__ import annotations

import math
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Any, LiteralString, NamedTuple, TypeVar, overload

import anyio
import psycopg
from anyio.lowlevel import checkpoint_if_cancelled
from psycopg.rows import BaseRowFactory, tuple_row
from psycopg.sql import SQL, Composed

from athena_mcp.db.connection import Connection
from athena_mcp.db.deadline import budget_s
from athena_mcp.db.failures import translate
from athena_mcp.errors import DeadlineExceeded

Row = TypeVar("Row")
Statement = LiteralString | SQL | Composed
Values = Mapping[str, Any] | Sequence[Any] | None

DEFAULT_STATEMENT_S = 10.0
"""The limit of a statement that runs under no deadline; what may take longer brings a deadline of its own."""
CLOSE_ENOUGH = 0.9
"""A limit that is already set and at least this much of the one wanted is not set anew."""
OVER_MS, OVER_SHARE = 15.0, 0.015
"""Nor is one that is too long by so little, which the statements before it under the same deadline have taken: it is
within the slack of `db.deadline`."""
LENT_MS = 500
"""A reader puts up with a limit of at least so much that somebody else has set; see `Session`."""


class Step(NamedTuple):
    """One statement of a batch, with its values."""

    statement: Statement
    values: Mapping[str, Any]


class Session:
    """Runs statements on one connection; made by `Database.session`, used by one task.

    `limit_s` bounds each statement, whatever its caller's deadline; without one the deadline alone does. A session that
    is `reading` has no transactions and only reads: it takes a connection with the shorter limit that the one before it
    had set, which saves a round trip, and should that limit end a statement, runs it once more with its own.
    """

    def __init__(self, connection: Connection, limit_s: float = math.inf, *, reading: bool = False) -> None:
        self._connection = connection
        self._limit_s = limit_s
        self._reading = reading

    @overload
    async def fetch(self, statement: Statement, values: Values = None) -> list[tuple[Any, ...]]: ...
    @overload
    async def fetch(
        self, statement: Statement, values: Values = None, *, rows: BaseRowFactory[Row], binary: bool = False
    ) -> list[Row]: ...
    async def fetch(
        self,
        statement: Statement,
        values: Values = None,
        *,
        rows: BaseRowFactory[Any] = tuple_row,
        binary: bool = False,
    ) -> list[Any]:
        """All rows of a query. Raises DeadlineExceeded, DatabaseUnavailable or StorageError.

        `binary` saves writing many numbers and times out and reading them again; for columns of built-in types.
        """
        await checkpoint_if_cancelled()
        timeout_ms = self._timeout_ms()
        try:
            lent = self._reading and LENT_MS <= self._connection.statement_timeout_ms < CLOSE_ENOUGH * timeout_ms
            if not lent:
                await self._limit(timeout_ms)
            try:
                return await self._fetch(statement, values, rows, binary)
            except psycopg.errors.QueryCanceled:
                if not lent:
                    raise
            await self._limit(self._timeout_ms())
            return await self._fetch(statement, values, rows, binary)
        except psycopg.Error as error:
            raise translate(error) from error

    async def _fetch(self, statement: Statement, values: Values, rows: BaseRowFactory[Any], binary: bool) -> list[Any]:
        cursor = self._connection.cursor(row_factory=rows, binary=binary)
        await cursor.execute(statement, values)
        return await _rows(cursor)

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
            await self._send(steps)

    async def commit_steps(self, steps: Sequence[Step]) -> list[list[tuple[Any, ...]]]:
        """Run statements as one transaction in one round trip, and return the rows of each.

        What it locks is held no longer than the server takes, however busy this process is.
        """
        # Without them it would be one transaction, too, but what fails no sooner than when it is committed would come
        # where the driver expects no error, and cost the connection.
        begin, commit = Step("BEGIN", {}), Step("COMMIT", {})
        try:
            answers = await self._send([begin, *steps, commit])
        except BaseException:  # whatever it is: put in order, then raised again
            with anyio.CancelScope(shield=True), suppress(psycopg.Error):  # a lost connection has rolled back already
                await self._connection.rollback()
            raise
        return answers[1:-1]

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
                self._connection.statement_timeout_ms = 0
                with anyio.CancelScope(shield=True):
                    await block.__aexit__(type(error), error, error.__traceback__)
                raise
            else:
                with anyio.CancelScope(shield=True):
                    await block.__aexit__(None, None, None)
        except psycopg.Error as error:
            raise translate(error) from error

    async def _send(self, steps: Sequence[Step]) -> list[list[tuple[Any, ...]]]:
        """The rows of each step of a batch, all sent at once."""
        await checkpoint_if_cancelled()
        timeout_ms = self._timeout_ms()
        cursors: list[psycopg.AsyncCursor[Any]] = []
        answers: list[list[tuple[Any, ...]]] = []

        async def send() -> None:
            async with self._connection.pipeline():
                for step in steps:
                    cursors.append(self._connection.cursor())
                    await cursors[-1].execute(step.statement, step.values or None)
            answers.extend([await _rows(cursor) for cursor in cursors])

        try:
            await self._limit(timeout_ms)
            await self._connection.shielded(send)
        except psycopg.Error as error:
            raise translate(error) from error
        return answers

    def _timeout_ms(self) -> int:
        """What is left for the next statement."""
        remaining_s = anyio.current_effective_deadline() - anyio.current_time()
        budget = DEFAULT_STATEMENT_S if math.isinf(remaining_s) and remaining_s > 0 else budget_s(remaining_s)
        if budget < 0.001:
            raise DeadlineExceeded("No time was left for the database.")
        return int(min(budget, self._limit_s) * 1000)

    async def _limit(self, timeout_ms: int) -> None:
        connection = self._connection
        most_ms = timeout_ms + min(OVER_MS, OVER_SHARE * timeout_ms)
        if not timeout_ms * CLOSE_ENOUGH <= connection.statement_timeout_ms <= most_ms:
            if timeout_ms > DEFAULT_STATEMENT_S * 1000:
                # A little short, so that the next statements under the same deadline need no new one.
                timeout_ms = int(timeout_ms * (1 + CLOSE_ENOUGH) / 2)
            # Not known while it is on its way: whoever is cancelled there leaves the one or the other behind.
            connection.statement_timeout_ms = 0
            await connection.execute("SELECT set_config('statement_timeout', %s, false)", (str(timeout_ms),))
            connection.statement_timeout_ms = timeout_ms


async def _rows(cursor: psycopg.AsyncCursor[Row]) -> list[Row]:
    """What a statement brought; nothing when it is of a kind that brings no rows."""
    # `description` tells that too, but describes every column first, on each recall for nothing.
    result = cursor.pgresult
    return await cursor.fetchall() if result is not None and result.nfields else []
