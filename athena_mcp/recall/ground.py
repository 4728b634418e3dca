"""What a recall knows before it asks a layer: the scope, the query's terms and vector, and the tasks that are due."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING

from athena_mcp.beside import side_work
from athena_mcp.db.pool import Database
from athena_mcp.db.session import DEFAULT_STATEMENT_S
from athena_mcp.errors import EmbedderUnavailable
from athena_mcp.layers.due import Due, Situation
from athena_mcp.layers.survey import Subjects, Survey, read_survey
from athena_mcp.model import Layer
from athena_mcp.recall.fusion import Asked
from athena_mcp.recall.request import RecallRequest
from athena_mcp.recall.selection import intended_layers, is_question, listed_tasks
from athena_mcp.search.candidates import EXACT_LIMIT, Filters, Search
from athena_mcp.search.lexical import weigh_promise, weigh_query
from athena_mcp.search.scope import Scope, read_standing
from athena_mcp.search.vector_arm import VectorArm

if TYPE_CHECKING:
    from athena_mcp.embed.embedder import Vector

ARM_LIMIT = 40
"""Candidates that one arm of one layer names: enough that the best fused hit is among them."""


@dataclass(frozen=True, slots=True)
class Groundwork:
    """The scope, the search made ready for every layer, and what is due."""

    scope: Scope
    search: Search
    asked: Asked = field(default_factory=Asked)
    entity: str | None = None
    """An entity of the graph that the query names."""
    promise: Mapping[Layer, float] = field(default_factory=dict)
    """What share of the query's weight the best memory of each layer may have."""
    due: tuple[Due, ...] = ()
    holds_until: datetime | None = None
    """When another task falls due by time; None when none will."""
    degraded: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class GroundReader:
    """Lays the ground of recalls; `now` gives aware times."""

    database: Database
    vectors: VectorArm
    now: Callable[[], datetime]

    async def read_versions(self, request: RecallRequest) -> Mapping[str, int]:
        """The versions of the projects in scope as they are now, which tell whether a kept answer still holds."""
        async with self.database.session(DEFAULT_STATEMENT_S, reading=True) as session:
            standing = await read_standing(session, request.scope)
        self.vectors.notice(standing.embedder_id)
        return standing.versions

    async def lay(self, request: RecallRequest) -> Groundwork:
        """Read the scope, embed the query once, weigh its terms once, and look what is due.

        The query is embedded while the database is busy.
        """
        now = self.now()
        situation = _situation(request, now)
        async with side_work() as side:
            embedding = side.begin(partial(self._embed, request.query), "embedding")
            async with self.database.session(DEFAULT_STATEMENT_S, reading=True) as session:
                survey = await read_survey(
                    session, request.scope, request.query, _around(request), situation, _subjects(request)
                )
            self.vectors.notice(survey.scope.embedder_id)
            vector, problem = await embedding.value()
        if vector is not None and self.vectors.embedder is None:  # the store went over to another embedder
            vector, problem = None, self.vectors.degraded
        search = self._search(request, survey, vector)
        terms = search.lexical
        asked = Asked(
            terms.total_weight,
            terms.total_weight + terms.unknown_weight,
            intended_layers(request.query),
            statement=not is_question(request.query),
        )
        return Groundwork(
            scope=survey.scope,
            search=search,
            asked=asked,
            entity=survey.entities[0].name if survey.entities else None,
            promise={} if request.layers is not None else weigh_promise(terms, survey.promise),
            due=survey.due,
            holds_until=_holds_until(survey, search, now),
            degraded=(f"vector: {problem}",) if problem else (),
        )

    def holds_s(self, ground: Groundwork) -> float | None:
        """For how many seconds more an answer from this ground holds; None when no time ends it."""
        return None if ground.holds_until is None else (ground.holds_until - self.now()).total_seconds()

    async def _embed(self, query: str) -> tuple[Vector | None, str | None]:
        embedder = self.vectors.embedder
        if embedder is None:
            return None, self.vectors.degraded
        try:
            vector = (await embedder.embed([query]))[0]
        except EmbedderUnavailable as error:
            return None, str(error)
        return (vector if vector.any() else None), None

    def _search(self, request: RecallRequest, survey: Survey, vector: Vector | None) -> Search:
        scope = survey.scope
        return Search(
            text=request.query,
            project_ids=scope.ids,
            lexical=weigh_query(survey.terms, scope),
            vector=vector,
            embedder_id=self.vectors.embedder_id,
            filters=Filters(request.since, request.until, request.tags),
            limit=max(ARM_LIMIT, 2 * request.k),
            exact=frozenset(layer for layer, count in scope.memories.items() if count <= EXACT_LIMIT),
            allowed=frozenset(request.layers or Layer),
            tasks=listed_tasks(request.query, self.now()),
            entities=tuple((entity.project_id, entity.id) for entity in survey.entities),
        )


def _holds_until(survey: Survey, search: Search, now: datetime) -> datetime | None:
    """Until another task falls due, or, where a day was named, until the next."""
    ends = [] if survey.next_due is None else [survey.next_due]
    if search.tasks is not None and (search.tasks.due_from or search.tasks.due_before):
        ends.append(now.replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1))
    return min(ends, default=None)


def _around(request: RecallRequest) -> str:
    context = request.context
    return "\n".join([*([context.task] if context.task else []), *context.files])


def _situation(request: RecallRequest, now: datetime) -> Situation:
    context = request.context
    words = "\n".join(text for text in (request.query, context.task) if text)
    return Situation(now, words, context.files, context.branch)


def _subjects(request: RecallRequest) -> Subjects:
    """What is worth looking into, in layers that may answer."""
    allowed = request.layers or tuple(Layer)
    return Subjects(promise=request.layers is None, tasks=Layer.PROSPECTIVE in allowed, entities=Layer.GRAPH in allowed)
