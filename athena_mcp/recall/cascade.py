"""One recall from a checked request to its result: the tiers one after the other, as deep as it takes."""

from __future__ import annotations

import itertools
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from itertools import accumulate
from typing import Any

import anyio
import anyio.abc

from athena_mcp.db.pool import Database
from athena_mcp.db.session import DEFAULT_STATEMENT_S
from athena_mcp.errors import AthenaError, RecallFailed
from athena_mcp.layers.history import find_replaced
from athena_mcp.layers.records import read_memories
from athena_mcp.layers.registry import layer_rooms
from athena_mcp.model import GLOBAL_PROJECT, DueTask, Hit, Layer, Memory, RecallResult
from athena_mcp.recall.asked_before import AskedBefore
from athena_mcp.recall.cache import DEFAULT_CAPACITY, Fresh, Lookup, RecallCache
from athena_mcp.recall.cache_key import Question, cache_key, question_of
from athena_mcp.recall.calibration import NOTHING_RELEVANT
from athena_mcp.recall.confidence import (
    BEHIND,
    answer_confidence,
    answer_signs,
    bounded,
    hit_confidence,
    hit_signs,
    of_hits,
    stage_of,
)
from athena_mcp.recall.depth import goes_to_tier_2, goes_to_tier_3, goes_wider, goes_wider_at_once
from athena_mcp.recall.excerpt import DUE_CHARS, fit
from athena_mcp.recall.explain import explain
from athena_mcp.recall.ground import GroundReader, Groundwork
from athena_mcp.recall.immutable import freeze_result
from athena_mcp.recall.logistic import Stage
from athena_mcp.recall.parallel_tier1 import ParallelTier1Executor
from athena_mcp.recall.prepared import PreparedContext
from athena_mcp.recall.query_method import QueryMethod
from athena_mcp.recall.request import RecallRequest, check_request
from athena_mcp.recall.tier1 import Answered, ask_layers, open_tasks, widen
from athena_mcp.recall.tier2 import enrich
from athena_mcp.recall.tier3 import Source, synthesise
from athena_mcp.search.candidates import Candidate, Search
from athena_mcp.search.vector_arm import VectorArm


@dataclass(frozen=True, slots=True)
class Outcome:
    """How far a recall went and what it found."""

    answered: Answered
    depth: int
    confidence: float
    degraded: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Shown:
    """What the caller sees of an outcome."""

    hits: tuple[Hit, ...] = ()
    due: tuple[DueTask, ...] = ()
    brief: str | None = None
    notes: tuple[str, ...] = ()


COMPOSED = 3
"""The depth at which an answer is composed."""
LISTED = 0.95
"""How sure a list of the open tasks is: it is read, and only the question may have been meant otherwise."""
WARM_S = 1.0
"""How long a recall that finds nothing by words waits for an embedder that is being loaded: twice what it takes."""
MAX_COMPOSED = 20
"""Hits that Tier 3 composes at most, unless more are asked for."""


