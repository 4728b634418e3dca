"""The write path: redact, choose the layer, embed, look for duplicates, store in one transaction, give a receipt."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Any

import anyio
import anyio.to_thread
from anyio.lowlevel import checkpoint

from athena_mcp.beside import side_work
from athena_mcp.db.pool import Database
from athena_mcp.db.session import Session, Step
from athena_mcp.errors import EmbedderUnavailable, InvalidArgument, LimitReached, OutOfDate, StorageError
from athena_mcp.layers import graph, procedural, prospective
from athena_mcp.layers.history import Target, Twin, find_by_key, find_target, find_twin, give_up_key, supersede, touch
from athena_mcp.layers.projects import ensure_project_and_id, lock_known_step, lock_projects
from athena_mcp.layers.records import NewMemory, insert_steps
from athena_mcp.layers.registry import layer_rooms
from athena_mcp.model import (
    GLOBAL_PROJECT,
    MAX_ITEM_CHARS,
    EpisodicDetails,
    EpisodicKind,
    Layer,
    Outcome,
    ProspectiveDetails,
    SemanticKind,
)
from athena_mcp.receipt import Receipt
from athena_mcp.remember.ahead import Ahead, Known
from athena_mcp.remember.limits import WriteLimits
from athena_mcp.remember.merge import merge, says_more
from athena_mcp.remember.near import find_near
from athena_mcp.remember.prepare import NO_EDGE, Prepared, new_memory, prepare
from athena_mcp.remember.redact import Redactor
from athena_mcp.remember.request import RememberRequest
from athena_mcp.search.scope import read_scope
from athena_mcp.search.vector_arm import VectorArm
from athena_mcp.search.vectors import NewVector, vector_steps

if TYPE_CHECKING:
    from athena_mcp.embed.embedder import Vector

NEAR_WAIT_S = 1.0
"""A memory that is stored does not wait longer to be told so: whoever asks might take it for lost."""
NEAR_END_S = 2.0
"""Ending a statement that hangs takes half of it at most (`db.connection`)."""
INLINE_CHARS = 4_000
"""What is prepared on the event loop; handing less to a thread takes longer than preparing it."""
_REPORTED_ON = frozenset({Layer.PROSPECTIVE, Layer.PROCEDURAL})
"""Layers whose memories a report changes."""


@dataclass(frozen=True, slots=True)
class Changes:
    """What storing one memory did to others."""

    stored: bool = True
    """False when the memory has a twin, which stands for it."""
    supersedes: tuple[int, ...] = ()
    updated: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class RememberPipeline:
    """Stores one memory at a time; safe for any number of concurrent calls and processes."""

    database: Database
    vectors: VectorArm
    redactor: Redactor
    limits: WriteLimits = field(default_factory=WriteLimits)
    ahead: Ahead = field(default_factory=Ahead)

    async def remember(self, request: RememberRequest, *, session_id: str) -> Receipt:
        """Store a memory; `session_id` is used when the request names none. The receipt is given after the commit.

        Raises InvalidArgument or LimitReached (nothing is stored then), DatabaseUnavailable, DeadlineExceeded or
        StorageError.
        """
        self.limits.take(request.project)
        request, inherited = await self._in_the_layer_of_the_replaced(request)
        prepared = await self._prepare(request)
        if inherited:
            prepared = replace(prepared, reason=_inherited(prepared))
        known = None if _changes_others(prepared.request) else self.ahead.take(prepared.request.project)
        if known is not None:
            try:
                return await self._remember(prepared, known, session_id=session_id)
            except (OutOfDate, LimitReached):  # it may be another project's limit
                self.ahead.refused()
        return await self._remember(prepared, None, session_id=session_id)

    async def _remember(self, prepared: Prepared, known: Known | None, *, session_id: str) -> Receipt:
        request = prepared.request
        async with side_work() as side:
            if known is not None:
                scope, memory_id = {request.project: known.project_id}, known.memory_id
                vector = await self._embed(prepared)
            else:
                embedding = side.begin(partial(self._embed, prepared), "embedding")
                self.ahead.overtaken()
                async with self.database.session() as session:
                    scope, memory_id = await ensure_project_and_id(session, request.project, [GLOBAL_PROJECT])
                vector = await embedding.value()
            async with self.database.session() as session:
                if request.replaces is not None:
                    # What is put right for all projects stays in the scope of all.
                    target = await self._target(session, list(scope.values()), request)
                    if target is not None and target.project_id == scope.get(GLOBAL_PROJECT):
                        request = replace(request, project=GLOBAL_PROJECT)
                project_id = scope[request.project]
                if request.replaces is None:  # which leaves as many as there were
                    await self._check_room(session, prepared, project_id)
                new = new_memory(prepared, project_id, memory_id, session_id)
                near = side.begin(partial(self._find_near, new, vector), "near duplicates")
                await checkpoint()  # so that the database has begun with it when the statements below are made ready
                steps = self._steps(new, vector)
                changes = await self._store(session, list(scope.values()), prepared, new, steps, known)
                if not changes.stored:
                    return await self._duplicate(session, list(scope.values()), prepared, new, changes.supersedes)
            # No connection is held any more, so that searches that wait for one get theirs. What is stored must be
            # acknowledged, so they get none of the time that ending them may take.
            found: tuple[int, ...] = ()
            left_s = anyio.current_effective_deadline() - anyio.current_time() - NEAR_END_S
            with anyio.move_on_after(min(NEAR_WAIT_S, left_s)):
                found = await near.value()
        return Receipt(
            id=new.id,
            layer=new.layer,
            status="stored",
            project=request.project,
            vector=vector is not None,
            layer_reason=prepared.reason,
            supersedes=changes.supersedes,
            updated=changes.updated,
            near_duplicates=tuple(other for other in found if other not in changes.supersedes),
            redactions=prepared.redactions or {},
        )

    async def _store(
        self,
        session: Session,
        scope: list[int],
        prepared: Prepared,
        new: NewMemory,
        steps: list[Step],
        known: Known | None,
    ) -> Changes:
        """Store a memory unless it has a twin; a task that recurs takes the place of its finished one."""
        request = prepared.request
        if _changes_others(request):
            changes = await self._store_linked(session, scope, prepared, new, steps)
        else:
            lock = lock_known_step(new.project_id, request.project, known and known.memory_id)
            locked, inserted, *_ = await session.commit_steps([lock, *steps])
            self.ahead.keep(request.project, new.project_id, locked[0][0])
            changes = Changes(stored=bool(inserted))
        if changes.stored or changes.supersedes:
            return changes
        return await self._again(session, prepared, new, steps)

    async def _in_the_layer_of_the_replaced(self, request: RememberRequest) -> tuple[RememberRequest, bool]:
        """The request, in the layer of what it replaces where it says nothing of its own layer; and whether it is."""
        if request.replaces is None or request.layer is not None:
            return request, False
        async with self.database.session() as session:
            scope = await read_scope(session, [request.project, GLOBAL_PROJECT])
            target = await find_target(session, scope.ids, request.replaces)
        if target is None or not set(request.details) <= set(layer_rooms()[target.layer].fields):
            return request, False
        kinds = [*EpisodicKind] if target.layer is Layer.EPISODIC else [*SemanticKind]
        if request.details.get("kind", kinds[0]) not in kinds:
            return request, False
        return replace(request, layer=target.layer), True

    async def _prepare(self, request: RememberRequest) -> Prepared:
        """In a worker thread when it is long: looking for secrets in it would keep all other calls waiting."""
        parts = len(request.content) + sum(map(_length, request.details.values()))
        if parts <= INLINE_CHARS:
            return prepare(request, self.redactor)
        return await anyio.to_thread.run_sync(prepare, request, self.redactor)

    def _steps(self, new: NewMemory, vector: Vector | None) -> list[Step]:
        embedder_id = self.vectors.embedder_id
        if vector is None or embedder_id is None:
            return insert_steps([new])
        return [
            *insert_steps([new]),
            *vector_steps(embedder_id, [NewVector(new.project_id, new.id, new.layer, vector)]),
        ]

    async def _check_room(self, session: Session, prepared: Prepared, project_id: int) -> None:
        """See that there is room for one more, or that it is no more than a duplicate. Raises LimitReached."""
        try:
            await self.limits.check_room(session, project_id, prepared.request.project)
        except LimitReached:
            if await self._twin(session, new_memory(prepared, project_id, 0, "")) is None:
                raise

    async def _embed(self, prepared: Prepared) -> Vector | None:
        embedder = self.vectors.embedder
        if embedder is None:
            return None
        try:
            vector = (await embedder.embed([prepared.meaning]))[0]
        except EmbedderUnavailable:
            return None
        return vector if vector.any() else None

    async def _find_near(self, new: NewMemory, vector: Vector | None) -> tuple[int, ...]:
        embedder_id = self.vectors.embedder_id
        if vector is None or embedder_id is None:
            return ()
        return await find_near(self.database, embedder_id, new, vector)

    async def _store_linked(
        self, session: Session, scope: list[int], prepared: Prepared, new: NewMemory, steps: list[Step]
    ) -> Changes:
        """Store a memory that changes others, unless it has a twin, and say what it changed."""
        request = prepared.request
        async with session.transaction():
            target = await self._target(session, scope, request)
            projects = sorted({new.project_id} | ({target.project_id} if target else set()))
            await lock_projects(session, projects)
            # Read anew under the lock: another writer may have replaced or forgotten it while we waited.
            target = await self._target(session, scope, request)
            if target is not None and request.about is not None:
                _check_reported(target)
            twin = await self._twin(session, new)
            if twin and twin.live and request.replaces == twin.id and twin.content_hash != new.content_hash:
                # What is put right under its own key hands that on.
                await give_up_key(session, new.project_id, twin.id)
                twin = await self._twin(session, new)
            if twin:
                if target is not None and twin.id == target.id and await self._put_right(session, prepared, twin):
                    await supersede(session, projects, [target.id], new.id)
                    await session.execute_steps(steps)
                    if request.relations:
                        await self._relate(session, new, request)
                    return Changes(supersedes=(target.id,))
                # One that has the key and says something else does not stand for what was to be stored.
                same = twin.content_hash == new.content_hash
                replaced = target is not None and request.replaces is not None and not target.superseded
                if target is None or not replaced or not same or not twin.live or twin.id == target.id:
                    return Changes(stored=False)
                await supersede(session, projects, [target.id], twin.id)
                return Changes(stored=False, supersedes=(target.id,))
            if target is not None and request.replaces is not None and target.superseded:
                by = f" by {target.superseded_by}; replace that one" if target.superseded_by else ""
                raise InvalidArgument("replaces", f"{target.id} was already replaced{by}")
            await session.execute_steps(steps)
            superseded = [target.id] if target is not None and request.replaces is not None else []
            if request.relations:
                related = await self._relate(session, new, request)
                superseded += [other for other in related.supersedes if other not in superseded]
            if superseded:
                await supersede(session, projects, superseded, new.id)
            reported = target if request.about is not None else None
            updated = await self._report(session, prepared, reported) if reported else None
        return Changes(supersedes=tuple(superseded), updated=updated)

    async def _again(self, session: Session, prepared: Prepared, new: NewMemory, steps: list[Step]) -> Changes:
        """Store a task whose twin was finished: what recurs is worded alike. The new one takes the old one's place."""
        request, details = prepared.request, prepared.details
        recurs = isinstance(details, ProspectiveDetails) and details.status not in prospective.FINISHED
        if not recurs or request.replaces is not None:
            return Changes(stored=False)
        async with session.transaction():
            await lock_projects(session, [new.project_id])
            twin = await self._twin(session, new)
            # The same key means the same task, finished or not.
            if twin is None or not twin.live or (new.key is not None and twin.key == new.key):
                return Changes(stored=False)
            if await prospective.is_open(session, new.project_id, twin.id):
                return Changes(stored=False)
            await supersede(session, [new.project_id], [twin.id], new.id)
            await session.execute_steps(steps)
            superseded = [twin.id]
            if request.relations:
                related = await self._relate(session, new, request)
                superseded += [other for other in related.supersedes if other not in superseded]
                await supersede(session, [new.project_id], superseded, new.id)
        return Changes(supersedes=tuple(superseded))

    @staticmethod
    async def _put_right(session: Session, prepared: Prepared, twin: Twin) -> bool:
        """Whether a memory is to be replaced by one of the same text that says something else besides."""
        return prepared.request.replaces is not None and twin.live and await says_more(session, prepared, twin)

    @staticmethod
    async def _relate(session: Session, new: NewMemory, request: RememberRequest) -> graph.Related:
        """Store the edges of a memory that is stored, and end those that they replace."""
        stated = graph.Stated(new.project_id, new.id, request.relations)
        await graph.relate(session, [stated])
        return await graph.end_replaced(session, stated)

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

    async def _duplicate(
        self, session: Session, scope: list[int], prepared: Prepared, new: NewMemory, supersedes: tuple[int, ...]
    ) -> Receipt:
        twin = await self._twin(session, new)
        if twin is None:
            raise StorageError("The same memory was forgotten while this one was being stored; try again.")
        merged = await merge(session, prepared, new, twin)
        not_stored, about = merged.not_stored, prepared.request.about
        if about is not None and prepared.move and "details" not in not_stored:
            # A report that was told before is not applied again: the task may have moved on since.
            stands = await prospective.stands(session, scope, about, prepared.move)
            not_stored = not_stored if stands else (*not_stored, "details")
        return Receipt(
            id=twin.id,
            layer=Layer(twin.layer),
            status="duplicate",
            project=prepared.request.project,
            vector=twin.embedded,
            supersedes=(*supersedes, *(other for other in merged.supersedes if other not in supersedes)),
            updated=merged.updated,
            redactions=prepared.redactions or {},
            not_stored=not_stored,
            content_differs=twin.content_hash != new.content_hash,
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
            about=new.about,
        )

    @staticmethod
    async def _report(session: Session, prepared: Prepared, target: Target) -> Mapping[str, Any] | None:
        """Apply a report to what it is about: a task takes status and due time, a procedure counts the outcome."""
        if move := prepared.move:
            changed = move.to_dict()
            if target.layer is not Layer.PROSPECTIVE:
                raise InvalidArgument(
                    f"details.{next(iter(changed))}", f"{target.id} is no task; its layer is {target.layer}"
                )
            if move.status is None and not await prospective.is_open(session, target.project_id, target.id):
                raise InvalidArgument(
                    "details.due_at", f"{target.id} is finished; give status='pending' too to open it again"
                )
            await prospective.move(session, target.project_id, target.id, move)
            await touch(session, target.project_id, target.id)
            return {"id": target.id, **changed}
        outcome = prepared.details.outcome if isinstance(prepared.details, EpisodicDetails) else None
        if target.layer is Layer.PROCEDURAL and outcome in (Outcome.SUCCESS, Outcome.FAILURE):
            counts = await procedural.count_run(session, target.project_id, target.id, outcome)
            await touch(session, target.project_id, target.id)
            return {"id": target.id, **counts}
        return None


def _changes_others(request: RememberRequest) -> bool:
    """Whether storing it may change other memories, or needs to look at them."""
    return bool(request.relations) or request.replaces is not None or request.about is not None


def _length(detail: object) -> int:
    """About how many characters a detail has; what is nested deeper is refused before it is searched."""
    if isinstance(detail, str):
        return len(detail)
    if isinstance(detail, list | tuple):
        return sum(len(entry) if isinstance(entry, str) else MAX_ITEM_CHARS for entry in detail)
    return 0


def _inherited(prepared: Prepared) -> str:
    """Why a memory is in the layer of the one that it replaces."""
    edges = prepared.layer is Layer.GRAPH and not prepared.request.relations
    return "that of the memory it replaces" + (f"; {NO_EDGE}" if edges else "")


def _check_reported(target: Target) -> None:
    """Refuse a report that would change what has been replaced. Raises InvalidArgument."""
    if target.superseded_by is not None and target.layer in _REPORTED_ON:
        raise InvalidArgument("about", f"{target.id} was replaced by {target.superseded_by}; report on that one")
