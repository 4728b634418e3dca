"""The write path: redact, choose the layer, embed, look for duplicates, store in one transaction, give a receipt."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from athena_mcp.db.pool import Database
from athena_mcp.db.session import Session
from athena_mcp.errors import EmbedderUnavailable, InvalidArgument
from athena_mcp.layers import graph, procedural, prospective
from athena_mcp.layers.history import Target, Twin, find_by_key, find_target, find_twin, supersede, touch
from athena_mcp.layers.projects import ensure_projects, lock_projects
from athena_mcp.layers.records import NewMemory, insert_memories
from athena_mcp.model import GLOBAL_PROJECT, EpisodicDetails, Layer, Outcome, Receipt
from athena_mcp.remember.prepare import Prepared, prepare
from athena_mcp.remember.redact import Redactor
from athena_mcp.remember.request import RememberRequest, content_hash, normalise, same_numbers
from athena_mcp.search.vector_arm import VectorArm
from athena_mcp.search.vectors import NewVector, insert_vectors, nearest

if TYPE_CHECKING:
    from athena_mcp.embed.embedder import Vector

NEAR_COSINE = 0.95
"""Above this two texts say nearly the same, in the default embedder's space; they are named, never dropped."""
NEAR_NAMED = 3


@dataclass(frozen=True, slots=True)
class RememberPipeline:
    """Stores one memory at a time; safe for any number of concurrent calls and processes."""

    database: Database
    vectors: VectorArm
    redactor: Redactor

    async def remember(self, request: RememberRequest, *, session_id: str) -> Receipt:
        """Store a memory; `session_id` is used when the request names none. The receipt is given after the commit.

        Raises InvalidArgument (nothing is stored then), DatabaseUnavailable, DeadlineExceeded or StorageError.
        """
        prepared = prepare(request, self.redactor)
        vector = await self._embed(prepared)
        async with self.database.session() as session:
            scope = await ensure_projects(session, [request.project, GLOBAL_PROJECT])
            project_id = scope[request.project]
            near = await self._near(session, project_id, prepared, vector)
            async with session.transaction():
                target = await self._target(session, list(scope.values()), prepared.request)
                locks = {project_id} | ({target.project_id} if target else set())
                await lock_projects(session, sorted(locks))
                return await self._store(session, project_id, prepared, target, vector, near, session_id)

    async def _embed(self, prepared: Prepared) -> Vector | None:
        embedder = self.vectors.embedder
        if embedder is None:
            return None
        try:
            return (await embedder.embed([prepared.meaning]))[0]
        except EmbedderUnavailable:
            return None

    async def _near(
        self, session: Session, project_id: int, prepared: Prepared, vector: Vector | None
    ) -> tuple[int, ...]:
        """The memories that say nearly the same, with the same numbers."""
        embedder_id = self.vectors.embedder_id
        if vector is None or embedder_id is None or not vector.any():
            return ()
        own = prepared.request.content
        return tuple(
            other.id
            for other in await nearest(session, project_id, prepared.layer, embedder_id, vector, NEAR_NAMED + 1)
            if other.cosine >= NEAR_COSINE
            and normalise(other.content) != normalise(own)
            and same_numbers(other.content, own)
        )[:NEAR_NAMED]

    @staticmethod
    async def _target(session: Session, scope: list[int], request: RememberRequest) -> Target | None:
        argument, memory_id = ("about", request.about) if request.about else ("replaces", request.replaces)
        if memory_id is None:
            return None
        target = await find_target(session, scope, memory_id)
        if target is None:
            raise InvalidArgument(
                argument, f"{memory_id} is not a memory of {request.project!r} or 'global'; recall it first"
            )
        return target

    async def _store(
        self,
        session: Session,
        project_id: int,
        prepared: Prepared,
        target: Target | None,
        vector: Vector | None,
        near: tuple[int, ...],
        session_id: str,
    ) -> Receipt:
        request = prepared.request
        new = new_memory(prepared, project_id, session_id)
        if twin := await self._twin(session, new):
            return Receipt(
                id=twin.id,
                layer=Layer(twin.layer),
                status="duplicate",
                project=request.project,
                vector=vector is not None,
                redactions=prepared.redactions or {},
                content_differs=twin.content_hash != new.content_hash,
            )
        if target is not None and request.replaces is not None and target.superseded:
            by = f" by {target.superseded_by}; replace that one" if target.superseded_by else ""
            raise InvalidArgument("replaces", f"{target.id} was already replaced{by}")
        stored = (await insert_memories(session, [new]))[0]
        if vector is not None and self.vectors.embedder_id is not None:
            row = NewVector(project_id, stored.id, prepared.layer, vector)
            await insert_vectors(session, self.vectors.embedder_id, [row])
        superseded = [target.id] if target is not None and request.replaces is not None else []
        if request.relations:
            related = await graph.relate(session, project_id, stored.id, request.relations)
            superseded += [other for other in related.supersedes if other not in superseded]
        if superseded:
            projects = sorted({project_id} | ({target.project_id} if target else set()))
            await supersede(session, projects, superseded, stored.id)
        updated = await self._report(session, prepared, target) if request.about is not None and target else None
        return Receipt(
            id=stored.id,
            layer=prepared.layer,
            status="stored",
            project=request.project,
            vector=vector is not None,
            layer_reason=prepared.reason,
            supersedes=tuple(superseded),
            updated=updated,
            near_duplicates=tuple(other for other in near if other not in superseded),
            redactions=prepared.redactions or {},
        )

    @staticmethod
    async def _twin(session: Session, new: NewMemory) -> Twin | None:
        if new.key is not None and (twin := await find_by_key(session, new.project_id, new.key)):
            return twin
        return await find_twin(
            session,
            new.project_id,
            new.layer,
            new.content_hash,
            occurred_at=new.occurred_at,
            created_at=datetime.now(UTC),
        )

    @staticmethod
    async def _report(session: Session, prepared: Prepared, target: Target) -> Mapping[str, Any] | None:
        """Apply a report to what it is about: a task takes the status, a procedure counts the outcome."""
        if prepared.status is not None:
            if target.layer is not Layer.PROSPECTIVE:
                raise InvalidArgument("details.status", f"{target.id} is not a task but a {target.layer} memory")
            await prospective.set_status(session, target.project_id, target.id, prepared.status)
            await touch(session, target.project_id, target.id)
            return {"id": target.id, "status": prepared.status.value}
        outcome = prepared.details.outcome if isinstance(prepared.details, EpisodicDetails) else None
        if target.layer is Layer.PROCEDURAL and outcome in (Outcome.SUCCESS, Outcome.FAILURE):
            counts = await procedural.count_run(session, target.project_id, target.id, outcome)
            await touch(session, target.project_id, target.id)
            return {"id": target.id, **counts}
        return None


def new_memory(prepared: Prepared, project_id: int, session_id: str) -> NewMemory:
    """The row of a prepared memory."""
    request = prepared.request
    return NewMemory(
        project_id=project_id,
        layer=prepared.layer,
        content=request.content,
        content_hash=content_hash(request.content),
        session_id=request.session_id or session_id,
        details=prepared.details,
        also=prepared.also,
        occurred_at=request.occurred_at,
        tags=request.tags,
        importance=request.importance,
        key=request.key,
        about=request.about,
    )
