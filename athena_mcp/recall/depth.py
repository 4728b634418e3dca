"""How deep a recall goes: as deep as asked, else the least depth whose answer is good enough. Pure."""

from __future__ import annotations

from athena_mcp.model import Layer
from athena_mcp.search.wordforms import CueTable, words

GOOD_ENOUGH = 0.9
"""An answer this probable is given at the depth reached (measured: docs/benchmarks.md, Depth)."""
WEAK = 0.7
"""Below this the layers that the selection left out are asked as well."""
WEAK_INTENDED = 0.15
"""The same for a question that asks for one kind of memory by its form: the others seldom have the answer then."""

_OVERVIEW = CueTable(
    {
        Layer.SEMANTIC: (
            "summar~, summary|summaries, overview, recap, digest, timeline, history of, everything, all we know",
            "what do we know, catch me up, bring me up to date, big picture",
            "compare, comparison, contrast, pros and cons",
        )
    }
)


def wants_overview(query: str) -> bool:
    """Whether the words ask for many memories made one, which is what Tier 3 does."""
    return bool(_OVERVIEW.first_by_meaning(words(query)))


def goes_to_tier_2(asked: int | None, confidence: float) -> bool:
    """Whether Tier 1's answer is enriched."""
    return asked >= 2 if asked is not None else confidence < GOOD_ENOUGH


def goes_wider_at_once(confidence: float, *, intended: bool) -> bool:
    """Whether Tier 1's answer is so weak that reading it could not make it strong: the layers left out are asked first,
    and all is read once."""
    return not intended and confidence < WEAK_INTENDED


def goes_wider(confidence: float, *, intended: bool) -> bool:
    """Whether the layers that the selection left out are asked as well (measured: docs/benchmarks.md, Selection)."""
    return confidence < (WEAK_INTENDED if intended else WEAK)


def goes_to_tier_3(asked: int | None, query: str) -> bool:
    """Whether the answer is composed. A weak one is not: rearranging it would not make it right."""
    return asked >= 3 if asked is not None else wants_overview(query)
