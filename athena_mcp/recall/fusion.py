"""One list from all layers and arms. Pure: candidates in, ranked candidates out, with the parts of each score.

Scores of an arm are scaled by the best of that arm over all layers and added, each with its weight. Adding scaled
scores beat fusing ranks on every set that was measured (docs/benchmarks.md), and makes the merged list a ranking: a
memory of one layer is comparable with one of another, since all are scored with the same document frequencies.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from athena_mcp.model import Layer
from athena_mcp.recall.reading import UNREAD, Reading
from athena_mcp.search.candidates import Candidate
from athena_mcp.search.neighbours import Neighbour


@dataclass(frozen=True, slots=True)
class Weights:
    """What each part counts beside the lexical one, whose best hit counts 1.

    Measured on the development cases (docs/benchmarks.md, Ranking); each is near the middle of a flat optimum.
    """

    cosine: float = 0.4
    covered: float = 0.4
    """The share of the query's known terms, by weight, that a memory has; its reading takes the place of it."""
    linked: float = 0.3
    beside: tuple[float, ...] = (0.25, 0.15)
    """What a memory one or two places before or after in its session lends of its own score."""
    beside_cosine: float = 0.2
    """The part of the cosine in what neighbours lend."""
    beside_interaction: float = 0.2
    """The part of the interaction in what neighbours lend."""
    interaction: float = 0.6
    phrase: float = 0.3
    heading: float = 0.9
    """For a statement only: who asks a question does not know the words that a heading has beside it."""
    intended: float = 0.2
    """What a memory of a kind that the question asks for by its form counts more."""
    least_lexical: float = 0.65
    """The share of the query's weight that the best lexical hit must have to count in full; see `fuse`."""
    session: float = 0.2
    """How well the session as a whole fits."""
    telling: float = 0.35
    """The part of a question's lexical score that goes by what its words tell among the texts read; in a statement each
    word was chosen to name the thing, and what many name is what it is about."""


MOST_TELLING = 1.5
"""A lexical score grows no more than so many times by what its words tell."""
SESSION_BEST = 5
"""How many of its memories speak for a session; a long one is not better for being long."""


class Ranked(NamedTuple):
    """A candidate in its place. `score` has no unit; the parts add up to it. A tuple for the reason that one is."""

    candidate: Candidate
    score: float
    lexical: float = 0.0
    cosine: float = 0.0
    covered: float = 0.0
    linked: float = 0.0
    intended: float = 0.0
    context: float = 0.0
    """What its neighbours and its session add (Tier 2)."""
    read: float = 0.0
    """What reading it word by word adds (Tier 2)."""
    reading: Reading = UNREAD


@dataclass(frozen=True, slots=True)
class Asked:
    """What fusion knows of the query: the weight of all its terms, with and without those that no memory has, and the
    kinds of memory it asks for by its form."""

    known_weight: float = 0.0
    whole_weight: float = 0.0
    intended: frozenset[Layer] = frozenset()
    statement: bool = False
    """Whether the query states what it looks for, as a changelog line does, rather than asking for it."""


def fuse(candidates: Iterable[Candidate], asked: Asked | None = None, weights: Weights | None = None) -> list[Ranked]:
    """Every candidate once, best first; of equals the later one, then the higher id."""
    weights, asked = weights or Weights(), asked or Asked()
    merged = merge(candidates)
    # The best lexical hit counts in full only when it has a fair part of the words: where all that anything shares with
    # the question is one common word, the vectors decide.
    best_lexical = max((row.lexical for row in merged), default=0.0)
    scale = max(best_lexical, weights.least_lexical * asked.whole_weight) or 1.0
    best_cosine = max((row.cosine or 0.0 for row in merged), default=0.0)
    of_cosine, of_linked, of_intended = weights.cosine, weights.linked, weights.intended
    known_weight, kinds = asked.known_weight, asked.intended
    of_covered = weights.covered if known_weight > 0 else 0.0
    ranked = []
    # Every recall goes through here with hundreds of rows, so what can be is taken out of the loop.
    for row in merged:
        lexical = row.lexical / scale
        cosine = of_cosine * (row.cosine / best_cosine) if row.cosine is not None and row.cosine > 0 else 0.0
        covered = row.covered
        if covered > 0:
            covered = of_covered * (covered / known_weight) if covered < known_weight else of_covered
        linked = of_linked * row.linked
        intended = of_intended if kinds and row.layer in kinds else 0.0
        score = lexical + cosine + covered + linked + intended
        ranked.append(Ranked(row, score, lexical, cosine, covered, linked, intended))
    return in_order(ranked)


