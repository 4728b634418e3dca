"""The lexical arm: which terms of a query are worth looking up, and what each weighs (BM25)."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from athena_mcp.db.session import Session
from athena_mcp.model import Layer
from athena_mcp.search.scope import Scope

# Robertson and Zaragoza, "The Probabilistic Relevance Framework: BM25 and Beyond" (2009); the usual values.
K1 = 1.2
B = 0.75

MAX_TERMS = 32
"""Rarest first; a query of 4,096 characters has hundreds, and the common ones cost most and tell least."""
WHOLE = 0.5
"""What a whole identifier weighs beside its parts, which are looked up too (measured: docs/benchmarks.md, Ranking)."""
AROUND = 0.15
"""What a term of the caller's context (task, files) weighs beside one of the query: it weighs, it does not filter."""
MAX_AROUND_CHARS = 2_000
COMMON_FRACTION = 0.25
COMMON_FLOOR = 2_000
"""A term in more memories than both of these is looked up only when nothing rarer is left."""


@dataclass(frozen=True, slots=True)
class LexicalQuery:
    """The terms to look up, as parallel arrays (a term has an id in each project), and the corpus numbers of BM25."""

    project_ids: list[int]
    term_ids: list[int]
    weights: list[float]
    mean_length: float
    total_weight: float
    """The summed weights of all the query's terms that occur anywhere, each counted once."""
    unknown_weight: float = 0.0
    """What the terms that no memory has would weigh."""
    unknown: tuple[str, ...] = ()
    """Terms of the query that no memory in scope has."""
    weight_of: dict[str, float] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.term_ids)


class Term(NamedTuple):
    """A term of the query as one project has it; the ids are None, and `df` is 0, where it does not have it."""

    term: str
    whole: bool
    """A whole identifier, beside its parts."""
    project_id: int | None
    term_id: int | None
    df: int


# The primary key of athena.terms serves it, once a term: OFFSET keeps the planner from reading a whole project's terms.
_TERMS = """
SELECT q.term, q.whole, t.project_id, t.id, coalesce(t.df, 0)
FROM athena.query_terms_of(athena.search_config(), %(query)s) AS q
LEFT JOIN LATERAL (
    SELECT project_id, id, df FROM athena.terms
    WHERE term = q.term AND project_id = ANY (%(projects)s::integer[]) OFFSET 0
) AS t ON true
"""


async def read_terms(session: Session, scope: Scope, query: str, around: str = "") -> LexicalQuery:
    """Take the query apart as memories were taken apart, and weigh its terms by their document frequency in scope.

    The terms of `around`, what the caller is at, are looked up with it and weigh little.
    """
    found = await session.fetch(_TERMS, {"query": query, "projects": scope.ids})
    terms = weigh_terms([Term(*row) for row in found], scope.size, scope.mean_length)
    if not around or not terms:
        return terms
    found = await session.fetch(_TERMS, {"query": around[:MAX_AROUND_CHARS], "projects": scope.ids})
    context = weigh_terms([Term(*row) for row in found], scope.size, scope.mean_length)
    return with_surroundings(terms, context)


def with_surroundings(terms: LexicalQuery, context: LexicalQuery) -> LexicalQuery:
    """The query's terms, and those of its context that it does not have itself, at a fraction of their weight."""
    own = set(zip(terms.project_ids, terms.term_ids, strict=True))
    rows = zip(context.project_ids, context.term_ids, context.weights, strict=True)
    more = [row for row in rows if (row[0], row[1]) not in own]
    return replace(
        terms,
        project_ids=[*terms.project_ids, *(row[0] for row in more)],
        term_ids=[*terms.term_ids, *(row[1] for row in more)],
        weights=[*terms.weights, *(AROUND * row[2] for row in more)],
    )


def weigh_terms(found: Sequence[Term], size: int, mean_length: float) -> LexicalQuery:
    """The lexical query: idf as in BM25+ of Lucene (never negative), rarest terms first, common ones left out."""
    rows: defaultdict[str, list[Term]] = defaultdict(list)
    for row in found:
        rows[row.term].append(row)
    frequency = {term: sum(row.df for row in entries) for term, entries in rows.items()}
    known = sorted((term for term, df in frequency.items() if df > 0), key=lambda term: (frequency[term], term))
    common = max(COMMON_FLOOR, COMMON_FRACTION * size)
    kept = [term for term in known if frequency[term] <= common][:MAX_TERMS] or known[:1]
    weight_of = {
        term: inverse_document_frequency(frequency[term], size) * (WHOLE if rows[term][0].whole else 1.0)
        for term in known
    }
    entries = [row for term in kept for row in rows[term] if row.term_id is not None and row.project_id is not None]
    return LexicalQuery(
        project_ids=[row.project_id for row in entries if row.project_id is not None],
        term_ids=[row.term_id for row in entries if row.term_id is not None],
        weights=[weight_of[row.term] for row in entries],
        mean_length=mean_length,
        total_weight=sum(weight_of.values()),
        unknown_weight=inverse_document_frequency(0, size)
        * sum(1 for term, df in frequency.items() if df == 0 and not rows[term][0].whole),
        unknown=tuple(sorted(term for term, df in frequency.items() if df == 0)),
        weight_of=weight_of,
    )


def inverse_document_frequency(df: int, size: int) -> float:
    """ln(1 + (N - df + 0.5) / (df + 0.5))."""
    return math.log(1 + max(0.0, size - df + 0.5) / (df + 0.5))


# A probe of the covering index of each layer's partition, a term at a time.
_PRESENCE = """
SELECT w.weight,
    EXISTS (SELECT 1 FROM athena.postings_episodic p WHERE p.project_id = w.project_id AND p.term_id = w.term_id),
    EXISTS (SELECT 1 FROM athena.postings_semantic p WHERE p.project_id = w.project_id AND p.term_id = w.term_id),
    EXISTS (SELECT 1 FROM athena.postings_procedural p WHERE p.project_id = w.project_id AND p.term_id = w.term_id),
    EXISTS (SELECT 1 FROM athena.postings_prospective p WHERE p.project_id = w.project_id AND p.term_id = w.term_id),
    EXISTS (SELECT 1 FROM athena.postings_graph p WHERE p.project_id = w.project_id AND p.term_id = w.term_id)
FROM unnest(%(projects)s::integer[], %(terms)s::integer[], %(weights)s::float8[]) AS w (project_id, term_id, weight)
"""


async def read_presence(session: Session, query: LexicalQuery) -> dict[Layer, float]:
    """How much of the query's weight each layer has terms for: the most that its best memory could match by words."""
    present = dict.fromkeys(Layer, 0.0)
    values = {"projects": query.project_ids, "terms": query.term_ids, "weights": query.weights}
    for weight, *has in await session.fetch(_PRESENCE, values):
        for layer, found in zip(Layer, has, strict=True):
            present[layer] += weight if found else 0.0
    return present
