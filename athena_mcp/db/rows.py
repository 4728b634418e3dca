"""Rows that a statement takes in: many as one array a column, a single one as plain values.

Arrays cost the driver several times what they hold, which a batch never notices. A single memory brings two dozen.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any, NamedTuple

from psycopg.sql import SQL

from athena_mcp.db.session import Step


class Column(NamedTuple):
    """A column by name and PostgreSQL type."""

    name: str
    type: str
    binary: bool = False
    """Whether its arrays go in binary: escaping long texts and bytes takes the driver a hundred times as long."""


class RowSource:
    """The rows `g` of a statement; its text names them by `{rows}`, where a table could stand."""

    def __init__(self, *columns: Column) -> None:
        self._columns = columns

    def step(self, statement: str, rows: Sequence[tuple[Any, ...]], **values: Any) -> Step:
        """A constant statement with its rows, at least one, each a value a column; `values` are its other parameters.

        A column of arrays is given in PostgreSQL's notation (`layers.kept.array_literal`) and cast by the statement: an
        array of arrays would have to be rectangular.
        """
        names = (column.name for column in self._columns)
        if len(rows) == 1:
            own: dict[str, Any] = dict(zip(names, rows[0], strict=True))
        else:
            own = {name: list(entries) for name, entries in zip(names, zip(*rows, strict=True), strict=True)}
        return Step(_sql(statement, self._columns, len(rows) == 1), {**own, **values})


@functools.cache
def _sql(statement: str, columns: tuple[Column, ...], single: bool) -> SQL:
    if single:
        one = ", ".join(f"%({column.name})s::{column.type} AS {column.name}" for column in columns)
        rows = f"(SELECT {one}) AS g"
    else:
        many = ", ".join(f"%({column.name}){'b' if column.binary else 's'}::{column.type}[]" for column in columns)
        rows = f"unnest({many}) AS g ({', '.join(column.name for column in columns)})"
    # Put together from constants of the code; no caller's text gets here.
    return SQL(statement.format(rows=rows))
