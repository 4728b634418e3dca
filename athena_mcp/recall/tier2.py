"""Tier 2: what Tier 1 found is enriched, not asked for again.

The layers that were left out are asked when the answer is weak; what was said around a hit in its session speaks for
it; the relations that hits state lead one and two steps further; the best are read word by word; and the caller's own
session counts a little more.

A second lexical query made of the best hits' own terms was tried and left out: it cost up to .02 of the mean reciprocal
rank on every development case and gained nothing (docs/benchmarks.md, Ranking).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from athena_mcp.db.pool import Database
from athena_mcp.db.session import DEFAULT_STATEMENT_S, Session
from athena_mcp.embed.word_vectors import WordVectors
from athena_mcp.layers.graph import expand
from athena_mcp.model import Layer
from athena_mcp.recall.fusion import Asked, Ranked, fuse, in_order, with_context
from athena_mcp.recall.ground import Groundwork
from athena_mcp.recall.newer import newer_first
from athena_mcp.recall.passage import to_read
from athena_mcp.recall.reading import faded, read_closely, reading_words
from athena_mcp.recall.request import RecallRequest
from athena_mcp.recall.tier1 import Answered
from athena_mcp.search.candidates import Candidate
from athena_mcp.search.neighbours import find_neighbours
from athena_mcp.search.texts import read_texts

SEEDS = 30
"""Hits whose surroundings are looked up."""
READ = 40
"""Memories that are read word by word; reading more moved none of the first ten (docs/benchmarks.md, Ranking)."""
GRAPH_SEEDS = 5
"""Hits whose relations are followed."""
OWN_SESSION = 0.05
"""What a memory of the caller's own session counts more; enough to decide between equals."""


async def enrich(
    database: Database,
    request: RecallRequest,
    ground: Groundwork,
    answered: Answered,
    word_vectors: WordVectors | None = None,
) -> Answered:
    """The same answer, ranked with what surrounds it."""
    if not answered.ranked:
        return answered
    async with database.session(DEFAULT_STATEMENT_S, reading=True) as session:
        linked = await _linked(session, ground, answered.ranked)
        ranked = _with_links(answered.ranked, linked, ground.asked)
        seeds = [row.candidate.id for row in ranked[:SEEDS]]
        # A layer that failed is missing from the answer; a part of it that came in by the back door would hide that.
        layers = ground.search.allowed - {layer for layer, row in answered.outcomes.items() if row.failed}
        # A list of open tasks has no surroundings: what stands beside a task in its session may be a finished one.
        around = [] if ground.search.tasks else seeds
        neighbours = await find_neighbours(session, ground.search, around, layers)
        best = [row.candidate.id for row in with_context(ranked, neighbours)[:READ]]
        query = reading_words(request.query)
        found = await read_texts(session, ground.search.project_ids, best, list(dict.fromkeys(query)))
    weights = {word: ground.search.lexical.weight(terms) for word, terms in found.terms.items()}
    statement = ground.asked.statement
    texts = {id: to_read(text, request.query) for id, text in found.texts.items()}
    readings = read_closely(query, faded(query, weights) if statement else weights, texts, word_vectors)
    ranked = with_context(ranked, neighbours, readings, statement=statement)
    ranked = newer_first(ranked, found.texts)
    if request.context.session_id:
        ranked = in_order(_prefer(row, request.context.session_id) for row in ranked)
    return dataclasses.replace(answered, ranked=tuple(ranked), read=True)


async def _linked(session: Session, ground: Groundwork, ranked: Sequence[Ranked]) -> list[Candidate]:
    """What the relations of the best hits lead to, where there is a graph at all."""
    if not ground.scope.memories[Layer.GRAPH]:
        return []
    return await expand(session, ground.search, [row.candidate.id for row in ranked[:GRAPH_SEEDS]])


def _with_links(ranked: Sequence[Ranked], linked: Sequence[Candidate], asked: Asked) -> list[Ranked]:
    if not linked:
        return list(ranked)
    return fuse([*(row.candidate for row in ranked), *linked], asked)


def _prefer(row: Ranked, session_id: str) -> Ranked:
    if row.candidate.session_id != session_id:
        return row
    return row._replace(score=row.score + OWN_SESSION, context=row.context + OWN_SESSION)
