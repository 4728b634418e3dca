"""What a recall may see: the projects in scope, and how much each layer holds there."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from athena_mcp.db.session import Session
from athena_mcp.model import Layer


@dataclass(frozen=True, slots=True)
class Scope:
    """The projects in scope that exist, with the numbers that BM25 and the selection need.

    `versions` grows with every write to a project, whoever makes it.
    """

    project_ids: Mapping[str, int]
    versions: Mapping[str, int]
    memories: Mapping[Layer, int]
    terms: int
    embedder_id: int | None = None
    """Whose vectors the store goes by; None when it has none, or the scope holds nothing."""

    @property
    def ids(self) -> list[int]:
        """The database ids of the projects."""
        return list(self.project_ids.values())

    @property
    def size(self) -> int:
        """How many live memories are in scope."""
        return sum(self.memories.values())

    @property
    def mean_length(self) -> float:
        """The mean number of terms of a memory."""
        return max(1.0, self.terms / max(1, self.size))


class Standing(NamedTuple):
    """How the projects in scope stand: what tells whether a kept answer still holds. As in `Scope`."""

    versions: Mapping[str, int]
    embedder_id: int | None


class ScopeRow(NamedTuple):
    """One layer of one project, or a project that holds nothing (`layer` is None)."""

    name: str
    id: int
    version: int
    layer: str | None
    memories: int
    terms: int
    embedder_id: int | None


# projects_name_key, the primary key of layer_totals and embedders_one_active serve both.
SCOPE = """
SELECT p.name, p.id, p.version, t.layer, coalesce(t.memories, 0) AS memories, coalesce(t.terms, 0) AS terms,
    (SELECT e.id FROM athena.embedders e WHERE e.active) AS embedder_id
FROM athena.projects p
LEFT JOIN athena.layer_totals t ON t.project_id = p.id
WHERE p.name = ANY (%(names)s::text[])
"""
"""Rows as `ScopeRow`, its columns by name."""
_STANDING = """
SELECT p.name, p.version, (SELECT e.id FROM athena.embedders e WHERE e.active)
FROM athena.projects p WHERE p.name = ANY (%(names)s::text[])
"""


async def read_scope(session: Session, names: Sequence[str]) -> Scope:
    """The scope made of the projects with these names; those that hold nothing yet are simply absent."""
    return scope_of(map(ScopeRow._make, await session.fetch(SCOPE, {"names": list(names)})))


async def read_standing(session: Session, names: Sequence[str]) -> Standing:
    """How the projects with these names stand; less work than their whole scope."""
    rows = await session.fetch(_STANDING, {"names": list(names)})
    return Standing({name: version for name, version, _ in rows}, rows[0][2] if rows else None)


def scope_of(rows: Iterable[ScopeRow]) -> Scope:
    """The scope that rows of SCOPE tell of."""
    project_ids: dict[str, int] = {}
    versions: dict[str, int] = {}
    memories = dict.fromkeys(Layer, 0)
    terms = 0
    embedder_id = None
    for row in rows:
        project_ids[row.name] = row.id
        versions[row.name] = row.version
        embedder_id = row.embedder_id
        if row.layer is not None:
            memories[Layer(row.layer)] += row.memories
            terms += row.terms
    return Scope(project_ids, versions, memories, terms, embedder_id)
