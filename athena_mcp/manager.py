"""The one door to the memory: recall, remember, forget, stats, and the bulk operations of the command line."""

from __future__ import annotations

import functools
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from datetime import datetime
from typing import Any, ParamSpec, TypeVar, cast

import anyio

from athena_mcp.bounded import bounded, within
from athena_mcp.db.pool import Database
from athena_mcp.errors import InvalidArgument, ReadOnly
from athena_mcp.layers.history import find_target, forget, linked_projects
from athena_mcp.layers.projects import ProjectCount, count_projects, lock_projects
from athena_mcp.layers.records import read_from_oldest, read_memories, read_newest
from athena_mcp.layers.totals import PublishedSnapshot, count_store, publish_snapshot, read_snapshots
from athena_mcp.layers.unfinished import begin_import, end_import
from athena_mcp.model import GLOBAL_PROJECT, Layer, Memory, RecallResult
from athena_mcp.recall.cascade import Cascade
from athena_mcp.recall.parallel_tier1 import ParallelTier1Executor
from athena_mcp.recall.request import RecallRequest
from athena_mcp.recall.request import check_request as check_recall
from athena_mcp.recall.session import SessionContexts
from athena_mcp.recall.tier1 import EMPTY
from athena_mcp.receipt import Forgotten, Receipt
from athena_mcp.remember.load import BulkLoader
from athena_mcp.remember.pipeline import RememberPipeline
from athena_mcp.remember.project_names import ProjectNames
from athena_mcp.remember.record import LoadReport, MemoryRecord
from athena_mcp.remember.request import check_request as check_remember
from athena_mcp.search.bulk import bulk_writes
from athena_mcp.search.candidates import Candidate
from athena_mcp.search.scope import read_scope
from athena_mcp.telemetry import SECTIONS, ForgetSample, RecallSample, RememberSample, Statistics
from athena_mcp.telemetry.instruments import FORGET, RECALL, REMEMBER
from athena_mcp.validation import check_choice, check_id, check_integer, check_name, nearest

RECALL_S = 30.0
"""The limit of a whole recall; each layer has its own, shorter one."""
AROUND_S = 2.0
"""What a recall may take beyond the time of its layers: reading the scope before, and the memories after."""
READ_S = 10.0
"""The limit of reading one memory, a page of them, the statistics."""
WRITE_S = 30.0
"""The limit of one write, the wait for another writer of the project included."""
LOAD_S = 300.0
"""The limit of one batch of a bulk load."""
EXPORT_PAGE = 500
MAX_LIST = 1_000
T = TypeVar("T")
P = ParamSpec("P")


def _spanned(name: str) -> Callable[[Callable[P, Awaitable[T]]], Callable[P, Coroutine[Any, Any, T]]]:
    """A manager's operation inside of a span."""

    def wrap(operation: Callable[P, Awaitable[T]]) -> Callable[P, Coroutine[Any, Any, T]]:
        @functools.wraps(operation)
        async def spanned(*args: P.args, **kwargs: P.kwargs) -> T:
            manager = cast("MemoryManager", args[0])
            with manager.instruments.operation(name):
                return await operation(*args, **kwargs)

        return spanned

    return wrap


