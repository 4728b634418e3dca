"""Asking: every question as it is, with its answer left out, and in a store of something else."""

from __future__ import annotations

import random
import time
import uuid
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import anyio

from athena_mcp.app import open_app
from athena_mcp.bench.calibration.observed import Collected, Kind, Seen, SeenHit
from athena_mcp.bench.failure import BenchFailed
from athena_mcp.bench.progress import Progress, no_progress
from athena_mcp.bench.quality.case import Case, CaseQuery
from athena_mcp.bench.quality.measured import LoadedCase
from athena_mcp.bench.quality.subjects import ManagerSubject, Stored
from athena_mcp.bench.quality.wordless import wordless_handle
from athena_mcp.bench.timing import elapsed_ms
from athena_mcp.config import Settings
from athena_mcp.manager import MemoryManager
from athena_mcp.model import RecallResult

SEED = 20
"""Chooses which question of another case is asked."""
PARTS = 4
"""Each case is also stored so many times without the relevant memories of every PARTS-th question: left out for real,
so that neither the terms nor the sessions of the store know them."""
DEPTHS = (1, 2)
"""Before and after the best were read. Tier 3 arranges what Tier 2 found."""
_DISCARD_S = 120.0
_NAME_CHARS = 100


@dataclass(frozen=True, slots=True)
class CalibrationPlan:
    """What to ask, and where."""

    cases: tuple[Case, ...]
    settings: Settings
    k: int = 10
    limit_queries: int | None = None
    keep_clean: bool = False
    """Forget all memories at the end, for a store that outlives the run."""


@dataclass(frozen=True, slots=True)
class _Put:
    """A question as it is put: to a project, with what is relevant there."""

    number: int
    kind: Kind
    text: str
    project: str
    relevant: frozenset[int]


@dataclass(frozen=True, slots=True)
class _Stores:
    """A case in the store: whole, and without the answers of each part of its questions."""

    whole: str
    parts: tuple[str, ...]
    stored: Stored

    def ids(self, query: CaseQuery) -> frozenset[int]:
        """The stored memories that answer a question."""
        return frozenset(id for id, names in self.stored.ids.items() if names & query.relevant)


async def collect(plan: CalibrationPlan, *, progress: Progress = no_progress) -> Collected:
    """Store each case, ask all its questions in every way at every depth, with the embedder and without."""
    cases = [Case(case.name, case.memories, case.queries[: plan.limit_queries]) for case in plan.cases]
    if len({case.name for case in cases}) < len(cases):
        raise BenchFailed("Two of the cases have the same name.")
    chosen = random.Random(SEED)  # noqa: S311 - a choice that must be the same in every run
    loaded: list[LoadedCase] = []
    seen: list[Seen] = []
    async with _managers(plan.settings) as managers:
        subject = ManagerSubject(managers[True])
        for case in cases:
            other = [query.text for row in cases if row.name != case.name for query in row.queries]
            started = time.perf_counter()
            project = _fresh_project(case.name)
            try:
                stores = await _store(case, project, subject, progress)
                load_s = elapsed_ms(started) / 1000
                puts = list(_puts(case, stores, other, chosen))
                with progress(f"{case.name}: asking", len(puts)) as advance:
                    for put in puts:
                        seen += await _ask_every_way(case, put, managers, plan.k)
                        advance(1)
            finally:
                if plan.keep_clean:
                    with anyio.move_on_after(_DISCARD_S, shield=True):
                        for name in (project, *_part_projects(project)):
                            await subject.discard(name)
            answerable = sum(bool(query.relevant) for query in case.queries)
            loaded.append(
                LoadedCase(
                    name=case.name,
                    memories=len(case.memories),
                    duplicates=stores.stored.duplicates,
                    queries=answerable,
                    unanswerable=len(case.queries) - answerable,
                    layers=stores.stored.layers,
                    load_s=load_s,
                )
            )
    if not any(row.found for row in seen):
        raise BenchFailed("No question found its answer: there is nothing to calibrate on.")
    remarks = () if len(cases) > 1 else ("One case alone: no question of another case was asked.",)
    return Collected(tuple(loaded), tuple(seen), remarks)


