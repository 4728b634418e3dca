"""Tier 1: the layers that the query speaks of are asked side by side, and what they bring is made one ranking."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import anyio

from athena_mcp.model import Layer, LayerOutcome
from athena_mcp.recall.fusion import Ranked, fuse
from athena_mcp.recall.ground import Groundwork
from athena_mcp.recall.parallel_tier1 import ParallelTier1Executor
from athena_mcp.recall.prepared import PreparedContext
from athena_mcp.recall.request import RecallRequest
from athena_mcp.recall.selection import Selection, by_promise, select_layers, with_context, with_graph
from athena_mcp.search.candidates import Candidate

EMPTY = "holds nothing in this scope"
NOT_NAMED = "not among the layers asked for"
NOT_TASKS = "not asked: the open tasks as such are wanted"


@dataclass(frozen=True, slots=True)
class Answered:
    """What layers brought so far: the candidates as they came, their ranking, and what became of each layer."""

    candidates: tuple[Candidate, ...]
    ranked: tuple[Ranked, ...]
    outcomes: Mapping[Layer, LayerOutcome]
    read: bool = False
    """Whether Tier 2 has read the best of them."""
    left_out: tuple[Layer, ...] = ()
    """Layers that hold something and were not asked, because no word spoke of them."""
    ends_at: float = math.inf
    """On the loop's clock, when the recall answers with what has come."""

    listed: bool = False
    """Whether it is the open tasks, read from the store as they are and not found by likeness."""

    @property
    def all_failed(self) -> bool:
        """Whether layers were asked and none answered."""
        asked = [outcome for outcome in self.outcomes.values() if outcome.status != "skipped"]
        return bool(asked) and all(outcome.failed for outcome in asked)


async def ask_layers(
    executor: ParallelTier1Executor[Candidate], request: RecallRequest, ground: Groundwork
) -> Answered:
    """Ask the selected layers that are not empty; the recall's time begins now."""
    ends_at = anyio.current_time() + executor.recall_timeout_seconds
    context = request.context.to_mapping()
    selection = (
        Selection(request.layers, dict.fromkeys(Layer, NOT_NAMED))
        if request.layers is not None
        else select_layers(request.query)
    )
    if request.layers is None:
        selection = with_context(by_promise(selection, ground.asked.intended, ground.promise), context)
        if ground.entity is not None:
            selection = with_graph(selection, ground.entity)
        if ground.search.tasks:
            selection = Selection((Layer.PROSPECTIVE,), dict.fromkeys(Layer, NOT_TASKS))
    empty = {layer for layer in Layer if not ground.scope.memories[layer]}
    asked = [layer for layer in selection.layers if layer not in empty]
    outcomes = {
        layer: LayerOutcome("skipped", reason=EMPTY if layer in empty else selection.reasons[layer]) for layer in Layer
    }
    left_out = () if request.layers is not None else tuple(set(Layer) - set(asked) - empty)
    return await _ask(executor, request, ground, asked, Answered((), (), outcomes, left_out=left_out, ends_at=ends_at))


def open_tasks(answered: Answered) -> Answered | None:
    """The answer as a list of open tasks, the most urgent first; None where there are none."""
    tasks = [row for row in answered.ranked if row.candidate.layer == Layer.PROSPECTIVE and row.candidate.linked > 0]
    if not tasks:
        return None
    tasks.sort(key=lambda row: row.candidate.linked, reverse=True)
    return replace(answered, ranked=tuple(tasks), listed=True)


async def widen(
    executor: ParallelTier1Executor[Candidate], request: RecallRequest, ground: Groundwork, answered: Answered
) -> Answered:
    """Ask the layers that were left out too."""
    return await _ask(executor, request, ground, list(answered.left_out), answered)


async def _ask(
    executor: ParallelTier1Executor[Candidate],
    request: RecallRequest,
    ground: Groundwork,
    layers: Sequence[Layer],
    before: Answered,
) -> Answered:
    if not layers:
        return before
    answer = await executor.execute_tier_1_parallel(
        request.query,
        PreparedContext(request.context.to_mapping(), ground.search),
        ground.search.limit,
        request.use_parallel,
        layers=[layer.value for layer in layers],
        time_left_s=before.ends_at - anyio.current_time(),
        partial=True,
    )
    brought = tuple(row for layer in layers for row in answer.rows[layer.value])
    candidates = before.candidates + brought
    return replace(
        before,
        candidates=candidates,
        ranked=tuple(fuse(candidates, ground.asked)),
        outcomes={**before.outcomes, **{layer: answer.outcomes[layer.value] for layer in layers}},
        left_out=tuple(layer for layer in before.left_out if layer not in layers),
    )
