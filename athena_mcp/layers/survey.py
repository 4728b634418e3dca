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
from athena_mcp.search.scope import SCOPE, Scope, ScopeRow, scope_of


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
    """The projects in scope, a query's terms and those around it, and what it touches on."""

    scope: Scope
    terms: Sequence[Term] = ()
    due: tuple[Due, ...] = ()
    next_due: datetime | None = None
    """When another open task falls due by time."""
    promise: Mapping[str, float] = field(default_factory=dict)
    """The most weight of the query's rare terms that one memory of a layer has."""
    entities: Sequence[NamedEntity] = ()
    """Those that the query names, the longest name first."""


# Each part is served by the indexes named beside it; one that is not wanted, or has nothing to look at, is not run.
_SURVEY = """
WITH scope AS MATERIALIZED ({scope}), seen AS MATERIALIZED (
    SELECT coalesce(array_agg(DISTINCT id), '{{}}') AS ids, coalesce(sum(memories), 0)::float8 AS size,
        coalesce(bool_or(layer = 'prospective' AND memories > 0), false) AS tasks,
        coalesce(bool_or(layer = 'graph' AND memories > 0), false) AS entities
    FROM scope
), found AS MATERIALIZED ({terms})
SELECT (SELECT json_agg(s) FROM scope AS s), (SELECT json_agg(t) FROM found AS t),
    {promise},
    CASE WHEN %(tasks)s AND (SELECT tasks FROM seen) THEN (SELECT json_agg(d) FROM ({due}) AS d) END,
    CASE WHEN %(tasks)s AND (SELECT tasks FROM seen) THEN ({next_due}) END,
    CASE WHEN %(entities)s AND (SELECT entities FROM seen) THEN (SELECT json_agg(n) FROM ({named}) AS n) END
"""
_PROJECTS = "(SELECT ids FROM seen)::integer[]"


_PROMISE = "(SELECT json_object_agg(p.layer, p.weight) FROM ({promise}) AS p)"


@functools.cache
def _survey_sql(*, with_promise: bool) -> SQL:
    # Put together from constants; no caller's text gets here. Without the promise no layer's own tables are named: to
    # name them is to wait for their locks.
    promise = promise_sql(terms="found", size="(SELECT size FROM seen)")
    parts = {"terms": TERMS, "due": DUE, "next_due": NEXT_DUE, "named": NAMED}
    return SQL(
        _SURVEY.format(
            scope=SCOPE,
            promise=_PROMISE.format(promise=promise) if with_promise else "NULL::json",
            **{name: part.format(projects=_PROJECTS) for name, part in parts.items()},
        )
    )


async def read_survey(
    session: Session, names: Sequence[str], query: str, around: str, situation: Situation, subjects: Subjects
) -> Survey:
    """The survey of a query in the scope of the projects with these names. `around` is what the caller is at, as text.

    Raises as `Session.fetch` does.
    """
    values = {
        "names": list(names),
        **terms_values(query, around),
        **due_values(situation),
        **named_values(query if subjects.entities else ""),
        "tasks": subjects.tasks,
        "entities": subjects.entities,
    }
    [(scope, terms, promise, fired, next_due, entities)] = await session.fetch(
        _survey_sql(with_promise=subjects.promise), values
    )
    conditions = [Fired(**condition) for condition in fired or ()]
    if len(conditions) * max(1, len(situation.files)) <= MAX_INLINE:
        due = due_of(conditions, situation)
    else:
        due = await anyio.to_thread.run_sync(due_of, conditions, situation)
    return Survey(
        scope=scope_of(ScopeRow(**row) for row in scope or ()),
        terms=[Term(**term) for term in terms or ()],
        due=due,
        next_due=next_due,
        promise=promise or {},
        entities=[NamedEntity(**entity) for entity in entities or ()],
    )
