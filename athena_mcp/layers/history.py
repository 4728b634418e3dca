"""What happens to a memory after it was stored: found again, replaced, reported on, forgotten."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from athena_mcp.db.session import Session
from athena_mcp.layers import graph
from athena_mcp.layers.kept import Replaced
from athena_mcp.layers.records import EVENT_REPEAT_S
from athena_mcp.model import Layer


class Twin(NamedTuple):
    """A memory that is the same as one about to be stored; one found by its key may have been replaced."""

    id: int
    layer: str
    content_hash: bytes
    embedded: bool
    live: bool
    key: str | None


class Target(NamedTuple):
    """A memory that another one names (`replaces`, `about`)."""

    project_id: int
    id: int
    layer: Layer
    superseded_by: int | None
    superseded: bool


_BY_KEY = """
SELECT m.id, m.layer::text, m.content_hash, EXISTS (
    SELECT 1 FROM athena.vectors v WHERE v.project_id = m.project_id AND v.memory_id = m.id AND v.layer = m.layer),
    m.superseded_at IS NULL, m.key
FROM athena.memories m WHERE m.project_id = %(project)s AND m.key = %(key)s
"""
# memories_by_content serves it. The clock is the server's, as it is where memories are inserted.
_BY_CONTENT = """
SELECT m.id, m.layer::text, m.content_hash, EXISTS (
    SELECT 1 FROM athena.vectors v WHERE v.project_id = m.project_id AND v.memory_id = m.id AND v.layer = m.layer),
    true, m.key
FROM athena.memories m
WHERE project_id = %(project)s AND layer = %(layer)s::athena.layer AND content_hash = %(hash)s AND superseded_at IS NULL
    AND (layer <> 'episodic'
        OR (about_id IS NOT DISTINCT FROM %(about)s::bigint AND (
            occurred_at = %(occurred_at)s::timestamptz
            OR (%(occurred_at)s::timestamptz IS NULL AND occurred_at IS NULL
                AND abs(extract(epoch FROM now() - created_at)) <= %(repeat_s)s))))
ORDER BY id LIMIT 1
"""
_TARGET = """
SELECT project_id, id, layer::text, superseded_by, superseded_at IS NOT NULL
FROM athena.memories WHERE id = %(id)s AND project_id = ANY (%(projects)s)
"""
_SUPERSEDE = """
UPDATE athena.memories SET superseded_by = %(by)s, superseded_at = now(), updated_at = now()
WHERE id = ANY (%(ids)s) AND project_id = ANY (%(projects)s) AND superseded_at IS NULL
"""
_SUPERSEDE_EACH = """
UPDATE athena.memories m SET superseded_by = r.by, superseded_at = now(), updated_at = now()
FROM unnest(%(projects)s::integer[], %(ids)s::bigint[], %(bys)s::bigint[]) AS r (project_id, id, by)
WHERE m.project_id = r.project_id AND m.id = r.id AND m.superseded_at IS NULL
"""
_RETAG = """
UPDATE athena.memories SET tags = %(tags)s::text[], also = %(also)s, updated_at = now()
WHERE project_id = %(project)s AND id = %(id)s
"""
_TAKE_KEY = """
UPDATE athena.memories SET key = %(key)s, updated_at = now()
WHERE project_id = %(project)s AND id = %(id)s AND key IS NULL
    AND NOT EXISTS (SELECT 1 FROM athena.memories k WHERE k.project_id = %(project)s AND k.key = %(key)s)
