"""Running cases: each is stored in a project of its own, every question asked one by one in every way."""

from __future__ import annotations

import time
import uuid
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import anyio
import numpy as np

from athena_mcp.app import open_app
from athena_mcp.bench.failure import BenchFailed
from athena_mcp.bench.machine import Machine
from athena_mcp.bench.progress import Progress, no_progress
from athena_mcp.bench.quality.case import Case, CaseQuery, pool
from athena_mcp.bench.quality.measured import LoadedCase, QualityReport, Row
from athena_mcp.bench.quality.references import REFERENCES, Reference, make_ranker
from athena_mcp.bench.quality.scoring import Asked, LayerUse, score
from athena_mcp.bench.quality.subjects import Answer, ManagerSubject, StdioSubject, Stored, Subject
from athena_mcp.bench.quality.variants import VARIANTS, Variant
from athena_mcp.bench.quality.wordless import wordless_handle
from athena_mcp.bench.timing import elapsed_ms
from athena_mcp.config import Settings
from athena_mcp.embed.embedder import Embedder
from athena_mcp.embed.static import StaticEmbedder
from athena_mcp.errors import EmbedderUnavailable
from athena_mcp.server.stdio_client import StdioServer, connected

Through = Literal["manager", "stdio"]
_NAME_CHARS = 120
"""What of a case's name goes into the name of its project."""
_DISCARD_S = 120.0
"""How long forgetting a case may take, also after an interrupt."""


@dataclass(frozen=True, slots=True)
class QualityPlan:
    """What to run, and how."""

    cases: tuple[Case, ...]
    settings: Settings
    folder: Path
    """For the server's log."""
    through: Through = "manager"
    k: int = 10
    pooled: bool = False
    limit_queries: int | None = None
    keep_clean: bool = False
    """Forget all memories at the end, for a store that outlives the run."""
    variants: tuple[Variant, ...] = VARIANTS

    def cases_to_run(self) -> tuple[Case, ...]:
        """The cases, each with no more questions than wanted, as one if they are to be pooled."""
        cut = tuple(Case(case.name, case.memories, case.queries[: self.limit_queries]) for case in self.cases)
        return (pool(cut),) if self.pooled else cut


async def measure_quality(
    plan: QualityPlan, machine: Machine, *, embedder: Embedder | None, progress: Progress = no_progress
) -> QualityReport:
    """Run the plan. `embedder` is for the references; without one those with vectors are left out."""
    remarks: list[str] = []
    references = [row for row in REFERENCES if embedder is not None or not row.vectors]
    if len(references) < len(REFERENCES):
        remarks.append("No embedder on this platform: the references go by words only.")
    recorder = _Recorder(plan.variants, references)
    async with _subjects(plan) as subjects:
        if not subjects.wordless and any(not variant.vectors for variant in plan.variants):
            left_out = [variant.name for variant in plan.variants if not variant.vectors]
            remarks.append(f"Not over stdio: {', '.join(left_out)}.")
            recorder.drop(left_out)
        loaded = [await _run_case(case, plan, subjects, recorder, embedder, progress) for case in plan.cases_to_run()]
    remarks += recorder.remarks
    rows = recorder.rows()
    if not rows:
        raise BenchFailed("The cases hold no question that has an answer.")
    return QualityReport(machine, plan.through, plan.k, plan.pooled, tuple(loaded), rows, tuple(remarks))


def reference_embedder() -> Embedder | None:
    """The embedder of the reference rows, Athena's default one; None where it cannot be had."""
    try:
        return StaticEmbedder.load()
    except EmbedderUnavailable:
        return None


@dataclass(frozen=True, slots=True)
class _Subjects:
    usual: Subject
    wordless: Subject | None
    """The same store without an embedder; None where that cannot be had."""

    def of(self, variant: Variant) -> Subject:
        return self.usual if variant.vectors or self.wordless is None else self.wordless


@asynccontextmanager
async def _subjects(plan: QualityPlan) -> AsyncIterator[_Subjects]:
    settings = plan.settings
    async with AsyncExitStack() as stack:
        if plan.through == "stdio":
            server = StdioServer(settings.data_dir, plan.folder / "server.log", settings.project, settings.database_url)
            yield _Subjects(StdioSubject(await stack.enter_async_context(connected(server))), None)
            return
        usual = await stack.enter_async_context(open_app(settings))
        manager = await usual.manager()
        await usual.warmed()
        wordless = None
        if any(not variant.vectors for variant in plan.variants):
            other = await stack.enter_async_context(open_app(settings, embedder=wordless_handle))
            wordless = ManagerSubject(await other.manager())
        yield _Subjects(ManagerSubject(manager), wordless)


