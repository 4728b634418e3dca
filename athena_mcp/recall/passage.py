"""Which part of a long text a query speaks of. Pure."""

from __future__ import annotations

import re
from collections import Counter, deque

from athena_mcp.recall.content_terms import FUNCTION_WORDS, stem

LEAD_CHARS = 120
"""What is taken in before the first of the query's words in a passage."""
OPENING_CHARS = 400
"""Of a long text's beginning, which says what it is about, when it is read."""
READ_CHARS = 2_000
"""So much of a text is read: the whole of most."""

_WORD = re.compile(r"[^\W_]+")


def passage_start(text: str, query: str, length: int) -> int:
    """Where the passage of `length` characters begins that has most of the query's words; 0 when none is better."""
    wanted = {stem(word) for word in _WORD.findall(query.lower()) if word not in FUNCTION_WORDS}
    found = [(match.start(), root) for match in _WORD.finditer(text.lower()) if (root := stem(match.group())) in wanted]
    within: deque[tuple[int, str]] = deque()
    counts: Counter[str] = Counter()
    best, best_start = 0, 0
    for place, root in found:
        within.append((place, root))
        counts[root] += 1
        while within[0][0] < place - length:
            counts[within.popleft()[1]] -= 1
        if (distinct := sum(count > 0 for count in counts.values())) > best:
            best, best_start = distinct, within[0][0]
    begins = text.rfind(" ", 0, max(0, best_start - LEAD_CHARS)) + 1
    return begins if best_start > length else 0


def to_read(text: str, query: str) -> str:
    """What is read of a text: all of a short one, else its beginning and the passage that has most of the query."""
    if len(text) <= READ_CHARS:
        return text
    length = READ_CHARS - OPENING_CHARS
    start = passage_start(text, query, length)
    if start <= OPENING_CHARS:
        return text[:READ_CHARS]
    return f"{text[:OPENING_CHARS]}\n{text[start : start + length]}"
