"""One recall from a checked request to its result: scope, terms, vector, Tier 1, fusion, the memories themselves.

Until Tiers 2 and 3 exist, a depth above 1 answers at depth 1 and says so in `degraded`.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from athena_mcp.db.pool import Database
from athena_mcp.db.session import Session
from athena_mcp.errors import EmbedderUnavailable, RecallFailed
from athena_mcp.layers.due import Due, Situation, find_due
from athena_mcp.layers.records import read_memories
from athena_mcp.layers.registry import layer_rooms
from athena_mcp.model import GLOBAL_PROJECT, DueTask, Hit, Layer, LayerOutcome, RecallResult
from athena_mcp.recall.excerpt import DUE_CHARS, fit
from athena_mcp.recall.explain import explain
from athena_mcp.recall.fusion import Ranked, fuse
from athena_mcp.recall.parallel_tier1 import ParallelTier1Executor
from athena_mcp.recall.prepared import PreparedContext
from athena_mcp.recall.query_method import QueryMethod
from athena_mcp.recall.request import RecallRequest, check_request
from athena_mcp.recall.selection import Selection, select_layers
from athena_mcp.search.candidates import EXACT_LIMIT, Candidate, Filters, Search
from athena_mcp.search.lexical import read_terms
from athena_mcp.search.scope import Scope, read_scope
from athena_mcp.search.vector_arm import VectorArm

if TYPE_CHECKING:
    from athena_mcp.embed.embedder import Vector

EMPTY = "holds nothing in this scope"
ARM_LIMIT = 40
"""Candidates that one arm of one layer names: enough that the best fused hit is among them."""


@dataclass(frozen=True, slots=True)
class Groundwork:
    """What is known before a layer is asked."""

    scope: Scope
    search: Search
    due: tuple[Due, ...]


@dataclass(frozen=True, slots=True)
class Tier1:
    """What Tier 1 brought: the ranked candidates, and what became of each layer."""

    ranked: tuple[Ranked, ...]
    outcomes: Mapping[Layer, LayerOutcome]


class Cascade:
    """Answers recalls; one for a process, any number of calls at once."""

    def __init__(
        self,
        database: Database,
        vectors: VectorArm,
        *,
        clock: Callable[[], float] = time.perf_counter,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._database = database
        self._vectors = vectors
        self._clock = clock
        self._now = now
        # A recall's layers run on this; it takes its query methods from here, hence it comes second.
        self.executor: ParallelTier1Executor[Candidate] = ParallelTier1Executor(query_methods(database, self.prepare))

    async def recall(self, request: RecallRequest) -> RecallResult:
        """The answer. Raises RecallFailed when every layer asked failed, and the database's errors."""
        started = self._clock()
        degraded: list[str] = []
        vector = await self._embed(request.query, degraded)
        async with self._database.session() as session:
            ground = await self._lay_ground(session, request, vector)
        tier1 = await self._ask_layers(request, ground)
        asked = [row for row in tier1.outcomes.values() if row.status != "skipped"]
        if asked and all(row.failed for row in asked):
            reasons = {row.reason or row.status for row in asked}
            raise RecallFailed(
                f"No layer answered: {'; '.join(sorted(reasons))}. Try again, or run `athena-mcp doctor`."
            )
        degraded += [f"{layer}: {row.reason or row.status}" for layer, row in tier1.outcomes.items() if row.failed]
        if request.depth is not None and request.depth > 1:
            degraded.append(f"cascade_depth {request.depth}: answered at depth 1")
        hits, due = await self._read(request, ground, tier1.ranked[: request.k])
        return RecallResult(
            memories=hits,
            due=due,
            layers=tier1.outcomes,
            project=request.project,
            scope_with=tuple(name for name in request.scope if name != request.project),
            cascade_depth=1,
            elapsed_ms=(self._clock() - started) * 1000,
            degraded=tuple(degraded),
            nothing_relevant=not hits,
            include_scores=request.include_scores,
            explanation=explain(ground.search, tier1.ranked[: request.k], ground.scope) if request.explain else None,
        )

    async def _embed(self, query: str, degraded: list[str]) -> Vector | None:
        embedder = self._vectors.embedder
        if embedder is None:
            degraded.append(f"vector: {self._vectors.degraded}")
            return None
        try:
            vector = (await embedder.embed([query]))[0]
        except EmbedderUnavailable as error:
            degraded.append(f"vector: {error}")
            return None
        return vector if vector.any() else None

    async def prepare(self, query: str, context: Mapping[str, Any], k: int) -> Search:
        """The search of a query that is put to a layer outside of a recall; in the scope of `context["project"]`."""
        request = check_request(query, project=context.get("project", GLOBAL_PROJECT), k=k)
        vector = await self._embed(query, [])
        async with self._database.session() as session:
            return (await self._lay_ground(session, request, vector)).search

    async def _lay_ground(self, session: Session, request: RecallRequest, vector: Vector | None) -> Groundwork:
        scope = await read_scope(session, request.scope)
        context = request.context
        words = "\n".join(text for text in (request.query, context.task) if text)
        search = Search(
            text=request.query,
            project_ids=scope.ids,
            lexical=await read_terms(session, scope, request.query),
            vector=vector,
            embedder_id=self._vectors.embedder_id,
            filters=Filters(request.since, request.until, request.tags),
            limit=max(ARM_LIMIT, 3 * request.k),
            exact=frozenset(layer for layer, count in scope.memories.items() if count <= EXACT_LIMIT),
            allowed=frozenset(request.layers or Layer),
        )
        due: list[Due] = []
        if scope.memories[Layer.PROSPECTIVE] and Layer.PROSPECTIVE in search.allowed:
            due = await find_due(session, scope.ids, Situation(self._now(), words, context.files, context.branch))
        return Groundwork(scope, search, tuple(due))

    async def _ask_layers(self, request: RecallRequest, ground: Groundwork) -> Tier1:
        context = request.context.to_mapping()
        selection = (
            Selection(request.layers, dict.fromkeys(Layer, "not among the layers asked for"))
            if request.layers is not None
            else select_layers(request.query, context)
        )
        empty = {layer for layer in Layer if not ground.scope.memories[layer]}
        asked = [layer for layer in selection.layers if layer not in empty]
        outcomes = {
            layer: LayerOutcome("skipped", reason=EMPTY if layer in empty else selection.reasons[layer])
            for layer in Layer
        }
        if not asked:
            return Tier1((), outcomes)
        answer = await self.executor.execute_tier_1_parallel(
            request.query,
            PreparedContext(context, ground.search),
            ground.search.limit,
            request.use_parallel,
            layers=[layer.value for layer in asked],
        )
        outcomes |= {layer: answer.outcomes[layer.value] for layer in asked}
        ranked = fuse(row for layer in asked for row in answer.rows[layer.value])
        return Tier1(tuple(ranked), outcomes)

    async def _read(
        self, request: RecallRequest, ground: Groundwork, best: Sequence[Ranked]
    ) -> tuple[tuple[Hit, ...], tuple[DueTask, ...]]:
        """The memories behind the best candidates and the due tasks; one forgotten in between is simply gone."""
        ids = [row.candidate.id for row in best] + [task.memory_id for task in ground.due]
        if not ids:
            return (), ()
        async with self._database.session() as session:
            memories = await read_memories(session, ground.scope.ids, ids)
        hits = fit([Hit(memories[row.candidate.id], row.score) for row in best if row.candidate.id in memories])
        because = {task.memory_id: task.because for task in ground.due if task.memory_id in memories}
        due = fit([Hit(memories[memory_id], 0.0) for memory_id in because], DUE_CHARS)
        return hits, tuple(
            DueTask(replace(hit.memory, content=hit.text or hit.memory.content), because[hit.memory.id]) for hit in due
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
