"""How many connections a store's PostgreSQL has."""

from __future__ import annotations

from dataclasses import dataclass

from athena_mcp.bench.failure import BenchFailed
from athena_mcp.db.session import Session

_CONNECTIONS = """
SELECT count(*) FILTER (WHERE pid <> pg_backend_pid()), current_setting('max_connections')::int
FROM pg_stat_activity WHERE backend_type = 'client backend'
"""


@dataclass(frozen=True, slots=True)
class Connections:
    """Those of clients, without the one that asks; and how many there may be."""

    used: int
    limit: int


async def count_connections(session: Session) -> Connections:
    """What is open now."""
    row = await session.fetch_one(_CONNECTIONS)
    if row is None:
        raise BenchFailed("The database does not tell its connections.")
    return Connections(int(row[0]), int(row[1]))
