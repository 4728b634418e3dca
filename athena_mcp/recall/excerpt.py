"""Fitting an answer into its size: each memory gets a fair share of the text, and what is longer is cut and says so."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace

from athena_mcp.model import (
    EpisodicDetails,
    Hit,
    Memory,
    ProceduralDetails,
    ProspectiveDetails,
    SemanticDetails,
)

ANSWER_CHARS = 24_000
"""Text of all memories of an answer together, as JSON: some 6,000 tokens, a quarter of what hosts accept."""
DUE_CHARS = 6_000
"""Text of all due tasks of an answer together."""
LEAST_CHARS = 300
"""No memory is cut below this."""
DETAIL_ITEMS = 12
"""Files, steps, triggers and relations shown of one memory."""
DETAIL_CHARS = 160
"""Of one such item."""


def fit(hits: Sequence[Hit], budget_chars: int = ANSWER_CHARS) -> tuple[Hit, ...]:
    """The hits with texts cut to their share: what short ones leave over, long ones may use."""
    sizes = [_size(hit.memory.content) for hit in hits]
    share = fair_share(sizes, budget_chars)
    return tuple(_fit_one(hit, size, share) for hit, size in zip(hits, sizes, strict=True))


def fair_share(sizes: Sequence[int], budget: int) -> int:
    """The largest size that all may have at least, when shorter ones give what they do not need to the longer ones."""
    left, waiting = budget, sorted(sizes)
    for position, size in enumerate(waiting):
        share = left // (len(waiting) - position)
        if size > share:
            return max(LEAST_CHARS, share)
        left -= size
    return max(LEAST_CHARS, budget)


def cut(text: str, share: int) -> str:
    """The beginning of a text, ended at a word, that as JSON is at most `share` characters."""
    low, high = 0, min(len(text), share)
    while low < high:
        middle = (low + high + 1) // 2
        if _size(text[:middle]) <= share - 1:
            low = middle
        else:
            high = middle - 1
    kept = text[:low]
    at_word = kept.rstrip().rpartition(" ")[0]
    return (at_word if len(at_word) > low * 0.8 else kept.rstrip()) + "…"


def shorten_details(memory: Memory) -> Memory:
    """The memory with long lists and items in its details cut; the same object when nothing was."""
    relations = memory.relations[:DETAIL_ITEMS]
    match memory.details:
        case EpisodicDetails() as details:
            short: object = replace(details, files=_items(details.files))
        case ProceduralDetails() as details:
            short = replace(
                details,
                steps=_items(details.steps),
                applies_when=None if details.applies_when is None else _item(details.applies_when),
            )
        case ProspectiveDetails() as details:
            triggers = tuple(replace(t, value=_item(t.value)) for t in details.triggers[:DETAIL_ITEMS])
            short = replace(details, triggers=triggers)
        case SemanticDetails(source=str()) as details:
            short = replace(details, source=_item(details.source or ""))
        case _:
            short = memory.details
    if short == memory.details and relations == memory.relations:
        return memory
    return replace(memory, details=short, relations=relations)  # type: ignore[arg-type]  # same type as it was


def _fit_one(hit: Hit, size: int, share: int) -> Hit:
    memory = shorten_details(hit.memory)
    if size > share:
        return replace(hit, memory=memory, text=cut(memory.content, share))
    # Cut details alone also make the memory incomplete, which `truncated` says.
    return hit if memory is hit.memory else replace(hit, memory=memory, text=memory.content)


def _items(items: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(_item(item) for item in items[:DETAIL_ITEMS])


def _item(text: str) -> str:
    return text if len(text) <= DETAIL_CHARS else f"{text[: DETAIL_CHARS - 1]}…"


def _size(text: str) -> int:
    """The length of a text inside the answer's JSON, where a control character takes six."""
    return len(json.dumps(text, ensure_ascii=False)) - 2
