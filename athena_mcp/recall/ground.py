"""What a recall knows before it asks a layer: the scope, the query's terms and vector, and the tasks that are due."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

from athena_mcp.db.pool import Database
from athena_mcp.db.session import Session
from athena_mcp.errors import EmbedderUnavailable
from athena_mcp.layers.due import Due, Situation, find_due, next_due
from athena_mcp.layers.graph import named_entity
from athena_mcp.model import Layer
from athena_mcp.recall.fusion import Asked
from athena_mcp.recall.request import RecallRequest
from athena_mcp.recall.selection import intended_layers
from athena_mcp.search.candidates import EXACT_LIMIT, Filters, Search
from athena_mcp.search.lexical import read_presence, read_terms
from athena_mcp.search.scope import Scope, read_scope
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
    presence: Mapping[Layer, float] = field(default_factory=dict)
    """How much of the query's weight each layer has terms for."""
    due: tuple[Due, ...] = ()
    holds_s: float | None = None
    """Seconds until another task falls due by time; None when none will."""
    degraded: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class GroundReader:
    """Lays the ground of recalls; `now` gives aware times."""

    database: Database
    vectors: VectorArm
    now: Callable[[], datetime]

    async def read_scope(self, request: RecallRequest) -> Scope:
        """The scope of a recall as it is now; its versions tell whether a kept answer still holds."""
        async with self.database.session() as session:
            scope = await read_scope(session, request.scope)
        self.vectors.notice(scope.embedder_id)
        return scope

    async def lay(self, request: RecallRequest) -> Groundwork:
        """Embed the query once, weigh its terms once, and look what is due."""
        vector, problem = await self._embed(request.query)
        async with self.database.session() as session:
            scope = await read_scope(session, request.scope)
            self.vectors.notice(scope.embedder_id)
            if vector is not None and self.vectors.embedder is None:  # the store went over to another embedder
                vector, problem = None, self.vectors.degraded
            search = await self._search(session, request, scope, vector)
            due: tuple[Due, ...] = ()
            holds_s = None
            entity = None
            if scope.memories[Layer.GRAPH] and request.layers is None:
                entity = await named_entity(session, scope.ids, request.query)
            presence = {} if request.layers is not None else await read_presence(session, search.lexical)
            if scope.memories[Layer.PROSPECTIVE] and Layer.PROSPECTIVE in search.allowed:
                now = self.now()
                due = await self._due(session, request, scope, now)
                if request.use_cache and (upcoming := await next_due(session, scope.ids, now)):
                    holds_s = (upcoming - now).total_seconds()
        terms = search.lexical
        asked = Asked(terms.total_weight, terms.total_weight + terms.unknown_weight, intended_layers(request.query))
        return Groundwork(
            scope, search, asked, entity, presence, due, holds_s, (f"vector: {problem}",) if problem else ()
        )

    async def _embed(self, query: str) -> tuple[Vector | None, str | None]:
        embedder = self.vectors.embedder
        if embedder is None:
            return None, self.vectors.degraded
        try:
            vector = (await embedder.embed([query]))[0]
        except EmbedderUnavailable as error:
            return None, str(error)
        return (vector if vector.any() else None), None

    async def _search(self, session: Session, request: RecallRequest, scope: Scope, vector: Vector | None) -> Search:
        context = request.context
        around = "\n".join([*([context.task] if context.task else []), *context.files])
        return Search(
            text=request.query,
            project_ids=scope.ids,
            lexical=await read_terms(session, scope, request.query, around),
            vector=vector,
            embedder_id=self.vectors.embedder_id,
            filters=Filters(request.since, request.until, request.tags),
            limit=max(ARM_LIMIT, 2 * request.k),
            exact=frozenset(layer for layer, count in scope.memories.items() if count <= EXACT_LIMIT),
            allowed=frozenset(request.layers or Layer),
        )

    async def _due(self, session: Session, request: RecallRequest, scope: Scope, now: datetime) -> tuple[Due, ...]:
        context = request.context
        words = "\n".join(text for text in (request.query, context.task) if text)
        situation = Situation(now, words, context.files, context.branch)
        return tuple(await find_due(session, scope.ids, situation))