def with_context(
    ranked: Sequence[Ranked],
    neighbours: Sequence[Neighbour],
    readings: Mapping[int, Reading] | None = None,
    *,
    statement: bool = False,
    weights: Weights | None = None,
) -> list[Ranked]:
    """The same list, each row with what the memories around it, its session and its reading add; neighbours join it.

    `neighbours` are those of some of `ranked`; a memory that only stands beside hits has no lexical score of its own.
    With `readings`, coverage counts for none: what was read is known better, what was not is behind it.
    """
    weights = weights or Weights()
    if readings is not None and not statement:
        ranked = [_told(row, readings.get(row.candidate.id, UNREAD), weights) for row in ranked]
    own = {row.candidate.id: row for row in ranked}
    best_cosine = max((row.candidate.cosine or 0.0 for row in ranked), default=0.0)
    lent: defaultdict[int, float] = defaultdict(float)
    for beside in neighbours:
        seed = own[beside.seed_id]
        own_words = seed.lexical + weights.beside_cosine * share(seed.candidate.cosine or 0.0, best_cosine)
        if readings is not None:
            own_words += weights.beside_interaction * readings.get(beside.seed_id, UNREAD).interaction
        lent[beside.id] += weights.beside[beside.distance - 1] * own_words
        if beside.id not in own:
            cosine = weights.cosine * share(beside.cosine or 0.0, best_cosine)
            own[beside.id] = Ranked(_candidate(beside), cosine, cosine=cosine)
    sessions = session_scores(ranked)
    placed = []
    for row in own.values():
        candidate = row.candidate
        context = lent.get(candidate.id, 0.0) + weights.session * sessions.get(candidate.session_id, 0.0)
        covered, read, reading = row.covered, row.read, row.reading
        score = row.score + context
        if readings is not None:
            reading = readings.get(candidate.id, UNREAD)
            read = weights.interaction * reading.interaction + weights.phrase * reading.phrase
            if statement:
                read += weights.heading * reading.heading
            score, covered = row.score - covered + context + read, 0.0
        placed.append(
            Ranked(candidate, score, row.lexical, row.cosine, covered, row.linked, row.intended, context, read, reading)
        )
    return in_order(placed)


def _told(row: Ranked, reading: Reading, weights: Weights) -> Ranked:
    """The row with the lexical part that its words are worth among those that were read."""
    if not row.lexical or reading.telling == 1.0:
        return row
    lexical = row.lexical * min(MOST_TELLING, 1 + weights.telling * (reading.telling - 1))
    return row._replace(score=row.score - row.lexical + lexical, lexical=lexical)


def session_scores(ranked: Iterable[Ranked]) -> dict[str, float]:
    """How well each session fits by its best memories, the best session at 1."""
    lexical: defaultdict[str, list[float]] = defaultdict(list)
    for row in ranked:
        if row.lexical > 0:
            lexical[row.candidate.session_id].append(row.lexical)
    sums = {session: sum(sorted(scores, reverse=True)[:SESSION_BEST]) for session, scores in lexical.items()}
    best = max(sums.values(), default=1.0)
    return {session: total / best for session, total in sums.items()}


def share(value: float, most: float) -> float:
    """`value` as a part of `most`, from 0 to 1; 0 when there is nothing to be a part of."""
    return min(1.0, max(0.0, value) / most) if most > 0 else 0.0


def in_order(ranked: Iterable[Ranked]) -> list[Ranked]:
    """Best first; of equals the later one, then the higher id."""
    return sorted(ranked, key=lambda row: (row.score, row.candidate.at, row.candidate.id), reverse=True)


def merge(candidates: Iterable[Candidate]) -> Sequence[Candidate]:
    """One row a memory, with the best that any arm knows of it."""
    merged: dict[int, Candidate] = {}
    for row in candidates:
        known = merged.get(row.id)
        if known is None:
            merged[row.id] = row
            continue
        merged[row.id] = known._replace(
            lexical=max(known.lexical, row.lexical),
            covered=max(known.covered, row.covered),
            cosine=max((value for value in (known.cosine, row.cosine) if value is not None), default=None),
            linked=max(known.linked, row.linked),
        )
    return list(merged.values())


def _candidate(beside: Neighbour) -> Candidate:
    return Candidate(
        id=beside.id,
        project_id=beside.project_id,
        layer=beside.layer,
        at=beside.at,
        session_id=beside.session_id,
        importance=beside.importance,
        cosine=beside.cosine,
    )
