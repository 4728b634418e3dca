"""The language that a store is indexed in: a text search configuration of PostgreSQL, changed with all its memories."""

from __future__ import annotations

import logging

import anyio

from athena_mcp.db.pool import Database
from athena_mcp.db.session import Session
from athena_mcp.errors import ConfigurationError
from athena_mcp.search.store_lock import store_locked

log = logging.getLogger(__name__)

BATCH = 500
"""Memories that are indexed by one statement."""
REINDEX_S = 3600.0

_KNOWN = "SELECT cfgname, quote_ident(cfgname) FROM pg_ts_config WHERE pg_ts_config_is_visible(oid) ORDER BY cfgname"
_CURRENT = "SELECT value FROM athena.settings WHERE name = 'language'"
_CHANGE = "UPDATE athena.settings SET value = %(language)s WHERE name = 'language'"
_EMPTY = ("DELETE FROM athena.postings", "DELETE FROM athena.terms", "DELETE FROM athena.layer_totals")
_INDEX = """
SELECT max(id), count(*),
    athena.add_to_index(array_agg(project_id), array_agg(layer), array_agg(id), array_agg(content), array_agg(also))
FROM (
    SELECT project_id, layer, id, content, also FROM athena.memories
    WHERE superseded_at IS NULL AND id > %(after)s ORDER BY id LIMIT %(limit)s
) AS page HAVING count(*) > 0
"""
_TOUCH = "UPDATE athena.projects SET version = version + 1"
# What `db.pool` turns off for the small statements of a recall; a batch of memories is joined to its terms by hash.
_FOR_BATCHES = """
SELECT set_config(name, 'on', false) FROM unnest(ARRAY['enable_hashjoin', 'enable_mergejoin', 'enable_seqscan']) AS name
"""


async def ensure_language(database: Database, language: str) -> bool:
    """See that the store is indexed in `language`; True when all its memories had to be indexed anew.

    That takes about a minute for 100,000 memories, in one transaction: reading goes on with the old index until it is
    done, writing waits. Raises ConfigurationError, naming the languages there are, for one that is not among them.
    """
    async with database.session() as session:
        known: dict[str, str] = dict(await session.fetch(_KNOWN))
        chosen = known.get(language) or known.get(language.lower())
        if chosen is None:
            raise ConfigurationError(
                f"ATHENA_LANGUAGE is {language!r}, which this PostgreSQL does not know. It has: {', '.join(known)}."
            )
        if await _current(session) == chosen:
            return False
    async with database.own_session() as session:
        await session.execute(_FOR_BATCHES)
        async with store_locked(session):
            before = await _current(session)
            if before == chosen:  # another process did it meanwhile
                return False
            log.warning("The language changes from %s to %s: indexing all memories anew.", before, chosen)
            with anyio.fail_after(REINDEX_S):
                memories = await _reindex(session, chosen)
    log.warning("Indexed %d memories in %s.", memories, chosen)
    return True


async def _current(session: Session) -> str:
    row = await session.fetch_one(_CURRENT)
    return str(row[0]) if row else ""


async def _reindex(session: Session, language: str) -> int:
    await session.execute(_CHANGE, {"language": language})
    for statement in _EMPTY:
        await session.execute(statement)
    done, after_id = 0, 0
    while (row := await session.fetch_one(_INDEX, {"after": after_id, "limit": BATCH})) is not None:
        after_id, count, _ = row
        done += count
    await session.execute(_TOUCH)
    return done
