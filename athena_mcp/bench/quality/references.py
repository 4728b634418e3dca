"""The references that Athena is measured against, in memory and on the same memories.

BM25; the same with static vectors; both with what a memory's session says. Scores are scaled to their best and added.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from athena_mcp.bench.quality.bm25 import Bm25
from athena_mcp.bench.quality.case import CaseMemory
from athena_mcp.bench.quality.words import Stem, english_stemmer, terms_of

if TYPE_CHECKING:
    import numpy.typing as npt

    from athena_mcp.bench.quality.bm25 import Scores
    from athena_mcp.embed.embedder import Embedder

VECTOR_WEIGHT = 0.6
"""Beside BM25's best at 1; the best of those tried on developers' text."""
NEIGHBOUR_WEIGHT = 0.2
"""How much each of the two memories around one in its session speaks for it. Mild: more costs rank on chats."""
SESSION_WEIGHT = 0.2
"""How much its whole session, scored as one document, does."""


@dataclass(frozen=True, slots=True)
class Reference:
    """One reference row: BM25 and what is added to it."""

    name: str
    vectors: bool = False
    neighbours: bool = False


REFERENCES = (
    Reference("BM25"),
    Reference("BM25 + vectors", vectors=True),
    Reference("BM25 + vectors + neighbours", vectors=True, neighbours=True),
)


class ReferenceRanker:
    """Ranks a case's memories for a query. Without an embedder only references without vectors can be asked."""

    def __init__(self, memories: Sequence[CaseMemory], stem: Stem, vectors: npt.NDArray[np.float64] | None) -> None:
        self._memories = memories
        self._stem = stem
        terms = [terms_of(memory.text, stem) for memory in memories]
        self._words = Bm25(terms)
        self._vectors = vectors
        # The memories of each session, in the case's order, which is that of time.
        sessions: dict[str, list[int]] = {}
        for position, memory in enumerate(memories):
            if memory.session:
                sessions.setdefault(memory.session, []).append(position)
        self._sessions = [np.array(members, dtype=np.intp) for members in sessions.values()]
        self._session_words = Bm25([[term for i in members for term in terms[i]] for members in sessions.values()])

    def rank(self, reference: Reference, query: str, vector: npt.NDArray[np.float64] | None, k: int) -> list[str]:
        """The ids of the `k` best memories; those that nothing speaks for are left out."""
        terms = terms_of(query, self._stem)
        words = scaled(self._words.scores(terms))
        total = words
        if reference.vectors and self._vectors is not None and vector is not None:
            total = total + VECTOR_WEIGHT * stretched(self._vectors @ vector)
        if reference.neighbours and self._sessions:
            total = total + self._from_sessions(words, terms)
        best = np.argsort(-total, kind="stable")[:k]
        return [self._memories[int(position)].id for position in best if total[position] > 0]

    def _from_sessions(self, words: Scores, terms: Sequence[str]) -> Scores:
        added = np.zeros_like(words)
        whole = scaled(self._session_words.scores(terms))
        for members, score in zip(self._sessions, whole, strict=True):
            own = words[members]
            added[members[1:]] += NEIGHBOUR_WEIGHT * own[:-1]
            added[members[:-1]] += NEIGHBOUR_WEIGHT * own[1:]
            added[members] += SESSION_WEIGHT * score
        return added


async def make_ranker(memories: Sequence[CaseMemory], embedder: Embedder | None) -> ReferenceRanker:
    """The ranker of a case's memories."""
    vectors = None if embedder is None else np.array(await embedder.embed([memory.text for memory in memories]), float)
    return ReferenceRanker(memories, english_stemmer(), vectors)


def scaled(scores: Scores) -> Scores:
    """Divided by the best, if there is one above 0."""
    best = float(scores.max(initial=0.0))
    return scores / best if best > 0 else scores


def stretched(scores: Scores) -> Scores:
    """From 0 for the lowest to 1 for the highest."""
    low, high = float(scores.min()), float(scores.max())
    return (scores - low) / (high - low) if high > low else np.zeros_like(scores)
