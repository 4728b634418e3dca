"""Fitting an answer into its size: each memory gets a fair share of the text, and what is longer is cut and says so."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace

from athena_mcp.model import (
    Details,
    EpisodicDetails,
    Hit,
    Memory,
    ProceduralDetails,
    ProspectiveDetails,
    Relation,
    SemanticDetails,
    details_row,
)
from athena_mcp.recall.passage import passage_start

ANSWER_CHARS = 24_000
"""Text of all memories of an answer together, as JSON: some 6,000 tokens, a quarter of what hosts accept."""
DUE_CHARS = 6_000
"""Text of all due tasks of an answer together."""
LEAST_CHARS = 300
"""No memory is cut below this."""
OPENING_CHARS = 200
"""Of a long text's beginning, which says what it is, when a later passage is shown."""
DETAIL_SHARE = 3
"""What hangs on the memories (session, tags, details, relations) gets this part of the text's budget on top."""
DETAIL_CUTS = ((12, 160), (6, 80), (3, 60), (1, 40))
"""Entries of a list and characters of an entry that are shown of one memory; the first that fits its share."""


def fit(hits: Sequence[Hit], budget_chars: int = ANSWER_CHARS, *, query: str = "") -> tuple[Hit, ...]:
    """The hits with texts and details cut to their share: what short ones leave over, long ones may use.

    Of a text that is cut the beginning is shown, and the passage that has most of the query's words.
    """
    sizes = [_size(hit.memory.content) for hit in hits]
    share = fair_share(sizes, budget_chars)
    detail_sizes = [_detail_size(hit.memory) for hit in hits]
    detail_share = fair_share(detail_sizes, budget_chars // DETAIL_SHARE, least=0)
    fitting = [
        hit
        if size <= detail_share and _is_within(hit.memory, *DETAIL_CUTS[0])
        else _with_short_details(hit, detail_share)
        for hit, size in zip(hits, detail_sizes, strict=True)
    ]
    return tuple(_with_short_text(hit, size, share, query) for hit, size in zip(fitting, sizes, strict=True))


def fair_share(sizes: Sequence[int], budget: int, *, least: int = LEAST_CHARS) -> int:
    """The largest size that all may have at least, when shorter ones give what they do not need to the longer ones."""
    left, waiting = budget, sorted(sizes)
    for position, size in enumerate(waiting):
        share = left // (len(waiting) - position)
        if size > share:
            return max(least, share)
        left -= size
    return max(least, budget)


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


def excerpt(text: str, share: int, query: str) -> str:
    """The beginning of a text, and where it has most of the query's words, as JSON at most `share` characters."""
    head = cut(text, share)
    start = passage_start(text, query, share - OPENING_CHARS)
    # A passage that begins within what is shown anyway is there without it, or nearly.
    if start <= OPENING_CHARS or start + share <= len(head):
        return head
    opening = cut(text, OPENING_CHARS)
    return f"{opening} {cut(text[start:], share - _size(opening) - 1)}"


def shorten_details(memory: Memory, share: int) -> Memory:
    """The memory with what hangs on it cut to `share` characters of JSON; the same object when nothing was.

    A task's status, priority and time stay whatever the share.
    """
    for items, chars in DETAIL_CUTS:
        short = _shortened(memory, items, chars)
        if _detail_size(short) <= share:
            return memory if short == memory else short
    return replace(_shortened(memory, 0, 0), session_id=None)


def _is_within(memory: Memory, items: int, chars: int) -> bool:
    """Whether `_shortened` would leave the memory as it is; found out sooner than by copying it."""
    details = memory.details
    lists = [memory.relations, memory.tags]
    texts = [text for edge in memory.relations for text in (edge.subject, edge.relation, edge.object)]
    match details:
        case EpisodicDetails():
            lists.append(details.files)
            texts += details.files
        case SemanticDetails():
            texts.append(details.source or "")
        case ProceduralDetails():
            lists.append(details.steps)
            texts += [*details.steps, details.applies_when or ""]
        case ProspectiveDetails():
            lists.append(details.triggers)
            texts += [trigger.value for trigger in details.triggers]
        case _:
            pass
    return all(len(entries) <= items for entries in lists) and all(len(text) <= chars for text in texts)


def _shortened(memory: Memory, items: int, chars: int) -> Memory:
    """The memory with at most `items` entries in each list and `chars` characters in each text of its details."""

    def item(text: str) -> str:
        return text if len(text) <= chars else f"{text[: chars - 1]}…"

    def listed(texts: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(item(text) for text in texts[:items])

    def text(given: str | None) -> str | None:
        return item(given) if given and items else None

    details: Details | None = memory.details
    match details:
        case EpisodicDetails():
            details = replace(details, files=listed(details.files))
        case SemanticDetails():
            details = replace(details, source=text(details.source))
        case ProceduralDetails():
            details = replace(details, steps=listed(details.steps), applies_when=text(details.applies_when))
        case ProspectiveDetails():
            triggers = tuple(replace(trigger, value=item(trigger.value)) for trigger in details.triggers[:items])
            details = replace(details, triggers=triggers)
        case _:
            pass
    return replace(
        memory,
        tags=memory.tags[:items],
        details=details,
        relations=tuple(
            Relation(item(edge.subject), item(edge.relation), item(edge.object)) for edge in memory.relations[:items]
        ),
    )


def _with_short_details(hit: Hit, share: int) -> Hit:
    memory = shorten_details(hit.memory, share)
    # Cut details alone also make the memory incomplete, which `truncated` says.
    return hit if memory is hit.memory else replace(hit, memory=memory, text=memory.content)


def _with_short_text(hit: Hit, size: int, share: int, query: str) -> Hit:
    return replace(hit, text=excerpt(hit.memory.content, share, query)) if size > share else hit


def _detail_size(memory: Memory) -> int:
    """The length in the answer's JSON of all that hangs on a memory besides its text."""
    shown = [memory.session_id, memory.tags, details_row(memory.details, memory.relations)]
    return len(json.dumps(shown, ensure_ascii=False, separators=(",", ":")))


def _size(text: str) -> int:
    """The length of a text inside the answer's JSON, where a control character takes six."""
    return len(json.dumps(text, ensure_ascii=False)) - 2
