"""What the store holds altogether, and what the running servers last said of themselves."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
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
    (SELECT count(*) FROM athena.prospective_details d
        JOIN athena.memories m ON m.project_id = d.project_id AND m.id = d.memory_id
        WHERE d.status IN ('pending', 'in_progress', 'blocked') AND m.superseded_at IS NULL)
"""
# Of each table with its indexes and partitions: what the words, the vectors and the memories themselves take.
_SIZES = """
SELECT 'database', pg_database_size(current_database())
UNION ALL
SELECT CASE WHEN c.relname ~ '^(postings|terms|layer_totals)' THEN 'words'
    WHEN c.relname ~ '^vectors' THEN 'vectors' ELSE 'memories' END, sum(pg_total_relation_size(c.oid))::bigint
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = 'athena' AND c.relkind = 'r' GROUP BY 1
"""
# Ids are given out in the order of storing: the index is read from its end, back to the last memory that is older.
_GROWTH = """
SELECT count(*) FILTER (WHERE created_at > now() - interval '1 day'),
    count(*) FILTER (WHERE created_at > now() - interval '7 days')
FROM athena.memories WHERE id > coalesce((
    SELECT id FROM athena.memories WHERE created_at <= now() - interval '7 days' ORDER BY id DESC LIMIT 1), 0)
"""
_VERSIONS = """
SELECT current_setting('server_version'), (SELECT extversion FROM pg_extension WHERE extname = 'vector'),
    (SELECT max(number) FROM athena.migrations)
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
    """Live memories by layer and by project, how much history, graph and work there is, its size and its growth."""
    layers: dict[str, int] = dict(await session.fetch(_LAYERS))
    projects: dict[str, int] = dict(await session.fetch(_PROJECTS, {"limit": MAX_PROJECTS}))
    rest = await session.fetch_one(_REST) or (0, 0, 0, 0, 0)
    size = dict(await session.fetch(_SIZES))
    grown = await session.fetch_one(_GROWTH) or (0, 0)
    versions = await session.fetch_one(_VERSIONS) or (None, None, None)
    return {
        "memories": sum(layers.values()),
        "by_layer": layers,
        "by_project": projects,
        "projects": rest[0],
        "superseded": rest[1],
        "entities": rest[2],
        "relations": rest[3],
        "open_tasks": rest[4],
        "bytes": {"database": size.pop("database", 0), "athena": sum(size.values()), **size},
        "stored_lately": {"day": grown[0], "week": grown[1]},
        "versions": {"postgresql": versions[0], "pgvector": versions[1], "schema": versions[2]},
    }


@dataclass(frozen=True, slots=True)
class PublishedSnapshot:
    """What a server last said of itself; `alive` when it is still connected."""

    server_id: str
    published_at: datetime
    alive: bool
    snapshot: Mapping[str, Any]

    def row(self) -> dict[str, Any]:
        """The server in a few numbers."""

        def told(*path: str) -> Any:
            value: Any = self.snapshot
            for name in path:
                value = value.get(name) if isinstance(value, Mapping) else None
            return value

        return {
            "server": self.server_id,
            "alive": self.alive,
            "published_at": isoformat(self.published_at),
            "pid": told("server", "pid"),
            "version": told("server", "version"),
            "uptime_s": told("server", "uptime_s"),
            "recalls": told("recall", "count"),
            "recall_p50_ms": told("recall", "latency_ms", "p50"),
            "recall_p95_ms": told("recall", "latency_ms", "p95"),
            "recall_errors": told("recall", "errors"),
            "degraded": told("recall", "degraded"),
            "cache_hits": told("cache", "hits"),
            "remembered": told("remember", "stored"),
            "layer_queries": told("executor", "layer_queries"),
            "layer_failures": _sum(told("executor", "failed_tasks"), told("executor", "timeouts")),
            "queries_saved": told("executor", "queries_saved"),
            "speedup": told("executor", "speedup"),
            "embedder_ready": told("embedder", "ready"),
        }


async def publish_snapshot(session: Session, server_id: str, snapshot: Mapping[str, Any]) -> None:
    """Leave a server's statistics where the others and the command line can read them."""
    await session.execute(_PUBLISH, {"server": server_id, "snapshot": Jsonb(dict(snapshot))})
    await session.execute(_FORGET_OLD)


async def read_snapshots(session: Session, server_id: str) -> list[PublishedSnapshot]:
    """What the other servers of the last day published, the latest first."""
    rows = await session.fetch(_SERVERS, {"server": server_id})
    return [PublishedSnapshot(name, at, alive, snapshot) for name, at, snapshot, alive in rows]


def _sum(*counts: int | None) -> int | None:
    known = [count for count in counts if count is not None]
    return sum(known) if known else None