async def _run_case(
    case: Case,
    plan: QualityPlan,
    subjects: _Subjects,
    recorder: _Recorder,
    embedder: Embedder | None,
    progress: Progress,
) -> LoadedCase:
    project = _fresh_project(case.name)
    queries = [query for query in case.queries if query.relevant]
    try:
        started = time.perf_counter()
        with progress(f"{case.name}: storing", len(case.memories)) as advance:
            stored = await subjects.usual.store(case.memories, project, advance)
        load_s = elapsed_ms(started) / 1000
        filled = frozenset(layer for layer, count in stored.layers.items() if count)
        with progress(f"{case.name}: asking", len(queries)) as advance:
            for number, query in enumerate(queries):
                # Whoever comes first warms the database's cache for the others, so that turns rotate.
                for variant in recorder.in_turn(number):
                    began = time.perf_counter()
                    answer = await subjects.of(variant).ask(query.text, project, plan.k, variant.arguments)
                    recorder.note(variant, query, answer, stored, filled, elapsed_ms(began))
                advance(1)
    finally:
        if plan.keep_clean:
            with anyio.move_on_after(_DISCARD_S, shield=True):
                await subjects.usual.discard(project)
    ranker = await make_ranker(case.memories, embedder)
    with progress(f"{case.name}: references", len(queries)) as advance:
        for query in queries:
            for reference in recorder.references:
                began = time.perf_counter()
                vector = None
                if reference.vectors and embedder is not None:
                    vector = np.array((await embedder.embed([query.text]))[0], float)
                found = ranker.rank(reference, query.text, vector, plan.k)
                recorder.note_reference(reference, query, found, elapsed_ms(began))
            advance(1)
    return LoadedCase(
        name=case.name,
        memories=len(case.memories),
        duplicates=stored.duplicates,
        queries=len(queries),
        unanswerable=len(case.queries) - len(queries),
        layers=stored.layers,
        load_s=load_s,
    )


class _Recorder:
    """The answers so far, a list a row."""

    def __init__(self, variants: Sequence[Variant], references: Sequence[Reference]) -> None:
        self.references = tuple(references)
        self.remarks: list[str] = []
        self._variants = list(variants)
        names = [row.name for row in references] + [row.name for row in variants]
        self._asked: dict[str, list[Asked]] = {name: [] for name in names}
        self._degraded: Counter[str] = Counter()

    def drop(self, names: Sequence[str]) -> None:
        """Ask these variants no more, and leave them out."""
        self._variants = [variant for variant in self._variants if variant.name not in names]

    def in_turn(self, number: int) -> list[Variant]:
        """The variants, beginning with another one for each question."""
        start = number % max(1, len(self._variants))
        return self._variants[start:] + self._variants[:start]

    def note(
        self,
        variant: Variant,
        query: CaseQuery,
        answer: Answer,
        stored: Stored,
        filled: frozenset[str],
        took_ms: float,
    ) -> None:
        """Score an answer of Athena; an explicit depth that was not reached ends its row."""
        wanted = variant.arguments.get("cascade_depth")
        if wanted is not None and answer.depth != wanted:
            self.drop([variant.name])
            self.remarks.append(f"{variant.name}: left out, recall answers at depth {answer.depth}.")
            return
        nothing: frozenset[str] = frozenset()
        ranking = [stored.ids.get(id, nothing) for id in answer.ids]
        use = LayerUse(len(filled), len(answer.asked & filled))
        self._asked[variant.name].append(
            Asked(query.case, query.category, score(ranking, query.relevant), took_ms, use, answer.depth)
        )
        # Without an embedder every answer is, by design.
        self._degraded[variant.name] += bool(answer.degraded) and variant.vectors

    def note_reference(self, reference: Reference, query: CaseQuery, found: Sequence[str], took_ms: float) -> None:
        """Score a ranking of a reference."""
        ranking = [{id} for id in found]
        self._asked[reference.name].append(Asked(query.case, query.category, score(ranking, query.relevant), took_ms))

    def rows(self) -> tuple[Row, ...]:
        """All rows that were asked to the end, the references first."""
        named = [(row.name, True) for row in self.references] + [(row.name, False) for row in self._variants]
        return tuple(
            Row(name, reference, tuple(self._asked[name]), self._degraded[name])
            for name, reference in named
            if self._asked[name]
        )


def _fresh_project(case: str) -> str:
    """The name of a project that nobody has."""
    name = "".join(character for character in case if character.isprintable())[:_NAME_CHARS]
    return f"bench/{name}-{uuid.uuid4().hex[:8]}"
