"""Synthetic memories in a developer's words, as many as wanted, from a seed alone.

Memory `n` of a seed is the same whatever else is generated. The five layers take turns; SESSION_MEMORIES memories in a
row are one session of one afternoon. Words are drawn by rank as in real text (Zipf), one is in about a third of all
memories, and identifiers, files and error codes make a tail that grows with the number of memories.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import accumulate
from typing import Any

from athena_mcp.bench.synthetic import vocabulary as v
from athena_mcp.model import Layer
from athena_mcp.remember.record import MemoryRecord

SESSION_MEMORIES = 20
LAYERS = tuple(Layer)
_BEGAN = datetime(2024, 1, 8, 13, 0, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Synthetic:
    """A memory of one layer, and a question that it answers, which shares some of its words."""

    content: str
    layer: Layer
    occurred_at: datetime
    session_id: str
    question: str
    details: Mapping[str, Any] | None = None
    relations: tuple[Mapping[str, str], ...] = ()

    def to_record(self, project: str) -> MemoryRecord:
        """As a load takes it."""
        return MemoryRecord(
            content=self.content,
            project=project,
            layer=self.layer.value,
            occurred_at=self.occurred_at,
            session_id=self.session_id,
            details=self.details,
            relations=self.relations,
        )

    def to_arguments(self) -> dict[str, Any]:
        """As the tool `remember` takes it."""
        arguments: dict[str, Any] = {
            "content": self.content,
            "layer": self.layer.value,
            "occurred_at": self.occurred_at.isoformat(),
            "session_id": self.session_id,
        }
        if self.details is not None:
            arguments["details"] = dict(self.details)
        if self.relations:
            arguments["relations"] = [dict(relation) for relation in self.relations]
        return arguments


@dataclass(frozen=True, slots=True)
class Grammar:
    """Makes memories; the same `seed` makes the same ones."""

    seed: int = 1

    def memory(self, number: int) -> Synthetic:
        """Memory `number`, from 0."""
        # A generator a memory: no memory's words depend on how many came before.
        draw = _Draw(random.Random(f"{self.seed}:{number}"), number)  # noqa: S311  words, not secrets
        session = number // SESSION_MEMORIES
        layer = LAYERS[number % len(LAYERS)]
        said = _SENTENCES[layer](draw)
        return Synthetic(
            content=said.content,
            layer=layer,
            occurred_at=_BEGAN + timedelta(hours=7 * session, minutes=6 * (number % SESSION_MEMORIES)),
            session_id=f"session-{session}",
            question=said.question,
            details=said.details,
            relations=said.relations,
        )


@dataclass(frozen=True, slots=True)
class _Said:
    content: str
    question: str
    details: Mapping[str, Any] | None = None
    relations: tuple[Mapping[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class _Draw:
    """Draws words for one memory."""

    random: random.Random
    number: int

    def one(self, words: Sequence[str]) -> str:
        """A word by its rank: the second of a list is half as usual as the first, the third a third."""
        return self.random.choices(words, cum_weights=_zipf(len(words)))[0]

    def several(self, words: Sequence[str], count: int) -> list[str]:
        """Different words."""
        return self.random.sample(words, count)

    def component(self) -> str:
        """What the memory is about; the one place where the common word comes from."""
        common = f" {v.COMMON_WORD}" if self.random.random() < v.COMMON_SHARE else ""
        return f"{self.one(v.COMPONENTS)}{common}"

    def identifier(self) -> str:
        """A function's or a table's name; there are some thousands."""
        verb, noun, part = self.one(v.VERBS), self.one(v.COMPONENTS).replace("-", "_"), self.one(v.PARTS).lower()
        if self.random.random() < 0.5:
            return f"{verb}_{noun}_{part}"
        return verb + "".join(word.title() for word in (*noun.split("_"), part))

    def file(self) -> str:
        """A path."""
        folder = self.one(v.COMPONENTS).replace("-", "_")
        return f"src/{folder}/{self.one(v.PARTS).lower()}.{self.one(('py', 'ts', 'go', 'sql', 'yaml'))}"

    def code(self) -> str:
        """An error's number, one of thousands."""
        return f"E{self.random.randint(1000, 9999)}"

    def reference(self) -> str:
        """What makes the memory unlike all others: the number of its ticket."""
        return f"SHOP-{100 + self.number}"


