"""An order in which near-duplicates do not crowd out the rest, without losing what was found best.

Maximal marginal relevance (Carbonell and Goldstein, SIGIR 1998), kept mild: only what is nearly the same as a memory
already placed is set back, and the better half of a list always stays in it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from athena_mcp.recall.content_terms import alike, to_unit

SETBACK = 0.15
"""What an exact copy of something already placed loses, in shares of the best score."""
ALIKE = 0.6
"""Texts less alike than this do not set each other back at all."""


def diversify(
    scores: Sequence[float],
    terms: Sequence[Mapping[str, float]],
    *,
    k: int,
    behind: Mapping[int, int] | None = None,
) -> list[int]:
    """The places 0, 1, … of a list that is given best first, in their new order.

    `behind` names, for a place, the one that must come before it: an older memory stands behind what replaces it, and
    the newer takes the better of the two scores. It must have no cycles. The first place stays first unless something
    must come before it. The best `k // 2` stay among the first `k`, with what must come before them, as far as these
    together are no more than `k`.
    """
    behind = behind or {}
    relevance = _relevance(scores, behind)
    waiting = _respecting(range(len(scores)), behind)
    kept = set(_respecting(range(min(k // 2, len(scores))), behind)[:k])
    units = [to_unit(row) for row in terms]
    copied = [0.0] * len(scores)
    order: list[int] = []
    while waiting:
        ready = [place for place in waiting if behind.get(place) not in waiting]
        if not order:
            ready = ready[:1]
        elif kept and len(order) + len(kept) >= k:
            # The rest of the list is spoken for; whatever must come before these is among them.
            ready = [place for place in ready if place in kept]
        chosen = max(ready, key=lambda place: relevance[place] - SETBACK * copied[place])
        order.append(chosen)
        waiting.remove(chosen)
        kept.discard(chosen)
        for place in waiting:
            over = (alike(units[chosen], units[place]) - ALIKE) / (1 - ALIKE)
            copied[place] = max(copied[place], over)
    return order


def _relevance(scores: Sequence[float], behind: Mapping[int, int]) -> list[float]:
    best = max(scores, default=0.0)
    relevance = [score / best if best > 0 else 0.0 for score in scores]
    for place in sorted(behind, key=lambda place: relevance[place]):
        ahead: int | None = behind[place]
        while ahead is not None:
            relevance[ahead] = max(relevance[ahead], relevance[place])
            ahead = behind.get(ahead)
    return relevance


def _respecting(places: Sequence[int], behind: Mapping[int, int]) -> list[int]:
    """The places in order, each after whatever it must stand behind, which is brought in where it is missing."""
    order: dict[int, None] = {}
    for place in places:
        chain = [place]
        while (ahead := behind.get(chain[-1])) is not None:
            chain.append(ahead)
        order |= dict.fromkeys(reversed(chain))
    return list(order)
