"""What Athena holds and what it answers: frozen values without behaviour beyond their own JSON.

Everything here is plain data: no I/O, no driver, no protocol. The JSON shapes are the public contract of the MCP tools
(see docs/tools.md); `to_dict` leaves out what a reader does not need.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Literal

from athena_mcp.jsonable import isoformat, plain

GLOBAL_PROJECT = "global"
"""The project whose memories every other project's recall sees too."""

MAX_CONTENT_CHARS = 16_384
MAX_QUERY_CHARS = 4_096
MAX_K = 50
MAX_TAGS = 32
MAX_TAG_CHARS = 64
MAX_NAME_CHARS = 200
"""Project names, session ids, keys, entity names, relation names."""
MAX_ITEMS = 100
"""Files, steps, triggers, relations and context files in one call."""
MAX_ITEM_CHARS = 2_000
"""One file path, step, trigger value, condition or source."""
DEFAULT_K = 5
DEFAULT_IMPORTANCE = 0.5


class Layer(StrEnum):
    """The five kinds of memory."""

    EPISODIC = "episodic"
    SEMANTIC = "semantic"
    PROCEDURAL = "procedural"
    PROSPECTIVE = "prospective"
    GRAPH = "graph"


class EpisodicKind(StrEnum):
    """What an episodic memory is a record of."""

    EVENT = "event"
    ERROR = "error"
    TEST_RUN = "test_run"
    DECISION = "decision"
    CHANGE = "change"
    CONVERSATION = "conversation"


class Outcome(StrEnum):
    """How an event ended."""

    SUCCESS = "success"
    FAILURE = "failure"
    PARTIAL = "partial"
    ONGOING = "ongoing"


class SemanticKind(StrEnum):
    """What a semantic memory states."""

    FACT = "fact"
    DECISION = "decision"
    PREFERENCE = "preference"
    PATTERN = "pattern"


class TaskStatus(StrEnum):
    """Where a task stands."""

    PENDING = "pending"
    IN_PROGRESS = "in_progress"
    BLOCKED = "blocked"
    COMPLETED = "completed"
    CANCELLED = "cancelled"


class Priority(StrEnum):
    """How urgent a task is."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"
    CRITICAL = "critical"


class TriggerKind(StrEnum):
    """What makes a task due."""

    TIME = "time"
    FILE = "file"
    BRANCH = "branch"
    PHRASE = "phrase"


@dataclass(frozen=True, slots=True)
class Trigger:
    """One condition that makes a task due; `value` is an ISO time, a file glob, a branch glob or a phrase."""

    on: TriggerKind
    value: str


@dataclass(frozen=True, slots=True)
class EpisodicDetails:
    """What an event carries besides its text."""

    kind: EpisodicKind = EpisodicKind.EVENT
    outcome: Outcome | None = None
    files: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class SemanticDetails:
    """What a fact carries besides its text; `confidence` is the writer's own, 0 to 1."""

    kind: SemanticKind = SemanticKind.FACT
    confidence: float | None = None
    source: str | None = None


@dataclass(frozen=True, slots=True)
class ProceduralDetails:
    """What a procedure carries besides its text; the counts are kept by reports (`about`)."""

    steps: tuple[str, ...] = ()
    applies_when: str | None = None
    successes: int = 0
    failures: int = 0


@dataclass(frozen=True, slots=True)
class ProspectiveDetails:
    """What a task carries besides its text."""

    status: TaskStatus = TaskStatus.PENDING
    priority: Priority = Priority.MEDIUM
    due_at: datetime | None = None
    triggers: tuple[Trigger, ...] = ()


@dataclass(frozen=True, slots=True)
class GraphDetails:
    """A graph memory has no fields of its own; its edges are `Memory.relations`."""


Details = EpisodicDetails | SemanticDetails | ProceduralDetails | ProspectiveDetails | GraphDetails


@dataclass(frozen=True, slots=True)
class Relation:
    """A directed, typed edge between two entities, by name."""

    subject: str
    relation: str
    object: str
    ended_at: datetime | None = None
    """When another one took its place; such relations are only read for an export."""

    def to_dict(self) -> dict[str, str]:
        """The edge as the contract's JSON."""
        return {"subject": self.subject, "relation": self.relation, "object": self.object}


@dataclass(frozen=True, slots=True)
class Memory:
    """A stored memory, whole. Times are aware and in UTC."""

    id: int
    project: str
    layer: Layer
    content: str
    created_at: datetime
    occurred_at: datetime | None = None
    session_id: str | None = None
    tags: tuple[str, ...] = ()
    importance: float = DEFAULT_IMPORTANCE
    details: Details | None = None
    relations: tuple[Relation, ...] = ()
    key: str | None = None
    about: int | None = None
    superseded_by: int | None = None
    superseded_at: datetime | None = None

    @property
    def at(self) -> datetime:
        """When it happened, else when it was stored."""
        return self.occurred_at or self.created_at


LayerStatus = Literal["ok", "empty", "timeout", "error", "skipped"]


@dataclass(frozen=True, slots=True)
class LayerOutcome:
    """What became of one layer in a recall. `reason` says why it was skipped or how it failed."""

    status: LayerStatus
    hits: int = 0
    elapsed_ms: float = 0.0
    reason: str | None = None
    never_began: bool = False
    """Whether its turn never came: it took no time of its own."""

    @property
    def failed(self) -> bool:
        """Whether its answer is missing rather than empty."""
        return self.status in ("timeout", "error")

    def to_dict(self) -> dict[str, Any]:
        """The row of the contract's `layers`."""
        row: dict[str, Any] = {"status": self.status, "hits": self.hits, "elapsed_ms": round(self.elapsed_ms, 2)}
        if self.reason:
            row["reason"] = self.reason
        return row