RETURNING id
"""
_GIVE_UP_KEY = "UPDATE athena.memories SET key = NULL WHERE project_id = %(project)s AND id = %(id)s"
_TOUCH = "UPDATE athena.memories SET updated_at = now() WHERE project_id = %(project)s AND id = %(id)s"
_COUNT_RELATIONS = "SELECT count(*) FROM athena.relations WHERE project_id = %(project)s AND memory_id = %(id)s"
_UNLINK = """
UPDATE athena.memories
SET superseded_by = nullif(superseded_by, %(id)s), about_id = nullif(about_id, %(id)s), updated_at = now()
WHERE superseded_by = %(id)s OR about_id = %(id)s
"""
# memories_superseded and memories_about serve it.
_LINKED = "SELECT DISTINCT project_id FROM athena.memories WHERE superseded_by = %(id)s OR about_id = %(id)s"
_FORGET = "DELETE FROM athena.memories WHERE project_id = %(project)s AND id = %(id)s"


async def find_by_key(session: Session, project_id: int, key: str) -> Twin | None:
    """The memory stored under a key, replaced or not."""
    row = await session.fetch_one(_BY_KEY, {"project": project_id, "key": key})
    return Twin(*row) if row else None


async def find_twin(
    session: Session,
    project_id: int,
    layer: Layer,
    content_hash: bytes,
    *,
    occurred_at: datetime | None,
    about: int | None,
) -> Twin | None:
    """The live memory with the same text in the same layer; of an event also at the same time and about the same."""
    row = await session.fetch_one(
        _BY_CONTENT,
        {
            "project": project_id,
            "layer": layer.value,
            "hash": content_hash,
            "occurred_at": occurred_at,
            "about": about,
            "repeat_s": EVENT_REPEAT_S,
        },
    )
    return Twin(*row) if row else None


async def find_target(session: Session, project_ids: Sequence[int], memory_id: int) -> Target | None:
    """A memory in scope, replaced or not."""
    row = await session.fetch_one(_TARGET, {"id": memory_id, "projects": list(project_ids)})
    return Target(row[0], row[1], Layer(row[2]), row[3], row[4]) if row else None


_REPLACED = """
SELECT id FROM athena.memories WHERE superseded_by = ANY (%(ids)s) AND project_id = ANY (%(projects)s)
ORDER BY id DESC LIMIT %(limit)s
"""


async def find_replaced(session: Session, project_ids: Sequence[int], ids: Sequence[int], limit: int) -> list[int]:
    """The ids of memories in scope that these have replaced, the latest first."""
    values = {"projects": list(project_ids), "ids": list(ids), "limit": limit}
    return [row[0] for row in await session.fetch(_REPLACED, values)]


async def supersede(session: Session, project_ids: Sequence[int], ids: Sequence[int], by: int) -> None:
    """Take memories out of recall in favour of another; they stay in history."""
    await session.execute(_SUPERSEDE, {"ids": list(ids), "projects": list(project_ids), "by": by})


async def supersede_each(session: Session, replaced: Sequence[Replaced]) -> None:
    """Take memories out of recall, each in favour of its own."""
    if replaced:
        values = {
            "projects": [row.project_id for row in replaced],
            "ids": [row.id for row in replaced],
            "bys": [row.by for row in replaced],
        }
        await session.execute(_SUPERSEDE_EACH, values)


async def touch(session: Session, project_id: int, memory_id: int) -> None:
    """Say that a memory's details changed, so that every process notices."""
    await session.execute(_TOUCH, {"project": project_id, "id": memory_id})


async def retag(session: Session, project_id: int, memory_id: int, tags: Sequence[str], also: str) -> None:
    """Give a memory other tags, and what else it is found by; the index follows."""
    await session.execute(_RETAG, {"project": project_id, "id": memory_id, "tags": list(tags), "also": also})


async def take_key(session: Session, project_id: int, memory_id: int, key: str) -> bool:
    """Give a memory without a key one that no other memory has; whether it took it."""
    values = {"project": project_id, "id": memory_id, "key": key}
    return bool(await session.fetch(_TAKE_KEY, values))


async def give_up_key(session: Session, project_id: int, memory_id: int) -> None:
    """Take a memory's key away, for the one that replaces it."""
    await session.execute(_GIVE_UP_KEY, {"project": project_id, "id": memory_id})


async def linked_projects(session: Session, memory_id: int) -> set[int]:
    """The projects of the memories that point to this one, which forgetting it changes."""
    return {row[0] for row in await session.fetch(_LINKED, {"id": memory_id})}


async def forget(session: Session, target: Target) -> int:
    """Delete a memory for good and return how many relations went with it. What it had replaced stays replaced."""
    row = await session.fetch_one(_COUNT_RELATIONS, {"project": target.project_id, "id": target.id})
    await session.execute(_UNLINK, {"id": target.id})
    await session.execute(_FORGET, {"project": target.project_id, "id": target.id})
    removed = int(row[0]) if row else 0
    if removed:
        await graph.drop_orphans(session, target.project_id)
    return removed
