"""The connections that say who uses the server: PostgreSQL's own list of them is the only one that is always right."""

from __future__ import annotations

import os
import selectors
import time
from contextlib import suppress
from typing import Any

import psutil
import psycopg
from psycopg.pq import ExecStatus

from athena_mcp.db.embedded.address import ServerAddress

PRESENCE = "athena-mcp presence"
WATCH = "athena-mcp watch"
LEAVING = "athena-mcp leaving"
MAINTENANCE_DATABASE = "postgres"
"""Presence connections are made here, so that they stand in nobody's way who copies or drops the other database."""

ANSWER_S = 5.0
"""How long a server that lives may take to answer the smallest of questions."""
FAREWELL_S = 0.3
"""How long a server may take to hear that somebody leaves."""

Connection = psycopg.Connection[tuple[Any, ...]]

_OTHERS = """
    SELECT application_name FROM pg_stat_activity
    WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()
        AND application_name <> ALL (%s)
"""


def connect(address: ServerAddress, application_name: str) -> Connection:
    """A connection of our own. Raises psycopg.OperationalError when nobody answers within seconds."""
    return psycopg.connect(
        address.conninfo,
        dbname=MAINTENANCE_DATABASE,
        application_name=application_name,
        connect_timeout=5,
        autocommit=True,
    )


def join(address: ServerAddress) -> Connection:
    """The connection that this process holds for as long as it uses the server."""
    return connect(address, f"{PRESENCE} {os.getpid()}")


def answers(connection: Connection, timeout_s: float = ANSWER_S) -> bool:
    """Whether the server at the other end is still there. Raises TimeoutError when it is silent.

    A connection whose server was silent is of no use any more, but for being closed.
    """
    return _obeys(connection, b"SELECT", timeout_s)


def _obeys(connection: Connection, statement: bytes, timeout_s: float) -> bool:
    pgconn = connection.pgconn
    ends_at = time.monotonic() + timeout_s
    try:
        pgconn.send_query(statement)
        while pgconn.flush():
            _await_socket(connection, selectors.EVENT_WRITE, ends_at)
        while True:
            while pgconn.is_busy():
                _await_socket(connection, selectors.EVENT_READ, ends_at)
                pgconn.consume_input()
            result = pgconn.get_result()
            if result is None:
                return True
            if result.status == ExecStatus.FATAL_ERROR:  # its farewell
                return False
    except psycopg.Error:
        return False


def _await_socket(connection: Connection, event: int, ends_at: float) -> None:
    with selectors.DefaultSelector() as selector:
        selector.register(connection.fileno(), event)
        if not selector.select(max(0.0, ends_at - time.monotonic())):
            raise TimeoutError


def leave(connection: Connection) -> None:
    """Close a presence so that it counts no more from now on; the server may notice the closing only later.

    One that does not hear the farewell (frozen, or swapped out) notices the closing when it is back.
    """
    with suppress(TimeoutError):
        _obeys(connection, f"SET application_name = '{LEAVING}'".encode(), FAREWELL_S)
    connection.close()


def other_clients(connection: Connection) -> list[str]:
    """The names that everybody else who is connected goes by; who is leaving and the server's own watch are nobody."""
    return [str(row[0]) for row in connection.execute(_OTHERS, ([WATCH, LEAVING],))]


def is_present(name: str) -> bool:
    """Whether `name` is that of a presence whose process lives; that of a killed one vanishes in a moment."""
    number = name.removeprefix(PRESENCE).strip()
    return name.startswith(PRESENCE) and number.isdigit() and psutil.pid_exists(int(number))


def ensure_database(connection: Connection, name: str) -> None:
    """Create the database called `name` unless it is there."""
    if connection.execute("SELECT FROM pg_database WHERE datname = %s", (name,)).fetchone() is None:
        connection.execute(psycopg.sql.SQL("CREATE DATABASE {}").format(psycopg.sql.Identifier(name)))