@asynccontextmanager
async def _managers(settings: Settings) -> AsyncIterator[Mapping[bool, MemoryManager]]:
    """The store with its embedder (True) and without (False)."""
    async with open_app(settings) as usual, open_app(settings, embedder=wordless_handle) as wordless:
        with_vectors = await usual.manager()
        await usual.warmed()
        yield {True: with_vectors, False: await wordless.manager()}


def _fresh_project(case: str) -> str:
    """The name of a project that nobody has."""
    name = "".join(character for character in case if character.isprintable())[:_NAME_CHARS]
    return f"bench/{name}-{uuid.uuid4().hex[:8]}"


def _part_projects(project: str) -> tuple[str, ...]:
    return tuple(f"{project}/{part}" for part in range(PARTS))


async def _store(case: Case, project: str, subject: ManagerSubject, progress: Progress) -> _Stores:
    asked = [query for query in case.queries if query.relevant]
    with progress(f"{case.name}: storing", len(case.memories) * (PARTS + 1)) as advance:
        stored = await subject.store(case.memories, project, advance)
        for part, name in enumerate(_part_projects(project)):
            left_out = _left_out(asked[part::PARTS], stored)
            await subject.store([row for row in case.memories if row.id not in left_out], name, advance)
    return _Stores(project, _part_projects(project), stored)


def _left_out(queries: Sequence[CaseQuery], stored: Stored) -> frozenset[str]:
    """The case's ids of all that answers these, and of what is the same text."""
    relevant = frozenset(id for query in queries for id in query.relevant)
    return frozenset(id for names in stored.ids.values() if names & relevant for id in names)


def _puts(case: Case, stores: _Stores, other: Sequence[str], chosen: random.Random) -> list[_Put]:
    puts = []
    nothing: frozenset[int] = frozenset()
    answerable = 0
    for number, query in enumerate(case.queries):
        if not query.relevant:
            puts.append(_Put(number, Kind.UNANSWERABLE, query.text, stores.whole, nothing))
            continue
        puts.append(_Put(number, Kind.ASKED, query.text, stores.whole, stores.ids(query)))
        puts.append(_Put(number, Kind.LEFT_OUT, query.text, stores.parts[answerable % PARTS], nothing))
        if other:
            puts.append(_Put(number, Kind.OTHER, chosen.choice(other), stores.whole, nothing))
        answerable += 1
    return puts


async def _ask_every_way(case: Case, put: _Put, managers: Mapping[bool, MemoryManager], k: int) -> list[Seen]:
    return [
        await _ask(case, put, manager, depth, k, vectors=vectors)
        for vectors, manager in managers.items()
        for depth in DEPTHS
    ]


async def _ask(case: Case, put: _Put, manager: MemoryManager, depth: int, k: int, *, vectors: bool) -> Seen:
    result = await manager.recall(
        put.text, k=k, cascade_depth=depth, explain_reasoning=True, use_cache=False, project=put.project
    )
    explanation: Mapping[str, Any] = result.explanation or {}
    return Seen(
        case=case.name,
        number=put.number,
        kind=put.kind,
        depth=depth,
        vectors=vectors,
        signs=dict(explanation["signs"]),
        confidence=result.confidence or 0.0,
        nothing_relevant=result.nothing_relevant,
        hits=_hits(result, explanation, put.relevant),
    )


def _hits(result: RecallResult, explanation: Mapping[str, Any], relevant: frozenset[int]) -> tuple[SeenHit, ...]:
    signs = {row["id"]: row["signs"] for row in explanation["scores"]}
    return tuple(
        SeenHit(dict(signs[hit.memory.id]), hit.confidence or 0.0, hit.memory.id in relevant)
        for hit in result.memories
        if hit.memory.id in signs
    )
