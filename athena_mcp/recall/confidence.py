"""How sure an answer is: the probability that a memory, and that an answer as a whole, holds what was asked for.

Pure. A rescaled similarity is no probability: questions that a store cannot answer are full of its words. So some
signs are weighed by a logistic regression, whose constants (athena_mcp/recall/calibration.py) were fitted on questions
with known answers, with their answers left out, and asked in stores of something else. `athena-mcp bench calibration`
fits them anew and prints how reliable they are.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from operator import attrgetter

from athena_mcp.recall.calibration import CONSTANTS
from athena_mcp.recall.fusion import Ranked
from athena_mcp.recall.logistic import Stage
from athena_mcp.search.lexical import K1, LexicalQuery

SCORE = 3.0
"""About the most that a score comes to."""
BEHIND = 10
"""The answer's head is compared with the hits up to this rank."""
USUAL_NEXT = 0.65
"""The next hit's score, as a part of one's own, where a small store has none: being alone speaks for no memory. With
0 in its place, a store of one memory called it relevant to any question."""
USUAL_BEHIND = 0.4
"""The same for the hits up to BEHIND, as a part of the first's."""

MISSING = 0.25
"""What is left of an answer's probability where a query names a code that no memory has: what was found is about
another one, however much the rest is alike. A judgement: the constants were fitted on no questions with such codes."""
LONG_STATEMENT = 7
"""Terms of a statement that says enough besides the codes it names to be like another one."""


@dataclass(frozen=True, slots=True)
class HitSigns:
    """What speaks for one hit; each about 0 to 1, in the order of the constants."""

    covered: float
    """Share of the query's terms, by weight, that it has; terms that no memory has count too."""
    strength: float
    """Its BM25 score as a share of the most that the query's terms could give."""
    cosine: float
    relative: float
    """Its score as a share of the best."""
    lead: float
    """How far it is ahead of the next, as a share of the best score."""
    place: float
    """1 for the first, falling with the logarithm of the rank."""
    known: float
    """Share of the query's terms, by weight, that occur in the store at all."""
    context: float
    """What its neighbours and session add, as a share of the best score."""
    interaction: float
    phrase: float
    """Both as in `reading.Reading`; 0 of what was not read."""


@dataclass(frozen=True, slots=True)
class AnswerSigns:
    """What speaks for an answer as a whole; in the order of the constants."""

    covered: float
    """The most that one of the first hits covers."""
    strength: float
    cosine: float
    known: float
    lead: float
    """How far the first is ahead of the second."""
    slope: float
    """How far the first is ahead of the mean of those up to BEHIND."""
    agreement: float
    """1 when the same memory is first by words and by vector, else 0."""
    union: float
    """How much of the first hits' strength lies beside the first: several partial answers."""
    interaction: float
    phrase: float
    """The most that one of the first hits has; 0 where none was read."""
    apart: float
    """How far the interaction of the first is ahead of the mean of those up to BEHIND."""
    score: float
    """The first hit's score, as a part of SCORE."""


_HIT_SIGNS = attrgetter(*HitSigns.__slots__)
_ANSWER_SIGNS = attrgetter(*AnswerSigns.__slots__)


def hit_signs(ranked: Sequence[Ranked], query: LexicalQuery, k: int) -> list[HitSigns]:
    """The signs of the first `k` hits, in order."""
    whole = (query.total_weight + query.unknown_weight) or 1.0
    best = ranked[0].score if ranked and ranked[0].score > 0 else 1.0
    known = query.total_weight / whole
    signs = []
    for place, row in enumerate(ranked[:k]):
        following = ranked[place + 1].score if place + 1 < len(ranked) else USUAL_NEXT * row.score
        signs.append(
            HitSigns(
                covered=min(1.0, row.candidate.covered / whole),
                strength=min(1.0, row.candidate.lexical / ((K1 + 1) * whole)),
                cosine=max(0.0, row.candidate.cosine or 0.0),
                relative=max(0.0, row.score / best),
                lead=max(0.0, (row.score - following) / best),
                place=1 / (1 + math.log(1 + place)),
                known=known,
                context=min(1.0, row.context / best),
                interaction=row.reading.interaction,
                phrase=row.reading.phrase,
            )
        )
    return signs


def answer_signs(ranked: Sequence[Ranked], query: LexicalQuery) -> AnswerSigns | None:
    """The signs of an answer whose hits these are; None when there is none."""
    if not ranked:
        return None
    first = hit_signs(ranked, query, BEHIND)
    behind = [row.relative for row in first[1:]]
    behind += [USUAL_BEHIND] * (BEHIND - 1 - len(behind))
    by_words = max(ranked, key=lambda row: row.candidate.lexical).candidate.id
    by_vector = max(ranked, key=lambda row: row.candidate.cosine or 0.0).candidate.id
    return AnswerSigns(
        covered=max(row.covered for row in first[:3]),
        strength=max(row.strength for row in first[:3]),
        cosine=max(row.cosine for row in first[:3]),
        known=first[0].known,
        lead=first[0].lead,
        slope=1 - sum(behind) / len(behind),
        agreement=float(by_words == by_vector),
        union=sum(row.strength for row in first[1:5]) / 4,
        interaction=max(row.interaction for row in first[:3]),
        phrase=max(row.phrase for row in first[:3]),
        apart=first[0].interaction - sum(row.interaction for row in first[1:]) / max(1, len(first) - 1),
        score=ranked[0].score / SCORE,
    )


def hit_confidence(signs: HitSigns, stage: Stage) -> float:
    """The probability that a memory with these signs answers the query."""
    return CONSTANTS[stage].hit.probability(_HIT_SIGNS(signs))


def answer_confidence(signs: AnswerSigns | None, stage: Stage) -> float:
    """The probability that an answer with these signs holds what was asked for; 0 for an empty one."""
    return 0.0 if signs is None else CONSTANTS[stage].answer.probability(_ANSWER_SIGNS(signs))


def bounded(confidence: float, query: LexicalQuery, *, statement: bool) -> float:
    """What is left of an answer's probability where the thing that a query names is not in the store. A long statement
    keeps it: whoever looks for what is like it may name what is new.
    """
    terms = len(query.weight_of) + len(query.unknown)
    return MISSING * confidence if query.missing and not (statement and terms >= LONG_STATEMENT) else confidence


def of_hits(sure: Sequence[float], answer: float) -> list[float]:
    """The probabilities of hits in order, so that they do not deny the answer's: that one of the first is right is no
    more likely than all their chances together, none is likelier than the answer, and none than one before it.
    """
    falling = list(accumulate(sure, min))
    together = sum(falling[:BEHIND])
    more = max(1.0, answer / together) if together > 0 else 1.0
    return [min(answer, more * probability) for probability in falling]


def stage_of(*, vectors: bool, read: bool) -> Stage:
    """Which constants an answer has: what is 0 because it was not looked at says something else than a real 0."""
    if read:
        return Stage.READ if vectors else Stage.READ_BY_WORDS
    return Stage.FOUND if vectors else Stage.FOUND_BY_WORDS
