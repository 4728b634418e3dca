"""Writes the dumps in `stores`: a store of each earlier schema, made by its migrations and filled by that time's SQL.

`python -m tests.trust.make_stores` adds those that are missing. One that is there is never made anew: it stands for
stores that people have.
"""

from __future__ import annotations

import re
import subprocess
import tempfile
from pathlib import Path

import anyio
import psycopg

from athena_mcp.db.embedded import EmbeddedServer
from athena_mcp.db.embedded.binaries import find_binaries
from athena_mcp.db.migrate import known_migrations, migrate
from athena_mcp.embed.static import DIMENSION, NAME

STORES = Path(__file__).parent / "stores"
_UNKNOWN_TO_OTHERS = re.compile(r"^(\\.*|SET transaction_timeout.*|--.*|)\n", re.MULTILINE)
"""What only psql or only a new PostgreSQL understands, and what is nothing."""

# The schema of step 1, which later ones only add to.
FILL = """
INSERT INTO athena.projects (name, version, created_at)
VALUES ('owner/project', 9, '2026-01-01T00:00:00Z'), ('global', 1, '2026-01-01T00:00:00Z');
INSERT INTO athena.memories (project_id, id, layer, content, content_hash, also, occurred_at, created_at, updated_at,
    session_id, tags, importance, key, about_id, superseded_by, superseded_at)
SELECT p.id, m.id, m.layer::athena.layer, m.content, sha256(convert_to(m.content, 'UTF8')), m.also, m.occurred_at,
    '2026-01-02T03:04:05.000006Z', '2026-01-02T03:04:05.000006Z', 'then', m.tags, m.importance, m.key, m.about,
    m.by, m.at
FROM (VALUES
    ('owner/project', 1, 'semantic', 'Staging listens on port 80.', 'net', NULL::timestamptz, '{net}'::text[], 0.5,
        NULL, NULL::bigint, 2::bigint, '2026-01-03T00:00:00.5Z'::timestamptz),
    ('owner/project', 2, 'semantic', 'Staging listens on port 8443.', '', NULL, '{}', 0.9, 'port', NULL, NULL, NULL),
    ('owner/project', 3, 'procedural', 'How to cut a release', E'Friday\ntag\npush', NULL, '{}', 0.5, NULL, NULL, NULL,
        NULL),
    ('owner/project', 4, 'episodic', 'The release went well', 'a.py', '2026-01-02T00:00:00.000001Z', '{}', 0.5, NULL,
        3, NULL, NULL),
    ('owner/project', 5, 'prospective', 'Renew the certificate', '', NULL, '{}', 0.5, NULL, NULL, NULL, NULL),
    ('owner/project', 6, 'graph', 'Billing runs on beta.', 'Billing runs on beta', NULL, '{}', 0.5, NULL, NULL, NULL,
        NULL),
    ('global', 7, 'semantic', 'Größenwahn 名前 emoji 🎉 stays.', '', NULL, '{}', 0.5, NULL, NULL, NULL, NULL)
) AS m (project, id, layer, content, also, occurred_at, tags, importance, key, about, by, at)
JOIN athena.projects p ON p.name = m.project ORDER BY m.id;
SELECT setval(pg_get_serial_sequence('athena.memories', 'id'), 7);
INSERT INTO athena.semantic_details (project_id, memory_id, kind, confidence, source)
SELECT project_id, id, CASE WHEN id = 2 THEN 'decision' ELSE 'fact' END::athena.semantic_kind,
    CASE WHEN id = 2 THEN 0.0 END, CASE WHEN id = 2 THEN 'ADR 7' END
FROM athena.memories WHERE layer = 'semantic';
INSERT INTO athena.procedural_details (project_id, memory_id, steps, applies_when, successes, failures)
SELECT project_id, id, '{tag,push}', 'Friday', 3, 1 FROM athena.memories WHERE layer = 'procedural';
INSERT INTO athena.episodic_details (project_id, memory_id, kind, outcome, files)
SELECT project_id, id, 'event', 'success', '{a.py}' FROM athena.memories WHERE layer = 'episodic';
INSERT INTO athena.prospective_details (project_id, memory_id, status, priority, due_at)
SELECT project_id, id, 'blocked', 'high', '2030-01-01T00:00:00Z' FROM athena.memories WHERE layer = 'prospective';
INSERT INTO athena.prospective_triggers (project_id, memory_id, position, kind, value, fires_at)
SELECT project_id, id, 0, 'file', '*.pem', NULL FROM athena.memories WHERE layer = 'prospective';
INSERT INTO athena.entities (project_id, name, name_key)
SELECT p.id, n.name, lower(n.name) FROM athena.projects p, unnest(ARRAY['Billing', 'beta']) AS n (name)
WHERE p.name = 'owner/project';
INSERT INTO athena.relations (project_id, memory_id, subject_id, relation, relation_key, object_id)
SELECT m.project_id, m.id, s.id, 'runs on', 'runs on', o.id
FROM athena.memories m, athena.entities s, athena.entities o
WHERE m.layer = 'graph' AND s.name = 'Billing' AND o.name = 'beta';
"""
FILL_VECTORS = f"""
INSERT INTO athena.embedders (name, dimension, active) VALUES ('{NAME}', {DIMENSION}, true);
INSERT INTO athena.vectors (project_id, memory_id, embedder_id, layer, embedding)
SELECT m.project_id, m.id, e.id, m.layer, array_fill(0.0625::real, ARRAY[{DIMENSION}])::halfvec
FROM athena.memories m, athena.embedders e WHERE m.id = 2;
"""
FIRST_WITH_VECTORS = 3


def store_of(step: int) -> Path:
    """The file with the dump of a store whose last step was `step`."""
    return STORES / f"schema_{step:04}.sql"


async def _make(conninfo: str, database: str, step: int) -> None:
    async with await psycopg.AsyncConnection.connect(conninfo, dbname="postgres", autocommit=True) as admin:
        await admin.execute(f"CREATE DATABASE {database}".encode())
    async with await psycopg.AsyncConnection.connect(conninfo, dbname=database, autocommit=True) as connection:
        await migrate(connection, known_migrations()[:step])
        await connection.execute(FILL.encode())
        if step >= FIRST_WITH_VECTORS:
            await connection.execute(FILL_VECTORS.encode())


def main() -> None:
    """Make the dumps that are missing."""
    with tempfile.TemporaryDirectory() as folder:
        server = EmbeddedServer(Path(folder))
        address = server.start()
        try:
            for step in range(1, len(known_migrations())):
                if store_of(step).exists():
                    continue
                database = f"schema_{step}"
                anyio.run(_make, address.conninfo, database, step)
                dump = subprocess.run(
                    [str(find_binaries().tool("pg_dump")), "--inserts", "--no-owner", "--no-privileges",
                     f"--host={address.host}", f"--username={address.user}", database],
                    env={"PGPASSWORD": address.password}, check=True, capture_output=True, text=True,
                )  # fmt: skip
                store_of(step).write_text(_UNKNOWN_TO_OTHERS.sub("", dump.stdout), encoding="utf-8")
        finally:
            server.stop()


if __name__ == "__main__":
    main()
