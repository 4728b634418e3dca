"""What autovacuum would do within a minute or two, done when an import ends: statistics, and pages known to be visible.

Until then PostgreSQL takes tables that have just been filled for small ones: it compares all vectors of a layer instead
of asking their index, and looks every entry of the lexical index up in its table.
"""

from __future__ import annotations

from functools import partial

from psycopg.sql import SQL, Identifier

from athena_mcp.bounded import within
from athena_mcp.db.pool import Database

CHANGED_ROWS = 1_000
CHANGED_FRACTION = 0.1
"""A table with more changes than both since it was last looked at. The fraction is autovacuum's own."""
VACUUM_S = 3600.0

# Nothing reads vectors from an index alone, and taking dead ones out of theirs takes minutes.
_CHANGED = """
SELECT s.relname, s.relname LIKE 'vectors\\_%%'
FROM pg_stat_user_tables s JOIN pg_class c ON c.oid = s.relid
WHERE s.schemaname = 'athena' AND c.relkind = 'r'
    AND s.n_mod_since_analyze > greatest(%(rows)s, %(fraction)s * c.reltuples)
ORDER BY s.relname
"""
# One that is being looked at already, or indexed, is left alone: who builds an index waits for all that began before,
# and would wait for ever for somebody who waits for its lock.
_VACUUM = SQL("VACUUM (ANALYZE, SKIP_LOCKED) {table}")
_ANALYZE = SQL("ANALYZE (SKIP_LOCKED) {table}")


async def vacuum_changed(database: Database) -> None:
    """Vacuum and analyse the tables of which much has changed; others may read and write them meanwhile.

    A role that does not own them changes nothing. Raises the database's errors.
    """
    async with database.own_session() as session:
        changed = await session.fetch(_CHANGED, {"rows": CHANGED_ROWS, "fraction": CHANGED_FRACTION})
        for name, only_analyze in changed:
            statement = (_ANALYZE if only_analyze else _VACUUM).format(table=Identifier("athena", name))
            await within(VACUUM_S, partial(session.execute, statement))
