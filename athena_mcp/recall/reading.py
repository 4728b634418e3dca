"""Reading the best candidates word by word, which the indexes cannot: how well each word of the query is met. Pure.

Late interaction (Khattab and Zaharia, "ColBERT", 2020) on static word vectors: every word of the query takes its
closest word of the text, and these are averaged by the weight of the query's words. So *pager* speaks for *on-call*
beside the words that a text shares with the query, which a vector of the whole text blurs.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from athena_mcp.recall.content_terms import FUNCTION_WORDS, stem
from athena_mcp.recall.spelling import alike_in_spelling

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from athena_mcp.embed.word_vectors import WordVectors

    Matrix = npt.NDArray[np.float32]
    Vector = npt.NDArray[np.float32]

FADING = 0.85
FADED = 0.2
"""A statement says first what it is about: the n-th of its words counts FADED + (1 - FADED) * FADING ** n."""
MAX_QUERY_WORDS = 48
"""Of a longer query the heaviest words are read for."""
HEADING_CHARS = 100
"""The first line of a text, up to here, is what it says it is about."""
FEWEST_COMPARED = 10
"""Of fewer texts it says little how many have a word."""

_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_WORD = re.compile(r"[^\W_]+")
_UNSPACED = re.compile("[\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff\uac00-\ud7af]{2,}")


@dataclass(frozen=True, slots=True)
class Reading:
    """How a text meets a query; each 0 to 1."""

    interaction: float = 0.0
    """How near the closest words of the text come to the query's, by their weight."""
    phrase: float = 0.0
    """The share, by weight, of the query's pairs of adjacent words that are adjacent in the text."""
    heading: float = 0.0
    """How near the query's words come to those of the first line, each counting the same."""
    telling: float = 1.0
    """How much the query's words that it has say among the texts read, as a multiple of what they say in the store:
    below 1 when they are those that most of these texts have, too. Not limited to 1."""


UNREAD = Reading()


def reading_words(text: str) -> list[str]:
    """The words of a text in order that tell something, in lower case; compounds are taken apart, and scripts written
    without spaces go by pairs of characters."""
    apart = _CAMEL.sub(" ", text)
    if text.isascii():  # most texts are, and this takes a third of the time
        lowers = _WORD.findall(apart.lower())
        return [word for word in lowers if word not in FUNCTION_WORDS and (len(word) > 1 or word.isdigit())]
    found = []
    for word in _WORD.findall(apart):
        if _UNSPACED.search(word):
            found += [word[place : place + 2] for place in range(len(word) - 1)]
        elif (lower := word.lower()) not in FUNCTION_WORDS and (len(lower) > 1 or lower.isdigit()):
            found.append(lower)
    return found


def read_closely(
    query: Sequence[str], weights: Mapping[str, float], texts: Mapping[int, str], vectors: WordVectors | None
) -> dict[int, Reading]:
    """A reading for each text by its id; `query` are the `reading_words` of the query, `weights` how much each tells.

    Without `vectors` a word is met only by one of the same stem or of like letters.
    """
    asked = _heaviest(query, weights)
    total = sum(weights[word] for word in asked)
    worded = {id: words for id, text in texts.items() if (words := reading_words(text))}
    if not asked or total <= 0 or not worded:
        return {}
    # Words are numbered over all texts, so that each is compared with the query once.
    numbers: dict[str, int] = {}
    for words in worded.values():
        for word in words:
            numbers.setdefault(word, len(numbers))
    heads = {id: reading_words(texts[id].lstrip().split("\n", 1)[0][:HEADING_CHARS]) for id in worded}
    similarity = _similarity(asked, list(numbers), vectors)
    return _readings(asked, weights, total, query, worded, heads, numbers, similarity)


