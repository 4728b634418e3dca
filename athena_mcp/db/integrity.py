"""What must hold in every store after any sequence of writes, crashes and moves: indexes, counts and links agree.

Whatever can be derived from the memories is derived anew and compared. `athena-mcp doctor --verify`, the crash
benchmark and the tests all ask these questions.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, LiteralString

import psycopg

from athena_mcp.db.findings import Finding

NAME = "store"


@dataclass(frozen=True, slots=True)
class Invariant:
    """Something that must never be found; `count` is a query for how often it is."""

    never: str
    count: LiteralString


@dataclass(frozen=True, slots=True)
class Violation:
    """An invariant that does not hold. Says how often, never where: what is stored stays private."""

    never: str
    times: int


_CURRENT: LiteralString = "to_regprocedure('athena.terms_of_each(regconfig, text[], text[])') IS NOT NULL"
_DERIVED: LiteralString = """
WITH documents AS MATERIALIZED (
    SELECT m.project_id, m.id, m.layer, t.term, t.tf,
        least(greatest(sum(t.own) OVER (PARTITION BY m.project_id, m.id), 1), 32767)::integer AS length
    FROM athena.memories m
    LEFT JOIN LATERAL athena.terms_of_each(athena.search_config(), ARRAY[m.content], ARRAY[m.also]) t ON true
    WHERE m.superseded_at IS NULL
), found AS MATERIALIZED (
    SELECT project_id, term, id, tf, length, layer FROM documents WHERE term IS NOT NULL
), kept AS (
    SELECT p.project_id, t.term, p.memory_id, p.tf::integer, p.length::integer, p.layer
    FROM athena.postings p JOIN athena.terms t ON t.project_id = p.project_id AND t.id = p.term_id
), frequencies AS (
    SELECT project_id, term, count(*)::integer AS df FROM found GROUP BY 1, 2
), kept_frequencies AS (
    SELECT project_id, term, df FROM athena.terms
), totals AS (
    SELECT project_id, layer, count(*)::bigint AS memories, sum(length)::bigint AS terms
    FROM (SELECT DISTINCT project_id, layer, id, length FROM documents) AS d GROUP BY 1, 2
), kept_totals AS (
    SELECT project_id, layer, memories, terms FROM athena.layer_totals WHERE memories > 0 OR terms > 0
)
"""

INVARIANTS: tuple[Invariant, ...] = (
    Invariant(
        "a posting that is missing, left over or wrong",
        _DERIVED  # noqa: S608  two constants
        + """SELECT count(*) FROM (
            (TABLE found EXCEPT ALL TABLE kept) UNION ALL (TABLE kept EXCEPT ALL TABLE found)) AS d""",
    ),
    Invariant(
        "a term whose frequency is wrong",
        _DERIVED  # noqa: S608  two constants
        + """SELECT count(*) FROM (
            (TABLE frequencies EXCEPT ALL TABLE kept_frequencies)
            UNION ALL (TABLE kept_frequencies EXCEPT ALL TABLE frequencies)) AS d""",
    ),
    Invariant(
        "a layer whose totals are wrong",
        _DERIVED  # noqa: S608  two constants
        + """SELECT count(*) FROM (
            (TABLE totals EXCEPT ALL TABLE kept_totals) UNION ALL (TABLE kept_totals EXCEPT ALL TABLE totals)) AS d""",
    ),
    Invariant(
        "a posting without its term",
        """SELECT count(*) FROM athena.postings p WHERE NOT EXISTS (
            SELECT 1 FROM athena.terms t WHERE t.project_id = p.project_id AND t.id = p.term_id)""",
    ),
    Invariant(
        "a vector of a memory that is not live",
        """SELECT count(*) FROM athena.vectors v WHERE NOT EXISTS (
            SELECT 1 FROM athena.memories m WHERE m.project_id = v.project_id AND m.id = v.memory_id
                AND m.layer = v.layer AND m.superseded_at IS NULL)""",
    ),
    Invariant(
        "a vector of another dimension than its embedder's",
        """SELECT count(*) FROM athena.vectors v JOIN athena.embedders e ON e.id = v.embedder_id
            WHERE vector_dims(v.embedding) <> e.dimension""",
    ),
    Invariant(
        "an entity that no relation names",
        """SELECT count(*) FROM athena.entities e WHERE NOT EXISTS (
            SELECT 1 FROM athena.relations r WHERE r.project_id = e.project_id AND r.subject_id = e.id)
        AND NOT EXISTS (
            SELECT 1 FROM athena.relations r WHERE r.project_id = e.project_id AND r.object_id = e.id)""",
    ),
    Invariant(
        "a memory without the details of its layer, or with another's",
        """SELECT count(*) FROM athena.memories m WHERE
            (m.layer = 'episodic') <> EXISTS (SELECT 1 FROM athena.episodic_details d
                WHERE d.project_id = m.project_id AND d.memory_id = m.id)
            OR (m.layer = 'semantic') <> EXISTS (SELECT 1 FROM athena.semantic_details d
                WHERE d.project_id = m.project_id AND d.memory_id = m.id)
            OR (m.layer = 'procedural') <> EXISTS (SELECT 1 FROM athena.procedural_details d
                WHERE d.project_id = m.project_id AND d.memory_id = m.id)
            OR (m.layer = 'prospective') <> EXISTS (SELECT 1 FROM athena.prospective_details d
                WHERE d.project_id = m.project_id AND d.memory_id = m.id)""",
    ),
    Invariant(
        "one id twice",
        "SELECT count(*) FROM (SELECT id FROM athena.memories GROUP BY id HAVING count(*) > 1) AS d",
    ),
    Invariant(
        "an id that will be given out a second time",
        """SELECT count(*) FROM athena.memories m
            WHERE m.id > coalesce(pg_sequence_last_value(pg_get_serial_sequence('athena.memories', 'id')::regclass), 0)
            AND m.id <= 4611686018427387904""",
    ),
    Invariant(
        "one live text twice",
        """SELECT count(*) FROM (
            SELECT project_id FROM athena.memories WHERE superseded_at IS NULL AND layer <> 'episodic'
            GROUP BY project_id, layer, content_hash HAVING count(*) > 1) AS d""",
    ),
    Invariant(
        "a link to a memory that is not there",
        """SELECT count(*) FROM athena.memories m
            WHERE (m.superseded_by IS NOT NULL AND NOT EXISTS (
                    SELECT 1 FROM athena.memories o WHERE o.id = m.superseded_by))
                OR (m.about_id IS NOT NULL AND NOT EXISTS (SELECT 1 FROM athena.memories o WHERE o.id = m.about_id))""",
    ),
)
"""Every one asks for a number of rows; zero is right."""


async def violations(connection: psycopg.AsyncConnection[Any]) -> list[Violation]:
    """The invariants that do not hold, all judged on one state of the store. Raises psycopg.Error.

    Takes about a minute for 100,000 memories, since every text is taken apart again; writers are not held up.
    """
    found = []
    async with connection.transaction():
        await connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        await connection.execute("SET LOCAL statement_timeout = 0")
        for invariant in INVARIANTS:
            row = await (await connection.execute(invariant.count)).fetchone()
            if row is None or row[0]:
                found.append(Violation(invariant.never, int(row[0]) if row else 0))
    return found


async def verify_store(connection: psycopg.AsyncConnection[Any]) -> list[Finding]:
    """The same as findings of `doctor`."""
    there = await (await connection.execute("SELECT to_regclass('athena.vectors') IS NOT NULL")).fetchone()
    if not there or not there[0]:
        return [Finding(NAME, "ok", "nothing stored yet")]
    current = await (await connection.execute(f"SELECT {_CURRENT}")).fetchone()
    if not current or not current[0]:
        return [Finding(NAME, "warning", "its schema is older than this Athena", "Start a server, which brings it up.")]
    found = await violations(connection)
    if not found:
        row = await (await connection.execute("SELECT count(*) FROM athena.memories")).fetchone()
        return [Finding(NAME, "ok", f"{row[0] if row else 0:,} memories agree with their indexes, counts and links")]
    return [
        Finding(
            NAME,
            "failed",
            f"{violation.never}: {violation.times:,} times",
            "Run `athena-mcp export`, move the data folder away and `athena-mcp import` the file: that makes all "
            "indexes anew. And report this as a bug.",
        )
        for violation in found
    ]
