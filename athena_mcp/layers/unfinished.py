"""An import that has begun and not ended: noted in the store, so that the next run of it can go on as it began."""

from __future__ import annotations

from athena_mcp.db.session import Session

# Only an import into an empty store is noted: it alone keeps its ids.
_BEGIN = """
INSERT INTO athena.settings (name, value)
SELECT 'unfinished import', %(mark)s WHERE NOT EXISTS (SELECT 1 FROM athena.memories)
ON CONFLICT (name) DO UPDATE SET value = excluded.value
"""
_BEGUN = "SELECT value FROM athena.settings WHERE name = 'unfinished import' AND value = %(mark)s"
_END = "DELETE FROM athena.settings WHERE name = 'unfinished import' AND value = %(mark)s"


# An account that sees a part of the store cannot know which ids are taken.
_MAY_NOTE = "SELECT 1 WHERE has_table_privilege('athena.settings', 'INSERT')"


async def begin_import(session: Session, mark: str) -> bool:
    """Whether the import that `mark` stands for may keep its ids: the store is empty, or holds the beginning of it."""
    if not await session.fetch(_MAY_NOTE):
        return False
    await session.execute(_BEGIN, {"mark": mark})
    return await session.fetch_one(_BEGUN, {"mark": mark}) is not None


async def end_import(session: Session, mark: str) -> None:
    """Take note that the import has come to its end."""
    if await session.fetch(_MAY_NOTE):
        await session.execute(_END, {"mark": mark})
