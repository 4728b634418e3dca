"""BM25 in memory: the yardstick that costs a page of code."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

    Scores = npt.NDArray[np.float64]

# Robertson and Zaragoza, "The Probabilistic Relevance Framework: BM25 and Beyond" (2009); the usual values.
K1 = 1.2
B = 0.75


class Bm25:
    """Scores every one of `documents`, given as their terms, for a query."""

    def __init__(self, documents: Sequence[Sequence[str]], k1: float = K1, b: float = B) -> None:
        self._size = len(documents)
        mean_length = sum(map(len, documents)) / max(1, self._size) or 1.0
        found: defaultdict[str, list[tuple[int, int]]] = defaultdict(list)
        for position, document in enumerate(documents):
            for term, count in Counter(document).items():
                found[term].append((position, count))
        self._positions: dict[str, npt.NDArray[np.intp]] = {}
        self._parts: dict[str, Scores] = {}
        for term, postings in found.items():
            weight = inverse_document_frequency(len(postings), self._size)
            self._positions[term] = np.array([position for position, _ in postings], dtype=np.intp)
            self._parts[term] = np.array(
                [
                    weight * count * (k1 + 1) / (count + k1 * (1 - b + b * len(documents[position]) / mean_length))
                    for position, count in postings
                ]
            )

    def scores(self, query: Sequence[str]) -> Scores:
        """One score a document, 0 where it has none of the query's terms; a term counts once."""
        scores = np.zeros(self._size)
        for term in dict.fromkeys(query):
            if term in self._parts:
                scores[self._positions[term]] += self._parts[term]
        return scores


def inverse_document_frequency(containing: int, size: int) -> float:
    """ln(1 + (N - n + 0.5) / (n + 0.5)), which is never negative."""
    return math.log(1 + (size - containing + 0.5) / (containing + 0.5))
