"""The one border where the driver's errors become ours."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
import psycopg_pool

from athena_mcp.errors import AthenaError, DatabaseUnavailable, DeadlineExceeded, OutOfDate, StorageError


def translate(error: psycopg.Error) -> AthenaError:
    """What a driver's error means to a caller. The text never repeats the statement, its values or the address."""
    match error:
        case psycopg.errors.QueryCanceled():
            return DeadlineExceeded("The database did not answer before the deadline.")
        case psycopg_pool.PoolTimeout() | psycopg_pool.TooManyRequests():
            return DeadlineExceeded("No database connection became free before the deadline.")
        case psycopg.errors.DiskFull():
            return StorageError("The database's disk is full; nothing was stored. Free some space and try again.")
        case psycopg.errors.ReadOnlySqlTransaction():
            return StorageError(
                "The database is read-only; unset ATHENA_READ_ONLY, or point ATHENA_DATABASE_URL at the primary server."
            )
        case psycopg.errors.InsufficientPrivilege():
            return StorageError(
                "The database account may not do this: it does not own the schema 'athena', or was not admitted to the "
                "project; nothing was changed."
            )
        case psycopg.Error(sqlstate="AT001"):
            return OutOfDate("The store has changed in the meantime; try again.")
        case psycopg.OperationalError() | psycopg.InterfaceError():
            return DatabaseUnavailable("The connection to the database was lost; try again.")
        case _:
            return StorageError(f"The database refused a statement ({error.sqlstate or type(error).__name__}).")


@contextmanager
def translated() -> Iterator[None]:
    """Raise the driver's errors as ours."""
    try:
        yield
    except psycopg.Error as error:
        raise translate(error) from error