class Cascade:
    """Answers recalls; one for a process, any number of calls at once."""

    def __init__(
        self,
        database: Database,
        vectors: VectorArm,
        *,
        task_group: anyio.abc.TaskGroup | None = None,
        clock: Callable[[], float] = time.perf_counter,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._database = database
        self._clock = clock
        self._task_group = task_group
        self.cache: RecallCache[RecallResult] = RecallCache()
        self._asked_before = AskedBefore(DEFAULT_CAPACITY)
        self._laying: dict[Question, anyio.Event] = {}
        """Questions that are asked for the first time, whose ground is being laid."""
        self._computations = itertools.count(1)
        self._ground = GroundReader(database, vectors, now)
        # A recall's layers run on this; it takes its query methods from here, hence it comes second.
        self.executor: ParallelTier1Executor[Candidate] = ParallelTier1Executor(query_methods(database, self.prepare))

    async def recall(self, request: RecallRequest) -> RecallResult:
        """The answer, kept or fresh. Raises RecallFailed when every layer asked failed, and the database's errors."""
        started = self._clock()
        if request.use_cache:
            lookup = await self._kept_or_fresh(request)
            result, hit, shared = lookup.value, lookup.hit, lookup.shared
        else:
            result, hit, shared = (await self._fresh(request)).value, False, False
        return replace(
            result,
            cache_hit=hit,
            shared=shared,
            include_scores=request.include_scores,
            elapsed_ms=(self._clock() - started) * 1000,
        )

    async def _kept_or_fresh(self, request: RecallRequest) -> Lookup[RecallResult]:
        question, epoch = question_of(request), self._ground.vectors.epoch
        ground: Groundwork | None = None
        if self._asked_before.note(question):
            if question in self._laying:
                # Afterwards its computation can be joined, if nobody has written meanwhile.
                await self._laying[question].wait()
            versions = await self._ground.read_versions(request)
        else:
            # There is no answer yet whose age would have to be asked for first.
            ground = await self._lay_first(question, request)
            versions = ground.scope.versions
            if self._ground.vectors.epoch != epoch:  # the embedder has come, or gone, since the query was embedded
                ground = None
        key = cache_key(question, request.scope, versions, epoch=self._ground.vectors.epoch)
        return await self.cache.fetch(key, partial(self._fresh, request, ground), self._task_group)

    async def _lay_first(self, question: Question, request: RecallRequest) -> Groundwork:
        """The ground, while others who ask the same wait for it rather than lay it, too."""
        laid = self._laying[question] = anyio.Event()
        try:
            return await self._ground.lay(request)
        finally:
            laid.set()
            if self._laying.get(question) is laid:
                del self._laying[question]

    async def _fresh(self, request: RecallRequest, ground: Groundwork | None = None) -> Fresh[RecallResult]:
        if ground is None:
            ground = await self._ground.lay(request)
        outcome = await self._descend(request, ground)
        unsure = outcome.confidence < NOTHING_RELEVANT and ground.scope.size > 0
        if unsure and ground.degraded and await self._ground.vectors.comes(WARM_S):
            # The words alone found nothing, and the vectors, which were not there yet, are now.
            ground = await self._ground.lay(request)
            outcome = await self._descend(request, ground)
        answered = outcome.answered
        failed = [f"{layer}: {row.reason or row.status}" for layer, row in answered.outcomes.items() if row.failed]
        shown = await self._show(request, ground, outcome)
        self._count(answered, shown)
        trace = explain(ground.search, answered.ranked, request.k, ground.scope) if request.explain else None
        if trace is not None and shown.notes:
            trace["replaced"] = list(shown.notes)
        degraded = (*ground.degraded, *failed, *outcome.degraded)
        result = RecallResult(
            memories=shown.hits,
            due=shown.due,
            layers=answered.outcomes,
            project=request.project,
            scope_with=tuple(name for name in request.scope if name != request.project),
            cascade_depth=outcome.depth,
            elapsed_ms=0.0,
            degraded=degraded,
            confidence=outcome.confidence,
            nothing_relevant=outcome.confidence < NOTHING_RELEVANT
            and not any(task.asked_for for task in ground.due)
            and not (ground.scope.size and self._ground.vectors.warming),
            brief=None if outcome.confidence < NOTHING_RELEVANT else shown.brief,
            explanation=trace,
            computation=next(self._computations) if request.use_cache and not degraded else None,
        )
        return Fresh(freeze_result(result), keep=not degraded, ttl_s=self._ground.holds_s(ground))

    async def prepare(self, query: str, context: Mapping[str, Any], k: int) -> Search:
        """The search of a query that is put to a layer outside of a recall; in the scope of `context["project"]`."""
        request = check_request(query, project=context.get("project", GLOBAL_PROJECT), k=k)
        return (await self._ground.lay(request)).search

    async def _descend(self, request: RecallRequest, ground: Groundwork) -> Outcome:
        answered = await ask_layers(self.executor, request, ground)
        if answered.all_failed:
            reasons = {row.reason or row.status for row in answered.outcomes.values() if row.failed}
            raise RecallFailed(
                f"No layer answered: {'; '.join(sorted(reasons))}. Try again, or see `athena-mcp doctor`."
            )
        answered = _allowed(answered, request)
        if ground.search.tasks:
            if (tasks := open_tasks(answered)) is not None:
                return Outcome(tasks, request.depth or 1, LISTED)
            # There are none: it is answered as any other question.
            ground = replace(ground, search=replace(ground.search, tasks=None))
            answered = _allowed(await ask_layers(self.executor, request, ground), request)
        confidence = _confidence(ground, answered)
        depth = 1
        degraded: tuple[str, ...] = ()
        if goes_to_tier_2(request.depth, confidence):
            depth = 2
            found, intended = answered, bool(ground.asked.intended)
            if found.left_out and goes_wider_at_once(confidence, intended=intended):
                found = _allowed(await widen(self.executor, request, ground, found), request)
            answered, degraded = await self._enrich(request, ground, found)
            confidence = _confidence(ground, answered)
            if found.left_out and goes_wider(confidence, intended=intended):
                found = _allowed(await widen(self.executor, request, ground, found), request)
                answered, degraded = await self._enrich(request, ground, found)
                confidence = _confidence(ground, answered)
        if goes_to_tier_3(request.depth, request.query):
            depth = 3
        return Outcome(answered, depth, confidence, degraded)

    def _count(self, answered: Answered, shown: Shown) -> None:
        self.executor.count_recall(
            skipped=[layer.value for layer, row in answered.outcomes.items() if row.status == "skipped"],
            saved=len(answered.left_out),
            reached=Counter(hit.memory.layer.value for hit in shown.hits),
        )

    async def _enrich(
        self, request: RecallRequest, ground: Groundwork, found: Answered
    ) -> tuple[Answered, tuple[str, ...]]:
        """Tier 2 within the time of a layer and of the recall, and what went wrong."""
        embedder = self._ground.vectors.embedder
        words = None if embedder is None else embedder.word_vectors
        try:
            with anyio.fail_after(min(self.executor.timeout_seconds, found.ends_at - anyio.current_time())):
                enriched = await enrich(self._database, request, ground, found, words)
        except TimeoutError:
            return found, ("tier 2: It was not done before its deadline.",)
        except AthenaError as error:
            return found, (f"tier 2: {error}",)
        return _allowed(enriched, request), ()

    async def _show(self, request: RecallRequest, ground: Groundwork, outcome: Outcome) -> Shown:
        """The memories behind the best candidates and the due tasks; one forgotten in between is simply gone."""
        composing = outcome.depth >= COMPOSED
        ranked = outcome.answered.ranked
        best = ranked[: max(request.k, MAX_COMPOSED) if composing else request.k]
        ids = [row.candidate.id for row in best]
        if not ids and not ground.due:
            return Shown()
        replaced_ids: list[int] = []
        async with self._database.session(DEFAULT_STATEMENT_S, reading=True) as session:
            if composing:
                replaced_ids = await find_replaced(session, ground.scope.ids, ids, MAX_COMPOSED)
            wanted = [*ids, *replaced_ids, *(task.memory_id for task in ground.due)]
            memories = await read_memories(session, ground.scope.ids, wanted)
        sure = _hit_confidences(ground, outcome, len(best))
        hits = [
            Hit(memories[row.candidate.id], row.score, confidence)
            for row, confidence in zip(best, sure, strict=True)
            if row.candidate.id in memories
        ]
        because = {task.memory_id: task.because for task in ground.due if task.memory_id in memories}
        due = fit([Hit(memories[memory_id], 0.0) for memory_id in because], DUE_CHARS)
        tasks = tuple(DueTask(hit.memory, because[hit.memory.id], hit.text) for hit in due)
        if not composing:
            return Shown(fit(hits, query=request.query), tasks)
        replaced = [memories[memory_id] for memory_id in replaced_ids if memory_id in memories]
        return _composed(request, hits, replaced, tasks)


def _hit_confidences(ground: Groundwork, outcome: Outcome, count: int) -> list[float]:
    """The probability of each of the first hits, as `confidence.of_hits` makes them agree with the answer's."""
    if outcome.answered.listed:
        return [outcome.confidence] * count
    stage = _stage(ground, outcome.answered)
    signs = hit_signs(outcome.answered.ranked, ground.search.lexical, max(count, BEHIND))
    return of_hits([hit_confidence(row, stage) for row in signs], outcome.confidence)[:count]


def _composed(
    request: RecallRequest, hits: Sequence[Hit], replaced: Sequence[Memory], due: tuple[DueTask, ...]
) -> Shown:
    """Tier 3: the hits in the order in which they complement each other, and what they say together."""
    sources = [
        Source(
            hit.memory,
            hit.score,
            hit.confidence,
            replaced=tuple(old for old in replaced if old.superseded_by == hit.memory.id),
        )
        for hit in hits
    ]
    synthesis = synthesise(sources, query=request.query, k=request.k)
    by_id = {hit.memory.id: hit for hit in hits}
    composed = [by_id[memory_id] for memory_id in synthesis.order[: request.k]]
    # In the new order too none is more likely than one before it.
    falling = accumulate((hit.confidence or 0.0 for hit in composed), min)
    shown = [replace(hit, confidence=confidence) for hit, confidence in zip(composed, falling, strict=True)]
    return Shown(fit(shown, query=request.query), due, synthesis.brief, synthesis.notes)


def _stage(ground: Groundwork, answered: Answered) -> Stage:
    return stage_of(vectors=ground.search.vector is not None, read=answered.read)


def _confidence(ground: Groundwork, answered: Answered) -> float:
    query = ground.search.lexical
    sure = answer_confidence(answer_signs(answered.ranked, query), _stage(ground, answered))
    return bounded(sure, query, statement=ground.asked.statement)


def _allowed(answered: Answered, request: RecallRequest) -> Answered:
    """Without the memories that the request wants left out."""
    if not request.without:
        return answered
    return replace(
        answered,
        candidates=tuple(row for row in answered.candidates if row.id not in request.without),
        ranked=tuple(row for row in answered.ranked if row.candidate.id not in request.without),
    )


def query_methods(
    database: Database, prepare: Callable[[str, Mapping[str, Any], int], Awaitable[Search]]
) -> dict[str, QueryMethod[Candidate]]:
    """The layers as the executor takes them: `(query, context, k) -> candidates`, each on a connection of its own.

    A context made by a recall brings its search along; for any other one `prepare` makes it.
    """
    rooms = layer_rooms()

    def method(layer: Layer) -> QueryMethod[Candidate]:
        async def ask(query: str, context: Mapping[str, Any] | None, k: int) -> Sequence[Candidate]:
            search = context.search if isinstance(context, PreparedContext) else await prepare(query, context or {}, k)
            async with database.session() as session:
                return await rooms[layer].search(session, search)

        return ask

    return {layer.value: method(layer) for layer in Layer}
