"""Looking into a store from outside of Athena, and making stores that a whole module shares."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
from psycopg.sql import SQL, Identifier

from tests.conftest import other_database


@contextmanager
def new_database(admin_url: str, template: str = "template0") -> Iterator[str]:
    """The address of a database made for the occasion, empty unless it is a copy of `template`."""
    name = f"athena_test_{uuid.uuid4().hex[:12]}"
    with psycopg.connect(admin_url, autocommit=True) as admin:
        admin.execute(SQL("CREATE DATABASE {} TEMPLATE {}").format(Identifier(name), Identifier(template)))
        try:
            yield other_database(admin_url, name)
        finally:
            admin.execute(SQL("DROP DATABASE {} WITH (FORCE)").format(Identifier(name)))


def ask(url: str, statement: str, *values: object) -> list[tuple[Any, ...]]:
    """The rows of a statement, committed, on a connection of its own."""
    with psycopg.connect(url, autocommit=True) as connection:
        cursor = connection.execute(statement.encode(), values or None)
        return cursor.fetchall() if cursor.description else []


def tables(url: str) -> list[str]:
    """The store's tables, partitions through their parents."""
    found = ask(
        url,
        "SELECT c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
        " WHERE n.nspname = 'athena' AND c.relkind IN ('r', 'p') AND NOT c.relispartition ORDER BY 1",
    )
    return [row[0] for row in found]


def row_counts(url: str) -> dict[str, int]:
    """How many rows every table of the store has, and how many writes its projects have seen.

    Without what a server leaves of itself every few seconds, whatever it is asked.
    """
    counted = [table for table in tables(url) if table != "server_snapshots"]
    counts = [f"SELECT '{table}', count(*) FROM athena.{table}" for table in counted]
    versions = "SELECT 'versions', coalesce(sum(version), 0)::bigint FROM athena.projects"
    return dict(ask(url, " UNION ALL ".join([*counts, versions])))


def whole_text(url: str) -> str:
    """Everything the store holds, as one text to search in."""
    rows = [ask(url, f"SELECT t::text FROM athena.{table} t") for table in tables(url)]
    return "\n".join(row[0] for found in rows for row in found)