class MemoryManager:
    """Every operation on the memory, checked, counted and bounded in time.

    All raise InvalidArgument for input that cannot be accepted, and DatabaseUnavailable, DeadlineExceeded or
    StorageError when the database fails. `project` is the project of calls that name none, `session_id` the session.
    """

    def __init__(
        self,
        *,
        database: Database,
        pipeline: RememberPipeline,
        loader: BulkLoader,
        cascade: Cascade,
        executor: ParallelTier1Executor[Candidate],
        statistics: Statistics,
        names: ProjectNames,
        project: str,
        session_id: str,
        read_only: bool = False,
    ) -> None:
        self.parallel_tier1_executor = executor
        self._database = database
        self._pipeline = pipeline
        self._loader = loader
        self._cascade = cascade
        self._statistics = statistics
        self._names = names
        self._project = project
        self._session_id = session_id
        self._sessions = SessionContexts()
        self._read_only = read_only
        self.instruments = statistics.instruments

    @_spanned(REMEMBER)
    async def remember(
        self,
        content: str,
        *,
        layer: str | None = None,
        tags: Sequence[str] = (),
        importance: float = 0.5,
        occurred_at: str | datetime | None = None,
        session_id: str | None = None,
        project: str | None = None,
        details: Mapping[str, Any] | None = None,
        relations: Sequence[Mapping[str, str]] = (),
        replaces: int | None = None,
        about: int | None = None,
        key: str | None = None,
    ) -> Receipt:
        """Store one memory; the receipt is given after the commit. See docs/tools.md for the arguments."""
        started = self._statistics.clock()
        try:
            request = check_remember(
                content,
                project=self._project if project is None else project,
                layer=layer,
                tags=tags,
                importance=importance,
                occurred_at=occurred_at,
                session_id=session_id,
                details=details,
                relations=relations,
                replaces=replaces,
                about=about,
                key=key,
            )
            self._names.check(request.project)
            self._check_writable()
            receipt = await within(WRITE_S, lambda: self._pipeline.remember(request, session_id=self._session_id))
        except Exception:  # counted and raised again: a border of the statistics, not of errors
            self._statistics.record_remember(RememberSample(self._statistics.elapsed_ms(started), error=True))
            raise
        except anyio.get_cancelled_exc_class():
            self._statistics.record_remember(RememberSample(self._statistics.elapsed_ms(started), cancelled=True))
            raise
        self._statistics.record_remember(
            RememberSample(
                self._statistics.elapsed_ms(started),
                layer=receipt.layer,
                duplicate=receipt.status == "duplicate",
                redacted=sum(receipt.redactions.values()),
                superseded=len(receipt.supersedes),
            )
        )
        return receipt

    @_spanned(RECALL)
    async def recall(
        self,
        query: str,
        context: Mapping[str, Any] | None = None,
        k: int = 5,
        cascade_depth: int | None = None,
        include_scores: bool = True,
        explain_reasoning: bool = False,
        use_cache: bool = True,
        auto_select_depth: bool = True,
        use_parallel: bool = True,
        *,
        layers: Sequence[str] | None = None,
        project: str | None = None,
        since: str | datetime | None = None,
        until: str | datetime | None = None,
        tags: Sequence[str] = (),
    ) -> RecallResult:
        """Find what is relevant to a query. Raises RecallFailed when every layer asked failed."""
        started = self._statistics.clock()
        try:
            request = check_recall(
                query,
                project=self._project if project is None else project,
                context=context,
                k=k,
                cascade_depth=cascade_depth,
                include_scores=include_scores,
                explain_reasoning=explain_reasoning,
                use_cache=use_cache,
                auto_select_depth=auto_select_depth,
                use_parallel=use_parallel,
                layers=layers,
                since=since,
                until=until,
                tags=tags,
            )
            self._names.check(request.project)
        except InvalidArgument:
            self._statistics.record_recall(RecallSample(self._statistics.elapsed_ms(started), error=True))
            raise
        effective = self._sessions.recall(request.context, self._session_id, given=context)
        return await self.answer(replace(request, context=effective))

    async def answer(self, request: RecallRequest) -> RecallResult:
        """The answer to a request that is checked and whose context is whole; `recall` is made of it."""
        started = self._statistics.clock()
        try:
            # The layers' time is the executor's; what stands around them has a little on top.
            limit_s = min(RECALL_S, self.parallel_tier1_executor.recall_timeout_seconds + AROUND_S)
            result = await within(limit_s, lambda: self._cascade.recall(request))
        except anyio.get_cancelled_exc_class():
            self._statistics.record_recall(RecallSample(self._statistics.elapsed_ms(started), cancelled=True))
            raise
        except Exception:  # counted and raised again: a border of the statistics, not of errors
            self._statistics.record_recall(RecallSample(self._statistics.elapsed_ms(started), error=True))
            raise
        self._statistics.record_recall(self._sample(request, result, started))
        return result

    def _sample(self, request: RecallRequest, result: RecallResult, started: float) -> RecallSample:
        outcomes = list(result.layers.values())
        not_asked = [row for row in outcomes if row.status == "skipped" and row.reason != EMPTY]
        return RecallSample(
            self._statistics.elapsed_ms(started),
            depth=result.cascade_depth,
            degraded=bool(result.degraded),
            cache_hit=result.cache_hit,
            nothing_relevant=result.nothing_relevant,
            layer_queries=0 if result.cache_hit or result.shared else sum(row.status != "skipped" for row in outcomes),
            layer_queries_saved=0 if result.cache_hit or result.shared or request.layers else len(not_asked),
        )

    @_spanned(FORGET)
    async def forget(self, id: int, *, project: str | None = None) -> Forgotten:
        """Delete one memory for good, from every table and index."""
        started = self._statistics.clock()
        try:
            self._check_writable()
            forgotten = await within(WRITE_S, lambda: self._forget(check_id("id", id), self._scope(project)))
        except Exception:  # counted and raised again: a border of the statistics, not of errors
            self._statistics.record_forget(ForgetSample(self._statistics.elapsed_ms(started), error=True))
            raise
        except anyio.get_cancelled_exc_class():
            self._statistics.record_forget(ForgetSample(self._statistics.elapsed_ms(started), cancelled=True))
            raise
        self._statistics.record_forget(
            ForgetSample(self._statistics.elapsed_ms(started), len(forgotten.ids), forgotten.relations_removed)
        )
        return forgotten

    async def _forget(self, memory_id: int, names: tuple[str, ...]) -> Forgotten:
        async with self._database.session() as session:
            scope = await read_scope(session, names)
            async with session.transaction():
                target = await find_target(session, scope.ids, memory_id)
                if target is None:
                    raise _unknown("id", memory_id, names)
                touched = {target.project_id} | await linked_projects(session, memory_id)
                await lock_projects(session, sorted(touched))
                # Gone while we waited for the lock: somebody else forgot it.
                if await find_target(session, scope.ids, memory_id) is None:
                    raise _unknown("id", memory_id, names)
                return Forgotten((memory_id,), await forget(session, target))

    @bounded(READ_S)
    async def get(self, id: int, *, project: str | None = None) -> Memory:
        """One memory in scope, whole; replaced ones too."""
        memory_id, names = check_id("id", id), self._scope(project)
        async with self._database.session() as session:
            scope = await read_scope(session, names)
            found = await read_memories(session, scope.ids, [memory_id])
        if memory_id not in found:
            raise _unknown("id", memory_id, names)
        return found[memory_id]

    @bounded(READ_S)
    async def stats(self, section: str | None = None) -> dict[str, Any]:
        """What this process counted, what the store holds and which other servers there are; or one section of it."""
        if section is not None and section not in STATS_SECTIONS:
            known = ", ".join(STATS_SECTIONS)
            raise InvalidArgument("section", f"unknown; use one of {known}{nearest(section, STATS_SECTIONS)}")
        snapshot = {} if section == "servers" else self._statistics.snapshot(section)
        if section in (None, "store"):
            async with self._database.session() as session:
                snapshot["store"] = await count_store(session)
        if section in (None, "servers"):
            snapshot["servers"] = [published.row() for published in await self.published()]
        return snapshot

    @bounded(READ_S)
    async def published(self) -> list[PublishedSnapshot]:
        """What every other server of the last day published of itself, whole, the latest first."""
        async with self._database.session() as session:
            return await read_snapshots(session, self._session_id)

    def reset_statistics(self) -> None:
        """Count everything in this process from nought again."""
        self._statistics.reset()

    @bounded(READ_S)
    async def publish(self) -> None:
        """Leave this process's statistics in the database for the others."""
        self._check_writable()
        async with self._database.session() as session:
            await publish_snapshot(session, self._session_id, self._statistics.snapshot())

    @bounded(READ_S)
    async def list_memories(
        self,
        *,
        project: str | None = None,
        layer: str | None = None,
        limit: int = 50,
        before_id: int | None = None,
        include_superseded: bool = False,
    ) -> list[Memory]:
        """A page of the project's own memories, newest first; `before_id` continues one."""
        limit = check_integer("limit", limit, 1, MAX_LIST)
        before = 2**63 - 1 if before_id is None else check_id("before_id", before_id)
        only = None if layer is None else check_choice("layer", layer, Layer)
        name = self._named(project)
        async with self._database.session() as session:
            scope = await read_scope(session, [name])
            return await read_newest(
                session, scope.ids, layer=only, limit=limit, before_id=before, superseded=include_superseded
            )

    @bounded(READ_S)
    async def projects(self) -> list[ProjectCount]:
        """Every project that holds memories."""
        async with self._database.session() as session:
            return await count_projects(session)

    async def export(self, *, project: str | None = None) -> AsyncIterator[Memory]:
        """Every memory of a project, or of all, in the order of ids, history included, as the store is at the start."""
        after_id = 0
        names = [] if project is None else [self._named(project)]
        async with self._database.snapshot() as session:
            ids = (await read_scope(session, names)).ids if names else None
            while True:
                page = await read_from_oldest(session, ids, after_id=after_id, limit=EXPORT_PAGE)
                for memory in page:
                    yield memory
                if len(page) < EXPORT_PAGE:
                    return
                after_id = page[-1].id

    def importing(self) -> AbstractAsyncContextManager[None]:
        """Held for as long as an import runs; what follows at its end: see `search.bulk.bulk_writes`."""
        self._check_writable()
        return bulk_writes(self._database)

    async def begin_import(self, mark: str) -> bool:
        """Whether an import, which `mark` tells from others, may keep its ids; see `layers.unfinished`."""
        self._check_writable()
        async with self._database.session() as session:
            return await begin_import(session, mark)

    async def end_import(self, mark: str) -> None:
        """Say that the import has come to its end."""
        async with self._database.session() as session:
            await end_import(session, mark)

    async def ahead(self, records: Sequence[MemoryRecord]) -> list[MemoryRecord]:
        """The records made ready before their turn; see `BulkLoader.ahead`."""
        return await self._loader.ahead(records)

    async def load(
        self, records: Sequence[MemoryRecord], *, keep_ids: bool = False, known_ids: Mapping[int, int] | None = None
    ) -> LoadReport:
        """Store a batch of records in one transaction; see `BulkLoader.load`. Those from `ahead` take less time."""
        self._check_writable()
        report = await within(
            LOAD_S,
            lambda: self._loader.load(
                records, session_id=self._session_id, keep_ids=keep_ids, known_ids=known_ids or {}
            ),
        )
        self._statistics.touch()
        return report

    def _check_writable(self) -> None:
        if self._read_only:
            raise ReadOnly

    def _named(self, project: str | None) -> str:
        return self._names.check(self._project if project is None else check_name("project", project))

    def _scope(self, project: str | None) -> tuple[str, ...]:
        return tuple(dict.fromkeys((self._named(project), GLOBAL_PROJECT)))


STATS_SECTIONS = (*SECTIONS, "servers")


def _unknown(argument: str, memory_id: int, names: tuple[str, ...]) -> InvalidArgument:
    return InvalidArgument(argument, f"{memory_id} is not a memory of {' or '.join(map(repr, names))}; recall it first")
