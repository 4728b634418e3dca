"""The lexical arm: which terms of a query are worth looking up, and what each weighs (BM25)."""

from __future__ import annotations

import math
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

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

_CODE = re.compile(r"(?=.*[a-z])(?=(?:\D*\d){3})\w+$|\d{4,}(?<!00)$")
"""Letters with three digits or more, and numbers of four or more that are not round ones."""


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
    missing: tuple[str, ...] = ()
    """Those of them that name one thing and nothing like it: error codes, ids, ports."""
    weight_of: dict[str, float] = field(default_factory=dict)

    unknown_idf: float = 0.0
    """What one term that no memory has would weigh."""

    def __bool__(self) -> bool:
        return bool(self.term_ids)

    def weight(self, terms: Iterable[str]) -> float:
        """What a word that stands for these terms weighs: as much as the rarest; 0 for a stop word."""
        return max((self.weight_of.get(term, self.unknown_idf) for term in terms), default=0.0)


class Term(NamedTuple):
    """A term of the query as one project has it; the ids are None, and `df` is 0, where it does not have it."""

    term: str
    whole: bool
    """A whole identifier, beside its parts."""
    project_id: int | None
    term_id: int | None
    df: int
    around: bool = False
    """A term of what the caller is at, not of the query."""


# The primary key of athena.terms serves it, once a term: OFFSET keeps the planner from reading a whole project's terms.
TERMS = """
SELECT q.term, q.whole, t.project_id, t.id AS term_id, coalesce(t.df, 0) AS df, q.around
FROM (
    SELECT term, whole, false AS around FROM athena.query_terms_of(athena.search_config(), %(query)s)
    UNION ALL
    SELECT term, whole, true FROM athena.query_terms_of(athena.search_config(), %(around)s)
    WHERE %(around)s <> ''
) AS q
LEFT JOIN LATERAL (
    SELECT project_id, id, df FROM athena.terms
    WHERE term = q.term AND project_id = ANY ({projects}) OFFSET 0
) AS t ON true
"""
"""Takes the query and its surroundings apart as memories were taken apart: a row a `Term`, its columns by name."""

# The rarest of the query's terms, as many as few postings are read for, are sought in the covering index of each
# layer's partition. A term's weight is worked out once, not once a posting, and in floats: numeric logarithms took two
# thirds of the statement's time.
PROMISE = """
SELECT m.layer, max(m.weight) AS weight FROM (
    SELECT p.layer, p.memory_id, sum(r.weight) AS weight
    FROM (
        SELECT k.*, sum(k.df) OVER (ORDER BY k.df, k.term_id) - k.df AS before,
            ln(1 + greatest(0::float8, {size} - k.df + 0.5::float8) / (k.df + 0.5::float8))
                * CASE WHEN k.whole THEN {whole}::float8 ELSE 1::float8 END AS weight
        FROM {terms} AS k WHERE NOT k.around AND k.term_id IS NOT NULL
    ) AS r
    JOIN athena.postings p ON p.project_id = r.project_id AND p.term_id = r.term_id
    WHERE r.before + r.df <= {most} OR r.before = 0
    GROUP BY p.layer, p.memory_id
) AS m GROUP BY m.layer
"""
"""The most weight of the query's rare terms that one memory of a layer has; `{terms}` are rows of `TERMS`."""
MAX_PROBED = 1_000
"""Postings that the promise of the layers is read from, besides those of the rarest term."""


def promise_sql(*, terms: str, size: str) -> str:
    """PROMISE over the rows of TERMS that go by the name `terms`; `size` is how many memories are in scope."""
    return PROMISE.format(terms=terms, size=size, whole=WHOLE, most=MAX_PROBED)


def terms_values(query: str, around: str) -> dict[str, Any]:
    """The parameters of TERMS."""
    return {"query": query, "around": around[:MAX_AROUND_CHARS]}


def weigh_query(found: Sequence[Term], scope: Scope) -> LexicalQuery:
    """The query's terms weighed by their document frequency in scope; those around it join them and weigh little."""
    terms = weigh_terms([term for term in found if not term.around], scope.size, scope.mean_length)
    context = [term for term in found if term.around]
    if not context or not terms:
        return terms
    return with_surroundings(terms, weigh_terms(context, scope.size, scope.mean_length))


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
        missing=tuple(
            sorted(term for term, df in frequency.items() if df == 0 and not rows[term][0].whole and _CODE.match(term))
        ),
        unknown_idf=inverse_document_frequency(0, size),
        weight_of=weight_of,
    )


def inverse_document_frequency(df: int, size: int) -> float:
    """ln(1 + (N - df + 0.5) / (df + 0.5))."""
    return math.log(1 + max(0.0, size - df + 0.5) / (df + 0.5))


def weigh_promise(query: LexicalQuery, most: Mapping[str, float]) -> dict[Layer, float]:
    """What share of the query's weight the best memory of each layer may have, 0 to 1; `most` are rows of PROMISE."""
    if not most or not query.total_weight:
        return dict.fromkeys(Layer, 0.0)
    return {layer: min(1.0, most.get(layer.value, 0.0) / query.total_weight) for layer in Layer}