def _readings(
    asked: Sequence[str],
    weights: Mapping[str, float],
    total: float,
    query: Sequence[str],
    worded: Mapping[int, Sequence[str]],
    heads: Mapping[int, Sequence[str]],
    numbers: Mapping[str, int],
    similarity: Matrix,
) -> dict[int, Reading]:
    import numpy as np

    weight = np.array([weights[word] / total for word in asked], np.float32)
    pairs = _pair_weights(query, weights)
    closest = similarity.max(axis=0)
    all_met = {id: similarity[:, sorted({numbers[word] for word in words})].max(axis=1) for id, words in worded.items()}
    telling = _telling(weight, np.array([met == 1.0 for met in all_met.values()], np.float32))
    readings = {}
    for (id, words), told in zip(worded.items(), telling, strict=True):
        met = all_met[id]
        head = sorted({numbers[word] for word in heads[id] if word in numbers})
        readings[id] = Reading(
            interaction=float(weight @ met),
            phrase=_phrase(pairs, words),
            heading=float(closest[head].mean()) if head else 0.0,
            telling=float(told),
        )
    return readings


def _telling(weight: Vector, has: Matrix) -> Vector:
    """A number for each row of `has`, a text with 1 for each of the query's words in it: `Reading.telling`.

    The texts read are those that answer best, so a word that most of them have does not tell them apart, however rare
    it is in the store: each word's weight is taken times its inverse frequency among them (Robertson and Sparck Jones,
    1976, as BM25 has it), as a part of that of a word that none has.
    """
    import numpy as np

    count = len(has)
    if count < FEWEST_COMPARED:
        return np.ones(count, np.float32)
    frequency = has.sum(axis=0)
    rarity = np.log1p((count - frequency + 0.5) / (frequency + 0.5)) / math.log1p((count + 0.5) / 0.5)
    among = weight * rarity
    # The words that no text read has keep all their weight and are in the sum: they are what is missing in each.
    in_store, in_read = has @ weight, has @ (among / among.sum())
    told: Vector = np.divide(in_read, in_store, out=np.ones(count, np.float32), where=in_store > 0)
    return told


def faded(query: Sequence[str], weights: Mapping[str, float]) -> dict[str, float]:
    """The weights of a statement's words, those said later counting less."""
    return {
        word: weights[word] * (FADED + (1 - FADED) * FADING**place)
        for place, word in enumerate(dict.fromkeys(query))
        if word in weights
    }


def _heaviest(query: Sequence[str], weights: Mapping[str, float]) -> list[str]:
    distinct = [word for word in dict.fromkeys(query) if weights.get(word, 0.0) > 0]
    if len(distinct) <= MAX_QUERY_WORDS:
        return distinct
    return sorted(distinct, key=lambda word: -weights[word])[:MAX_QUERY_WORDS]


def _similarity(asked: Sequence[str], words: Sequence[str], vectors: WordVectors | None) -> Matrix:
    """A row for each word of the query, a column for each of the texts: 1 where the stem is the same.

    Else as near as their vectors are, or their letters if those say more.
    """
    import numpy as np

    stems: dict[str, list[int]] = {}
    for column, word in enumerate(words):
        stems.setdefault(stem(word), []).append(column)
    if vectors is None:
        similarity = np.zeros((len(asked), len(words)), np.float32)
    else:
        similarity = np.clip(vectors.of(asked) @ vectors.of(words).T, 0.0, 0.999)
    asked_stems = [stem(word) for word in asked]
    for row, other, score in alike_in_spelling(asked_stems, stems):
        similarity[row, stems[other]] = np.maximum(similarity[row, stems[other]], score)
    for row, own in enumerate(asked_stems):
        similarity[row, stems.get(own, [])] = 1.0
    return similarity


def _pair_weights(query: Sequence[str], weights: Mapping[str, float]) -> dict[tuple[str, str], float]:
    pairs = {
        (stem(one), stem(other)): weights.get(one, 0.0) + weights.get(other, 0.0) for one, other in pairwise(query)
    }
    total = sum(pairs.values())
    return {pair: weight / total for pair, weight in pairs.items()} if total > 0 else {}


def _phrase(pairs: Mapping[tuple[str, str], float], words: Sequence[str]) -> float:
    if not pairs:
        return 0.0
    met = pairs.keys() & set(pairwise(stem(word) for word in words))
    return sum(pairs[pair] for pair in met)
