"""What the store holds altogether, and what the running servers last said of themselves."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from psycopg.types.json import Jsonb

from athena_mcp.db.session import Session
from athena_mcp.jsonable import isoformat

MAX_PROJECTS = 20
"""Projects listed one by one, the largest first; the rest is in the sums."""

_LAYERS = "SELECT layer::text, sum(memories)::bigint FROM athena.layer_totals GROUP BY layer ORDER BY layer"
_PROJECTS = """
SELECT p.name, sum(t.memories)::bigint AS memories
FROM athena.projects p JOIN athena.layer_totals t ON t.project_id = p.id
GROUP BY p.name HAVING sum(t.memories) > 0 ORDER BY memories DESC, p.name LIMIT %(limit)s
"""
_REST = """
SELECT (SELECT count(*) FROM athena.projects),
    (SELECT count(*) FROM athena.memories WHERE superseded_at IS NOT NULL),
    (SELECT count(*) FROM athena.entities),
    (SELECT count(*) FROM athena.relations WHERE ended_at IS NULL),
    (SELECT count(*) FROM athena.prospective_details WHERE status IN ('pending', 'in_progress', 'blocked'))
"""
_PUBLISH = """
INSERT INTO athena.server_snapshots (server_id, published_at, snapshot) VALUES (%(server)s, now(), %(snapshot)s)
ON CONFLICT (server_id) DO UPDATE SET published_at = excluded.published_at, snapshot = excluded.snapshot
"""
_FORGET_OLD = "DELETE FROM athena.server_snapshots WHERE published_at < now() - interval '7 days'"
# A server is alive when one of its connections is; their application_name ends in its process id.
_SERVERS = """
SELECT s.server_id, s.published_at, s.snapshot, EXISTS (
    SELECT 1 FROM pg_stat_activity a
    WHERE a.application_name = 'athena-mcp ' || (s.snapshot #>> '{server,pid}')) AS alive
FROM athena.server_snapshots s
WHERE s.server_id <> %(server)s AND s.published_at > now() - interval '1 day'
ORDER BY s.published_at DESC LIMIT 20
"""


async def count_store(session: Session) -> dict[str, Any]:
    """Live memories by layer and by project, and how much history, graph and work there is."""
    layers: dict[str, int] = dict(await session.fetch(_LAYERS))
    projects: dict[str, int] = dict(await session.fetch(_PROJECTS, {"limit": MAX_PROJECTS}))
    rest = await session.fetch_one(_REST) or (0, 0, 0, 0, 0)
    return {
        "memories": sum(layers.values()),
        "by_layer": layers,
        "by_project": projects,
        "projects": rest[0],
        "superseded": rest[1],
        "entities": rest[2],
        "relations": rest[3],
        "open_tasks": rest[4],
    }


async def publish_snapshot(session: Session, server_id: str, snapshot: Mapping[str, Any]) -> None:
    """Leave a server's statistics where the others and the command line can read them."""
    await session.execute(_PUBLISH, {"server": server_id, "snapshot": Jsonb(dict(snapshot))})
    await session.execute(_FORGET_OLD)


async def read_servers(session: Session, server_id: str) -> list[dict[str, Any]]:
    """What the other servers of the last day published, the latest first, in a few numbers each."""
    rows = await session.fetch(_SERVERS, {"server": server_id})
    return [
        {
            "server": name,
            "alive": alive,
            "published_at": isoformat(published_at),
            "pid": snapshot.get("server", {}).get("pid"),
            "recalls": snapshot.get("recall", {}).get("count"),
            "remembered": snapshot.get("remember", {}).get("stored"),
        }
        for name, published_at, snapshot, alive in rows
    ]
