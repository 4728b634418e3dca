"""What the store knows of a query before any layer is asked for memories, in one statement and so in one round trip."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from psycopg.sql import SQL

from athena_mcp.db.session import Session
from athena_mcp.layers.due import DUE, NEXT_DUE, Due, Fired, Situation, due_of, due_values
from athena_mcp.layers.graph import NAMED, NamedEntity, named_values
from athena_mcp.search.lexical import Term, terms_sql, terms_values


@dataclass(frozen=True, slots=True)
class Subjects:
    """What a query is asked to be looked into for, besides its terms."""

    presence: bool = True
    """Which layers have its terms."""
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
    entities: Sequence[NamedEntity] = ()
    """Those that the query names, the longest name first."""


# Each part is served by the indexes named beside it; one that is not wanted is not run.
_SURVEY = """
SELECT (SELECT json_agg(t) FROM ({terms}) AS t),
    CASE WHEN %(tasks)s THEN (SELECT json_agg(d) FROM ({due}) AS d) END,
    CASE WHEN %(tasks)s THEN ({next_due}) END,
    CASE WHEN %(entities)s THEN (SELECT json_agg(n) FROM ({named}) AS n) END
"""


@functools.cache
def _survey_sql(*, with_presence: bool) -> SQL:
    # Put together from constants and the names of an enumeration; no caller's text gets here.
    return SQL(_SURVEY.format(terms=terms_sql(with_presence=with_presence), due=DUE, next_due=NEXT_DUE, named=NAMED))


async def read_survey(
    session: Session, project_ids: Sequence[int], query: str, around: str, situation: Situation, subjects: Subjects
) -> Survey:
    """The survey of a query in these projects. `around` is what the caller is at, as text."""
    values = {
        **terms_values(query, around),
        **due_values(situation),
        **named_values(query if subjects.entities else ""),
        "projects": list(project_ids),
        "tasks": subjects.tasks,
        "entities": subjects.entities,
    }
    row = await session.fetch_one(_survey_sql(with_presence=subjects.presence), values)
    if row is None:
        return Survey()
    terms, fired, next_due, entities = row
    return Survey(
        terms=[Term(**term) for term in terms or ()],
        due=due_of((Fired(**condition) for condition in fired or ()), situation),
        next_due=next_due,
        entities=[NamedEntity(**entity) for entity in entities or ()],
    )
