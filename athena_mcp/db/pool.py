"""The process's connections: a small pool, opened once, healed when the server went away."""

from __future__ import annotations

import logging
import math
import os
import select
import selectors
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import anyio
import psycopg
from pgvector.psycopg import register_vector_async
from psycopg_pool import AsyncConnectionPool, PoolTimeout

from athena_mcp.db.connection import Connection
from athena_mcp.db.failures import translate
from athena_mcp.db.session import Session
from athena_mcp.errors import DatabaseUnavailable

log = logging.getLogger(__name__)

APPLICATION_NAME = "athena-mcp"
IDLE_S = 300.0
"""A connection unused for so long is closed, down to one."""
WAIT_S = 10.0
"""How long to wait for a free connection under no other deadline."""
CLOSE_S = 1.0
CLOSE_LOST_S = 0.3
"""How long closing waits for the pool's tasks; where the server is lost they are likely to wait for it themselves."""
FRESH_S = 1.0
"""A connection that was used so lately is taken to work."""

LOOK_S = 0.5
"""How often who waits for a connection looks whether the server is gone."""

_IN_VAIN = "waits_in_vain"
_COUNTED = {
    "requests": "requests_num",
    "waits": "requests_queued",
    "wait_ms": "requests_wait_ms",
    "wait_timeouts": _IN_VAIN,
    "lost": "connections_lost",
}
"""The pool's own counters, and one of ours, by the names of `Database.counts`."""

_Pool = AsyncConnectionPool[Connection]
Conninfo = str
"""A libpq connection string."""