_WEIGHTS: Mapping[int, Sequence[float]] = {
    size: tuple(accumulate(1 / rank for rank in range(1, size + 1))) for size in range(1, 65)
}


def _zipf(size: int) -> Sequence[float]:
    return _WEIGHTS[size]


def _episodic(draw: _Draw) -> _Said:
    component, part, failure = draw.component(), draw.one(v.PARTS), draw.one(v.FAILURES)
    cause, remedy, code, file = draw.one(v.CAUSES), draw.one(v.REMEDIES), draw.code(), draw.file()
    branch = draw.one(v.BRANCHES)
    return _Said(
        f"The {component} {part} {failure} on {branch} with {code}. The reason was {cause} in {draw.identifier()}; "
        f"{draw.one(v.PEOPLE)} fixed it by {remedy} ({draw.reference()}).",
        f"when did the {component} {part} last fail with {code}?",
        {"kind": "error", "outcome": draw.one(("success", "partial", "failure")), "files": [file]},
    )


def _semantic(draw: _Draw) -> _Said:
    component, technology, part = draw.component(), draw.one(v.TECHNOLOGIES), draw.one(v.PARTS)
    port = draw.random.randint(1024, 65535)
    return _Said(
        f"The {component} keeps its {part} in {technology}, because {draw.one(v.REASONS)}. It listens on port {port} "
        f"and is configured in {draw.file()} ({draw.reference()}).",
        f"where does the {component} keep its {part}, and on port {port}?",
        {"kind": draw.one(("fact", "decision", "pattern", "preference")), "confidence": 0.9},
    )


def _procedural(draw: _Draw) -> _Said:
    component, goal = draw.component(), draw.one(v.GOALS)
    steps = [*draw.several(v.STEPS, 3), f"run {draw.identifier()}"]
    return _Said(
        f"How to {goal} for the {component} with {draw.one(v.TECHNOLOGIES)} ({draw.reference()}). It takes "
        f"{draw.random.randint(5, 90)} minutes; {draw.one(v.PEOPLE)} knows why {draw.identifier()} must not run.",
        f"how do we {goal} for the {component}?",
        {"steps": steps, "applies_when": f"the {draw.one(v.PARTS)} {draw.one(v.FAILURES)}"},
    )


def _prospective(draw: _Draw) -> _Said:
    component, task, part = draw.component(), draw.one(v.TASKS), draw.one(v.PARTS)
    return _Said(
        f"{task.capitalize()} the {part} of the {component} {draw.one(v.OCCASIONS)}: {draw.identifier()} still has "
        f"{draw.one(v.CAUSES)} ({draw.reference()}). {draw.one(v.PEOPLE)} came across it in {draw.file()}.",
        f"what is left to do on the {part} of the {component}?",
        {"priority": draw.one(("medium", "high", "low", "critical"))},
    )


def _graph(draw: _Draw) -> _Said:
    subject, relation = f"{draw.component()} {draw.one(v.PARTS)}", draw.one(v.RELATIONS)
    thing = draw.one(v.PEOPLE) if relation == "is owned by" else f"{draw.one(v.COMPONENTS)} {draw.one(v.PARTS)}"
    return _Said(
        f"The {subject} {relation} the {thing} through {draw.identifier()} since {draw.reference()}, "
        f"because {draw.one(v.REASONS)}. {draw.one(v.PEOPLE)} drew it from {draw.file()}.",
        f"what does the {subject} have to do with the {thing}?",
        None,
        ({"subject": subject, "relation": relation, "object": thing},),
    )


_SENTENCES: Mapping[Layer, Callable[[_Draw], _Said]] = {
    Layer.EPISODIC: _episodic,
    Layer.SEMANTIC: _semantic,
    Layer.PROCEDURAL: _procedural,
    Layer.PROSPECTIVE: _prospective,
    Layer.GRAPH: _graph,
}
