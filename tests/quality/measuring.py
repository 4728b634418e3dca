"""Asking the whole workload and scoring the answers; no judge but the ids."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import anyio

from athena_mcp.bench.quality.scoring import Asked, LayerUse, score, summarise
from athena_mcp.manager import MemoryManager
from athena_mcp.model import Layer, RecallResult
from tests.quality.workload import KINDS, Kind, Question

K = 10
AT_ONCE = 3
"""Recalls under way; each takes up to five connections."""

ALL = "all"


@dataclass(frozen=True, slots=True)
class Group:
    """The questions about one layer, or of one kind, or both; None means any."""

    layer: Layer | None = None
    kind: Kind | None = None

    def __str__(self) -> str:
        return f"{self.layer.value if self.layer else ALL} {self.kind or ALL}"


GROUPS = tuple(Group(layer, kind) for layer in (*Layer, None) for kind in (*KINDS, None))


@dataclass(frozen=True, slots=True)
class Figures:
    """What a group of questions scored."""

    n: int
    frac_10: float
    mrr: float


@dataclass(frozen=True, slots=True)
class Answer:
    """One question and what came back, as the ids of the workload, best first."""

    question: Question
    ids: tuple[str, ...]
    layers: LayerUse
    confidence: float | None

    @property
    def asked(self) -> Asked:
        """The answer scored."""
        return Asked(
            case=self.question.layer.value,
            category=self.question.kind,
            score=score([{id} for id in self.ids], self.question.relevant),
            elapsed_ms=0.0,
            layers=self.layers,
        )


async def ask_all(manager: MemoryManager, questions: Sequence[Question], **arguments: Any) -> list[Answer]:
    """Every question once, a few at a time, without the cache; `arguments` go to `recall`."""
    answers: dict[int, Answer] = {}
    left = iter(enumerate(questions))

    async def work() -> None:
        for place, question in left:
            result = await manager.recall(question.text, k=K, use_cache=False, **arguments)
            answers[place] = Answer(question, found_ids(result), layer_use(result), result.confidence)

    async with anyio.create_task_group() as tasks:
        for _ in range(AT_ONCE):
            tasks.start_soon(work)
    return [answers[place] for place in range(len(questions))]


def found_ids(result: RecallResult) -> tuple[str, ...]:
    """The workload's ids of what an answer holds; they are the keys of the memories."""
    return tuple(hit.memory.key or "" for hit in result.memories)


def layer_use(result: RecallResult) -> LayerUse:
    """How many of the five layers were asked; all of them hold memories. A layer that Tier 2 widened to counts."""
    return LayerUse(filled=len(Layer), asked=sum(row.status != "skipped" for row in result.layers.values()))


def figures(answers: Sequence[Answer], group: Group) -> Figures:
    """The averages over a group."""
    found = summarise(
        [
            answer.asked
            for answer in answers
            if group.layer in (None, answer.question.layer) and group.kind in (None, answer.question.kind)
        ]
    )
    return Figures(found.n, found.frac_10, found.mrr)


def saved(answers: Sequence[Answer]) -> float:
    """The share of the layer queries that were not made."""
    return summarise([answer.asked for answer in answers]).saved or 0.0


def separation(positive: Sequence[float], negative: Sequence[float]) -> float:
    """The area under the ROC curve: how often a positive scores above a negative; ties count half."""
    wins = sum((p > n) + 0.5 * (p == n) for p in positive for n in negative)
    return wins / (len(positive) * len(negative))


def table(columns: Mapping[str, Sequence[Answer]]) -> str:
    """The figures of every group, for each way of asking."""
    width = max(map(len, columns)) + 3
    lines = [f"{'frac@10, MRR':24}{'n':>4}" + "".join(f"{name:>{width}}" for name in columns)]
    for group in GROUPS:
        found = [figures(answers, group) for answers in columns.values()]
        cells = "".join(f"{f'{row.frac_10:.3f} {row.mrr:.3f}':>{width}}" for row in found)
        lines.append(f"{group!s:24}{found[0].n:4}{cells}")
    return "\n".join(lines)
