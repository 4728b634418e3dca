"""What memories say, as far as it is read to rank them, and what the words of a query are to the lexical index."""

from __future__ import annotations

from collections.abc import Sequence

from athena_mcp.db.session import Session

READ_CHARS = 2_000
"""Of a longer memory only so much is read: what it is about stands at its beginning."""

# The primary key of athena.memories serves it.
_TEXTS = """
SELECT m.id, left(m.content, %(chars)s) || E'\\n' || left(m.also, %(chars)s)
FROM athena.memories m WHERE m.project_id = ANY (%(projects)s) AND m.id = ANY (%(ids)s)
"""

_WORD_TERMS = """
SELECT w.word, tsvector_to_array(to_tsvector(athena.search_config(), w.word)) FROM unnest(%(words)s::text[]) AS w (word)
"""


async def read_texts(session: Session, project_ids: Sequence[int], ids: Sequence[int]) -> dict[int, str]:
    """The beginning of each memory's text, and of what else it is found by, on lines of their own."""
    if not ids:
        return {}
    values = {"projects": list(project_ids), "ids": list(ids), "chars": READ_CHARS}
    return {row[0]: row[1] for row in await session.fetch(_TEXTS, values)}


async def read_word_terms(session: Session, words: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """The terms of the lexical index that each word stands for; none for a word that is not looked up."""
    if not words:
        return {}
    return {word: tuple(terms) for word, terms in await session.fetch(_WORD_TERMS, {"words": list(words)})}
