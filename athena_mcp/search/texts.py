"""What memories say, as far as it is read to rank them, and what the words of a query are to the lexical index."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from athena_mcp.db.session import Session

READ_CHARS = 2_000
"""Of what else a memory is found by only so much is read."""
MAX_CHARS = 16_384
"""The longest content."""

# memories_by_id serves it, once an id: without OFFSET the planner might read all that the projects hold. Both questions
# go in one round trip.
_TEXTS = """
SELECT m.id, left(m.content, %(most)s) AS text, left(m.also, %(chars)s) AS also, NULL::text[] AS terms
FROM unnest(%(ids)s::bigint[]) AS w (id) CROSS JOIN LATERAL (
    SELECT id, content, also FROM athena.memories
    WHERE id = w.id AND project_id = ANY (%(projects)s::integer[]) OFFSET 0) AS m
UNION ALL
SELECT NULL, w.word, NULL, tsvector_to_array(to_tsvector(athena.search_config(), w.word))
FROM unnest(%(words)s::text[]) AS w (word)
"""


@dataclass(frozen=True, slots=True)
class Texts:
    """Memories as they are read, by id, and the index terms that each word of a query stands for, if any."""

    texts: Mapping[int, str]
    terms: Mapping[str, Sequence[str]]


async def read_texts(session: Session, project_ids: Sequence[int], ids: Sequence[int], words: Sequence[str]) -> Texts:
    """Each memory's text, a line end, and what else it is found by, and the terms of these words."""
    values = {
        "projects": list(project_ids),
        "ids": list(ids),
        "chars": READ_CHARS,
        "most": MAX_CHARS,
        "words": list(words),
    }
    rows = await session.fetch(_TEXTS, values)
    return Texts(
        {id: f"{text}\n{also}" for id, text, also, _ in rows if id is not None},
        {text: terms for id, text, _, terms in rows if id is None},
    )
