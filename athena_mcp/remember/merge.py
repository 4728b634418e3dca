"""What a memory told again adds to the one that is there: tags and relations are taken over, the rest is named."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from athena_mcp.db.session import Session
from athena_mcp.layers import graph
from athena_mcp.layers.entity_names import name_key, relation_key
from athena_mcp.layers.history import Twin, retag, supersede, take_key
from athena_mcp.layers.projects import lock_projects
from athena_mcp.layers.records import NewMemory, read_memories
from athena_mcp.model import DEFAULT_IMPORTANCE, MAX_TAGS, Memory, Relation
from athena_mcp.remember.prepare import Prepared, found_by


@dataclass(frozen=True, slots=True)
class Merged:
    """What telling it again did. `not_stored` names the arguments that differ from what is there and were not taken."""

    updated: Mapping[str, Any] | None = None
    supersedes: tuple[int, ...] = ()
    not_stored: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Missing:
    tags: tuple[str, ...]
    relations: tuple[Relation, ...]

    def __bool__(self) -> bool:
        return bool(self.tags or self.relations)


async def merge(session: Session, prepared: Prepared, new: NewMemory, twin: Twin) -> Merged:
    """Give `twin`, which `new` repeats, the tags, the relations and the key that it lacks.

    Not when it was replaced, or is the same by its key only: then nothing is changed.
    """
    stored = await _read(session, new.project_id, twin.id)
    if stored is None or not twin.live or twin.content_hash != new.content_hash:
        return Merged()
    not_stored = _not_stored(prepared, stored)
    rekeyed = new.key is not None and stored.key is None
    if not _missing(prepared, stored) and not rekeyed:
        return Merged(not_stored=not_stored)
    async with session.transaction():
        await lock_projects(session, [new.project_id])
        # Read anew under the lock: another writer may have done the same, or replaced or forgotten it.
        stored = await _read(session, new.project_id, twin.id)
        if stored is None or stored.superseded_at is not None:
            return Merged(not_stored=not_stored)
        missing = _missing(prepared, stored)
        if new.key is not None:
            # From now on it is found by its key, as a retry with it expects.
            rekeyed = await take_key(session, new.project_id, twin.id, new.key)
        supersedes: tuple[int, ...] = ()
        if missing.relations:
            stated = graph.Stated(new.project_id, twin.id, missing.relations)
            await graph.relate(session, [stated])
            related = await graph.end_replaced(session, stated)
            supersedes = tuple(other for other in related.supersedes if other != twin.id)
            if supersedes:
                await supersede(session, [new.project_id], supersedes, twin.id)
        if missing:
            tags = (*stored.tags, *missing.tags)
            also = found_by(tags, stored.details or prepared.details, (*stored.relations, *missing.relations))
            await retag(session, new.project_id, twin.id, tags, also)
    updated: dict[str, Any] = {"id": twin.id}
    if missing.tags:
        updated["tags"] = list(missing.tags)
    if missing.relations:
        updated["relations"] = len(missing.relations)
    if rekeyed:
        updated["key"] = new.key
    return Merged(updated, supersedes, not_stored)


async def says_more(session: Session, prepared: Prepared, twin: Twin) -> bool:
    """Whether a memory of the same text differs in its details, its importance or its time."""
    request = prepared.request
    row = await session.fetch_one("SELECT project_id FROM athena.memories WHERE id = %s", (twin.id,))
    stored = await _read(session, int(row[0]), twin.id) if row else None
    if stored is None or (request.key is not None and stored.key == request.key):
        return False
    other_time = request.occurred_at is not None and request.occurred_at != stored.occurred_at
    return other_time or bool({"details", "importance"}.intersection(_not_stored(prepared, stored)))


async def _read(session: Session, project_id: int, memory_id: int) -> Memory | None:
    return (await read_memories(session, [project_id], [memory_id])).get(memory_id)


def _missing(prepared: Prepared, stored: Memory) -> _Missing:
    """The tags and relations that were told and are not there; tags up to as many as a memory may have."""
    request = prepared.request
    tags = tuple(tag for tag in request.tags if tag not in stored.tags)[: MAX_TAGS - len(stored.tags)]
    known = {_key(edge) for edge in stored.relations}
    return _Missing(tags, tuple(edge for edge in request.relations if _key(edge) not in known))


def _key(edge: Relation) -> tuple[str, str, str]:
    """What makes two relations the same."""
    return (name_key(edge.subject), relation_key(edge.relation), name_key(edge.object))


def _not_stored(prepared: Prepared, stored: Memory) -> tuple[str, ...]:
    request = prepared.request
    names = []
    if request.key is not None and stored.key not in (None, request.key):
        names.append("key")
    # The session is left out: who tells a thing again mostly does so in another one.
    told_of_it = {"layer": request.layer, "occurred_at": request.occurred_at, "about": request.about}
    names += [name for name, told in told_of_it.items() if told not in (None, getattr(stored, name))]
    if request.importance not in (DEFAULT_IMPORTANCE, stored.importance):
        names.append("importance")
    # Only what was told: a task's status and a procedure's counts change with time.
    moved = prepared.move.to_dict()
    told = [name for name in request.details if name not in moved]
    if any(getattr(prepared.details, name, None) != getattr(stored.details, name, None) for name in told):
        names.append("details")
    if len({*request.tags, *stored.tags}) > MAX_TAGS:
        names.append("tags")
    return tuple(names)