class Database:
    """A pool of connections to one database, and the way to bring a lost server back.

    `find_server` gives the connection string; it is asked when the pool opens and again when the server has gone away,
    so that an embedded server that died is started anew. With `read_only` no transaction of it can write.
    """

    def __init__(
        self, find_server: Callable[[], Awaitable[Conninfo]], *, max_connections: int = 8, read_only: bool = False
    ) -> None:
        self._session_settings = SESSION_SETTINGS | ({"default_transaction_read_only": "on"} if read_only else {})
        self._find_server = find_server
        self._max_connections = max_connections
        self._pool: _Pool | None = None
        self._lost = False
        """A connection turned out to be dead: the server may be, and other connections with it."""
        self._closed = False
        self._reviving = anyio.Lock()
        self._past: Counter[str] = Counter()
        """What pools that are gone had counted, and what the pool counts differently from us."""

    async def connect(self) -> Connection:
        """A connection outside the pool, for migrations. Raises DatabaseUnavailable."""
        conninfo = await self._find_server()
        try:
            return await Connection.connect(conninfo, **CONNECTION)
        except psycopg.OperationalError as error:
            raise DatabaseUnavailable(unreachable(error)) from error

    async def open(self) -> None:
        """Open the pool, once the schema is there: connections learn the vector types. Raises DatabaseUnavailable."""
        conninfo = await self._find_server()
        pool = AsyncConnectionPool(
            conninfo,
            connection_class=Connection,
            kwargs=CONNECTION,
            min_size=1,
            max_size=self._max_connections,
            max_idle=IDLE_S,
            timeout=WAIT_S,
            reconnect_timeout=5.0,
            configure=self._configure,
            check=self._check,
            open=False,
            name="athena",
        )
        try:
            await pool.open(wait=True, timeout=WAIT_S)
        except BaseException as error:  # whatever it is: put in order, then raised again
            with anyio.CancelScope(shield=True):
                await pool.close(CLOSE_S)
            if isinstance(error, psycopg.OperationalError):
                raise DatabaseUnavailable(unreachable(error)) from error
            raise
        self._pool, self._lost, self._closed = pool, False, False

    async def close(self) -> None:
        """Close every connection, for good; bounded."""
        self._closed = True
        await self._drop_pool()

    async def _drop_pool(self) -> None:
        pool, self._pool = self._pool, None
        if pool is not None:
            self._past.update(pool.pop_stats())
            with anyio.CancelScope(shield=True):
                await pool.close(CLOSE_LOST_S if self._lost else CLOSE_S)

    @property
    def is_lost(self) -> bool:
        """Whether a connection turned out to be dead, so that the next session has to find the server again first."""
        return self._lost

    def counts(self) -> dict[str, int]:
        """The pool in numbers: connections there are, idle ones, and callers that wait for one now.

        Since the start or the last reset: calls that asked for a connection, those that waited for one and how long
        they did together, those that had none when their time was over, and connections that were lost.
        """
        now = {} if self._pool is None else self._pool.get_stats()
        moment = {"connections": "pool_size", "idle": "pool_available", "waiting": "requests_waiting"}
        return {
            **{name: now.get(key, 0) for name, key in moment.items()},
            **{name: now.get(key, 0) + self._past.get(key, 0) for name, key in _COUNTED.items()},
        }

    def reset_counts(self) -> None:
        """Count from nought again."""
        self._past.clear()
        if self._pool is not None:
            self._pool.pop_stats()

    @asynccontextmanager
    async def session(self, limit_s: float = math.inf, *, reading: bool = False) -> AsyncIterator[Session]:
        """Borrow a connection, whose statements may take `limit_s` each; `reading` when they only read.

        Cancelling the borrower cancels the statement that runs on it.
        """
        pool, connection = await self._borrow()
        try:
            yield Session(connection, limit_s, reading=reading)
        finally:
            connection.used_at = time.monotonic()
            if connection.closed:
                # The pool counts those alone that it finds dead itself.
                self._past["connections_lost"] += 1
                self._lost = self._lost or pool is self._pool
            with anyio.CancelScope(shield=True):
                await pool.putconn(connection)

    @asynccontextmanager
    async def own_session(self) -> AsyncIterator[Session]:
        """A connection beside the pool, closed at the end and with it the locks and settings of its session.

        For what takes minutes, or takes turns with other processes.
        """
        connection = await self.connect()
        try:
            await self._configure(connection)
            # What takes long here, such as an export that somebody reads slowly, holds nobody up.
            await connection.execute("SET idle_in_transaction_session_timeout = 0")
            yield Session(connection)
        except psycopg.Error as error:
            raise translate(error) from error
        finally:
            with anyio.CancelScope(shield=True):
                await connection.close()

    @asynccontextmanager
    async def snapshot(self) -> AsyncIterator[Session]:
        """A connection beside the pool that sees the store as it is now, whatever is written meanwhile; only reads."""
        async with self.own_session() as session:
            await session.execute("BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY")
            yield session

    async def _borrow(self) -> tuple[_Pool, Connection]:
        """A connection, and the pool that it goes back to."""
        pool = self._pool
        if pool is not None and not self._lost:
            try:
                return pool, await self._take(pool)
            except psycopg.OperationalError as error:
                failure = translate(error)
                if not isinstance(failure, DatabaseUnavailable) and not self._lost:
                    raise failure from error
        pool = await self._revive(pool)
        try:
            return pool, await self._take(pool)
        except psycopg.OperationalError as error:
            raise translate(error) from error

    async def _take(self, pool: _Pool) -> Connection:
        """A free connection; in time, or as soon as it is known that the server is gone, PoolTimeout."""
        ends_at = min(anyio.current_time() + WAIT_S, anyio.current_effective_deadline())
        while True:
            began = anyio.current_time()
            left_s = ends_at - began
            try:
                return await pool.getconn(timeout=max(0.01, min(LOOK_S, left_s)))
            except PoolTimeout:
                # The pool knows nothing of calls that look again, and adds up no time but that of its last look.
                self._past["requests_wait_ms"] += round(1000 * (anyio.current_time() - began))
                if self._lost:
                    raise
                if left_s <= LOOK_S:
                    self._past[_IN_VAIN] += 1
                    raise
                self._past["requests_num"] -= 1
                self._past["requests_queued"] -= 1
            except anyio.get_cancelled_exc_class():
                # By its own deadline, which may be noticed before the pool's, or by whoever it works for.
                self._past[_IN_VAIN] += anyio.current_time() >= ends_at
                raise

    async def _revive(self, failed: _Pool | None) -> _Pool:
        """Find the server again, which starts an embedded one that died, and open a new pool, unless there is one."""
        async with self._reviving:
            if self._closed:
                raise DatabaseUnavailable("The database is closed.")
            if self._pool is None or self._pool is failed:
                if failed is not None:
                    log.warning("The database went away; connecting again.")
                await self._drop_pool()
                await self._await_server()
                await self.open()
            if self._pool is None:
                raise DatabaseUnavailable("The database is not open.")
            return self._pool

    async def _await_server(self) -> None:
        """Return when the server takes connections; one that recovers from a crash is given a moment.

        Raises DatabaseUnavailable at once when nobody listens, which the pool would find out after its whole patience.
        """
        ends_at = min(anyio.current_time() + WAIT_S, anyio.current_effective_deadline())
        while True:
            try:
                connection = await self.connect()
            except DatabaseUnavailable as error:
                coming = isinstance(error.__cause__, psycopg.OperationalError) and _is_coming_up(error.__cause__)
                if not coming or anyio.current_time() + LOOK_S > ends_at:
                    raise
                await anyio.sleep(LOOK_S / 5)
            else:
                with anyio.CancelScope(shield=True):
                    await connection.close()
                return

    async def _check(self, connection: Connection) -> None:
        """Whether a connection still works. One in use just now is only asked when its socket says that it was closed.

        Asking costs a round trip; a server that died on this machine shows on the socket at once.
        """
        if time.monotonic() - connection.used_at > FRESH_S or _has_unread(connection):
            try:
                await AsyncConnectionPool.check_connection(connection)
            except psycopg.OperationalError:
                self._lost = True
                raise

    async def _configure(self, connection: Connection) -> None:
        # An owner called athena has the vector types in the schema of that name, where others would not look for them.
        await connection.execute(
            "SELECT set_config(name, value, false) FROM unnest(%s::text[], %s::text[]) AS s (name, value) UNION ALL"
            " SELECT set_config('search_path', current_setting('search_path') || ', athena', false)",
            (list(self._session_settings), list(self._session_settings.values())),
        )
        await register_vector_async(connection)


