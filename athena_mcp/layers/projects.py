"""Projects: the scopes that memories belong to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from athena_mcp.db.session import Session, Step


@dataclass(frozen=True, slots=True)
class ProjectCount:
    """A project and how many live memories it holds."""

    name: str
    memories: int


# The insert does nothing, and returns nothing, when the project is there; the second half finds it then, and those that
# need not be there.
_ENSURE = """
WITH made AS (
    INSERT INTO athena.projects (name)
    SELECT n FROM unnest(%(names)s::text[]) AS n
    WHERE NOT EXISTS (SELECT 1 FROM athena.projects p WHERE p.name = n)
    ON CONFLICT (name) DO NOTHING RETURNING name, id
)
SELECT name, id FROM made
UNION ALL SELECT name, id FROM athena.projects WHERE name = ANY (%(names)s::text[] || %(others)s::text[])
"""
_ENSURE_AND_ID = _ENSURE + " UNION ALL SELECT NULL, nextval(pg_get_serial_sequence('athena.memories', 'id'))"
_LOCK = "SELECT athena.lock_projects(%(projects)s)"
_LOCK_KNOWN = "SELECT athena.lock_known(%(project)s, %(name)s, %(memory)s::bigint)"
_LIVE = "SELECT coalesce(sum(memories), 0)::bigint FROM athena.layer_totals WHERE project_id = %(project)s"
_COUNTS = """
SELECT p.name, coalesce(sum(t.memories), 0)::bigint
FROM athena.projects p LEFT JOIN athena.layer_totals t ON t.project_id = p.id
GROUP BY p.name HAVING coalesce(sum(t.memories), 0) > 0 ORDER BY p.name
"""


async def ensure_projects(session: Session, names: Sequence[str]) -> dict[str, int]:
    """The ids of projects, made where they are missing.

    Not inside a transaction: another may be making the same.
    """
    wanted = sorted(set(names))
    found: dict[str, int] = {}
    while not found.keys() >= set(wanted):  # once, unless another process made one between the statement's two halves
        found = dict(await session.fetch(_ENSURE, {"names": wanted, "others": []}))
    return found


async def ensure_project_and_id(session: Session, name: str, others: Sequence[str]) -> tuple[dict[str, int], int]:
    """The ids of a project, made where it is missing, and of `others` that are there; and a fresh id for a memory, all
    in one round trip. An id that is not used leaves a gap. Not inside a transaction, as `ensure_projects`.
    """
    found: dict[str | None, int] = {}
    while name not in found:
        found = dict(await session.fetch(_ENSURE_AND_ID, {"names": [name], "others": list(others)}))
    memory_id = found.pop(None)
    return {project: id for project, id in found.items() if project is not None}, memory_id


def lock_step(project_ids: Sequence[int]) -> Step:
    """How to take the write locks of these projects until the transaction ends."""
    return Step(_LOCK, {"projects": list(project_ids)})


def lock_known_step(project_id: int, name: str, memory_id: int | None) -> Step:
    """How to take the write lock of a project whose id is known from before, for a memory whose id is, if it is given.

    It brings a fresh id for the next memory, and fails where the project has another id, or an id was drawn since.
    """
    return Step(_LOCK_KNOWN, {"project": project_id, "name": name, "memory": memory_id})


async def lock_projects(session: Session, project_ids: Sequence[int]) -> None:
    """Take the write locks of these projects until the transaction ends."""
    await session.execute_steps([lock_step(project_ids)])


async def count_live(session: Session, project_id: int) -> int:
    """How many live memories a project holds."""
    row = await session.fetch_one(_LIVE, {"project": project_id})
    return int(row[0]) if row else 0


async def count_projects(session: Session) -> list[ProjectCount]:
    """Every project that holds something, by name."""
    return [ProjectCount(*row) for row in await session.fetch(_COUNTS)]
