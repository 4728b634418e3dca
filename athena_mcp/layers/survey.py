"""What the store knows of a query before any layer is asked for memories, in one statement and so in one round trip."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

import anyio.to_thread
from psycopg.sql import SQL

from athena_mcp.db.session import Session
from athena_mcp.layers.due import DUE, MAX_INLINE, NEXT_DUE, Due, Fired, Situation, due_of, due_values
from athena_mcp.layers.graph import NAMED, NamedEntity, named_values
from athena_mcp.search.lexical import TERMS, Term, promise_sql, terms_values
from athena_mcp.search.scope import Scope


@dataclass(frozen=True, slots=True)
class Subjects:
    """What a query is asked to be looked into for, besides its terms."""

    promise: bool = True
    """How well the best memory of each layer may fit."""
    tasks: bool = True
    """What is due, and when something will be."""
    entities: bool = True
    """What the graph knows by name."""


@dataclass(frozen=True, slots=True)
class Survey:
    """A query's terms and those around it, and what it touches on."""

    terms: Sequence[Term] = ()
    due: tuple[Due, ...] = ()
    next_due: datetime | None = None
    """When another open task falls due by time."""
    promise: Mapping[str, float] = field(default_factory=dict)
    """The most weight of the query's rare terms that one memory of a layer has."""
    entities: Sequence[NamedEntity] = ()
    """Those that the query names, the longest name first."""


# Each part is served by the indexes named beside it; one that is not wanted is not run.
_SURVEY = """
WITH found AS MATERIALIZED ({terms})
SELECT (SELECT json_agg(t) FROM found AS t),
    {promise},
    CASE WHEN %(tasks)s THEN (SELECT json_agg(d) FROM ({due}) AS d) END,
    CASE WHEN %(tasks)s THEN ({next_due}) END,
    CASE WHEN %(entities)s THEN (SELECT json_agg(n) FROM ({named}) AS n) END
"""


_PROMISE = "(SELECT json_object_agg(p.layer, p.weight) FROM ({promise}) AS p)"


@functools.cache
def _survey_sql(*, with_promise: bool) -> SQL:
    # Put together from constants; no caller's text gets here. Without the promise no layer's own tables are named: to
    # name them is to wait for their locks.
    promise = _PROMISE.format(promise=promise_sql("found")) if with_promise else "NULL::json"
    return SQL(_SURVEY.format(terms=TERMS, promise=promise, due=DUE, next_due=NEXT_DUE, named=NAMED))


async def read_survey(
    session: Session, scope: Scope, query: str, around: str, situation: Situation, subjects: Subjects
) -> Survey:
    """The survey of a query in this scope. `around` is what the caller is at, as text."""
    values = {
        **terms_values(query, around),
        **due_values(situation),
        **named_values(query if subjects.entities else ""),
        "projects": scope.ids,
        **({"size": scope.size} if subjects.promise else {}),
        "tasks": subjects.tasks,
        "entities": subjects.entities,
    }
    row = await session.fetch_one(_survey_sql(with_promise=subjects.promise), values)
    if row is None:
        return Survey()
    terms, promise, fired, next_due, entities = row
    conditions = [Fired(**condition) for condition in fired or ()]
    if len(conditions) * max(1, len(situation.files)) <= MAX_INLINE:
        due = due_of(conditions, situation)
    else:
        due = await anyio.to_thread.run_sync(due_of, conditions, situation)
    return Survey(
        terms=[Term(**term) for term in terms or ()],
        due=due,
        next_due=next_due,
        promise=promise or {},
        entities=[NamedEntity(**entity) for entity in entities or ()],
    )