@dataclass(frozen=True, slots=True)
class Hit:
    """A memory in an answer. `score` orders the list and has no unit; `confidence` is a probability or None."""

    memory: Memory
    score: float
    confidence: float | None = None
    text: str | None = None
    """The content as shown, when it had to be cut to its share of the answer."""

    def to_dict(self, *, include_scores: bool = True) -> dict[str, Any]:
        """The row of the contract's `memories`."""
        row = memory_row(self.memory, text=self.text)
        if include_scores and self.confidence is not None:
            row["confidence"] = round(self.confidence, 3)
        return row


@dataclass(frozen=True, slots=True)
class DueTask:
    """A task whose time, file, branch or phrase has come; `because` says which."""

    memory: Memory
    because: str
    text: str | None = None
    """The content as shown, when it or the details had to be cut to their share of the answer."""

    def to_dict(self) -> dict[str, Any]:
        """The row of the contract's `due`."""
        return {**memory_row(self.memory, text=self.text), "because": self.because}


@dataclass(frozen=True, slots=True)
class RecallResult:
    """The answer to one recall, with what was searched, what failed and how long it took."""

    memories: tuple[Hit, ...]
    due: tuple[DueTask, ...]
    layers: Mapping[Layer, LayerOutcome]
    project: str
    scope_with: tuple[str, ...]
    cascade_depth: int
    elapsed_ms: float
    degraded: tuple[str, ...] = ()
    cache_hit: bool = False
    shared: bool = False
    """Whether another caller's recall, still under way, gave the answer."""
    confidence: float | None = None
    nothing_relevant: bool = False
    include_scores: bool = True
    brief: str | None = None
    explanation: Mapping[str, Any] | None = None
    computation: int | None = field(default=None, compare=False)
    """Which computation of this process it comes from, where it may be given again: answers of the same one have the
    same `lasting_dict`, but for `include_scores`."""

    def to_dict(self) -> dict[str, Any]:
        """The contract's JSON, without empty optional fields."""
        return {**self.lasting_dict(), **self.passing_dict()}

    def passing_dict(self) -> dict[str, Any]:
        """The part of `to_dict` that differs each time the same answer is given."""
        return {"cache_hit": self.cache_hit, "elapsed_ms": round(self.elapsed_ms, 2)}

    def lasting_dict(self) -> dict[str, Any]:
        """The rest of `to_dict`."""
        answer: dict[str, Any] = {
            "memories": [hit.to_dict(include_scores=self.include_scores) for hit in self.memories],
            "due": [task.to_dict() for task in self.due],
        }
        if self.include_scores and self.confidence is not None:
            answer["confidence"] = round(self.confidence, 3)
        if self.nothing_relevant:
            answer["nothing_relevant"] = True
        answer["layers"] = {layer.value: self.layers[layer].to_dict() for layer in Layer}
        answer["degraded"] = list(self.degraded)
        answer["cascade_depth"] = self.cascade_depth
        answer["scope"] = {"project": self.project, "with": list(self.scope_with)}
        if self.brief:
            answer["brief"] = self.brief
        if self.explanation is not None:
            answer["explanation"] = plain(self.explanation)
        return answer


def memory_row(memory: Memory, *, text: str | None = None) -> dict[str, Any]:
    """A memory as one row of an answer; `text` replaces the content when it was cut."""
    row: dict[str, Any] = {
        "id": memory.id,
        "layer": memory.layer.value,
        "content": memory.content if text is None else text,
    }
    if memory.occurred_at is not None:
        row["occurred_at"] = isoformat(memory.occurred_at)
    row["created_at"] = isoformat(memory.created_at)
    if memory.session_id:
        row["session_id"] = memory.session_id
    if memory.tags:
        row["tags"] = list(memory.tags)
    details = details_row(memory.details, memory.relations)
    if details:
        row["details"] = details
    if memory.about is not None:
        row["about"] = memory.about
    if text is not None:
        row["truncated"] = True
    return row


def details_row(details: Details | None, relations: Sequence[Relation] = ()) -> dict[str, Any]:
    """The typed fields that say something: defaults and empty fields are left out, a task's status never is."""
    row: dict[str, Any] = {}
    match details:
        case EpisodicDetails(kind, outcome, files):
            row = {"kind": kind.value, "outcome": outcome, "files": list(files)}
            if kind is EpisodicKind.EVENT:
                del row["kind"]
        case SemanticDetails(kind, confidence, source):
            row = {"kind": kind.value, "confidence": confidence, "source": source}
            if kind is SemanticKind.FACT:
                del row["kind"]
        case ProceduralDetails(steps, applies_when, successes, failures):
            row = {"steps": list(steps), "applies_when": applies_when, "successes": successes, "failures": failures}
        case ProspectiveDetails(status, priority, due_at, triggers):
            row = {
                "status": status.value,
                "priority": priority.value,
                "due_at": isoformat(due_at) if due_at else None,
                "triggers": [{"on": trigger.on.value, "value": trigger.value} for trigger in triggers],
            }
        case GraphDetails() | None:
            pass
    row["relations"] = [relation.to_dict() for relation in relations]
    # A confidence of 0.0 says something; counts of 0 and empty lists do not.
    told = {name: value for name, value in row.items() if value or isinstance(value, float)}
    return {name: value.value if isinstance(value, StrEnum) else value for name, value in told.items()}