def _has_unread(connection: psycopg.AsyncConnection[Any]) -> bool:
    """Whether something waits on the socket of an idle connection: its end, or the server's farewell."""
    if hasattr(select, "poll"):  # not on Windows; a tenth of what a selector costs, once for every borrowed connection
        looking = select.poll()
        looking.register(connection.fileno(), select.POLLIN)
        return bool(looking.poll(0))
    with selectors.DefaultSelector() as selector:
        selector.register(connection.fileno(), selectors.EVENT_READ)
        return bool(selector.select(0))


CONNECTION: dict[str, Any] = {
    "autocommit": True,
    "application_name": f"{APPLICATION_NAME} {os.getpid()}",
    "connect_timeout": 5,
    # Plans of the few statements that every recall repeats are worth keeping from their second use.
    "prepare_threshold": 2,
}


SESSION_SETTINGS = {
    # JIT compiles for tens of milliseconds what runs for two.
    "jit": "off",
    "TimeZone": "UTC",
    # Every statement looks a few rows up by an index. Planned anew for its values it costs more than it takes; planned
    # while the tables are small, and kept, it would read them whole when they have grown.
    "plan_cache_mode": "force_generic_plan",
    "enable_seqscan": "off",
    "enable_hashjoin": "off",
    "enable_mergejoin": "off",
    # A process that is stopped in the middle of a write must not keep all others from writing.
    "idle_in_transaction_session_timeout": "10s",
    # Starting workers takes longer than all that they would do.
    "max_parallel_workers_per_gather": "0",
    # Set before pgvector's library is loaded, which takes them over then. A scan of the index goes on until enough rows
    # have passed the filters, and gives up after so many. In relaxed order it keeps what it comes upon late, and finds
    # 98 % of the ten nearest where a tenth passes; in strict order 95 %. What is found is put in order afterwards.
    "hnsw.iterative_scan": "relaxed_order",
    "hnsw.ef_search": "200",
    "hnsw.max_scan_tuples": "20000",
}


_OF_SERVERS = (
    "connection to server",
    "connection failed: connection to server",
    "connection timeout",
    "failed to resolve host",
    "FATAL:",
)
"""How libpq begins when it has read the address and speaks of a server: its host and port, and the reason."""


def unreachable(error: psycopg.Error) -> str:
    """Why no connection could be made. Only what libpq is known to say of servers is repeated: where it cannot read the
    address it repeats that, password and all."""
    said = str(error).strip().splitlines()
    detail = said[0].strip().rstrip(".") if said else ""
    if not detail.startswith(_OF_SERVERS):
        detail = "its address cannot be read, or its answer is not known"
    return f"The database cannot be reached: {detail}. `athena-mcp doctor` looks into it."


def _is_coming_up(error: psycopg.OperationalError) -> bool:
    """Whether the server answered that it takes no connections yet, or any more (57P03, cannot_connect_now)."""
    # A failed connection has no SQLSTATE, and the server's text comes in its own language; ours speaks English.
    return isinstance(error, psycopg.errors.CannotConnectNow) or "the database system is" in str(error)
