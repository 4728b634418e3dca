"""The workload of this folder: what the agents of one engineering team remembered, and what they ask later.

`<layer>.json` is one object: `{"layer", "memories": [{"id", "content", "details"?, "relations"?, "tags"?, "at"?,
"session"?}], "queries": [{"q", "relevant": [ids], "kind": "direct" | "paraphrase"}]}`. An answer may lie in another
layer than the question's. A paraphrase shares few words with its answer. `prospective.json` also has `today`, which its
due dates are meant from, the ids that are `overdue` then, and `situations`: `{"query", "context"?, "due": [ids]}`.
`unanswerable.json` has questions about the same world that no memory answers.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Literal, get_args

from athena_mcp.model import Layer
from athena_mcp.remember.record import MemoryRecord

HERE = Path(__file__).parent

Kind = Literal["direct", "paraphrase"]
KINDS: tuple[Kind, ...] = get_args(Kind)


@dataclass(frozen=True, slots=True)
class Item:
    """A memory as its file has it."""

    id: str
    layer: Layer
    content: str
    details: Mapping[str, Any]
    relations: Sequence[Mapping[str, str]]
    tags: Sequence[str]
    at: str | None
    session: str | None

    @property
    def session_name(self) -> str:
        """Its session; a memory without one was the only one of its session."""
        return self.session or f"alone-{self.id}"

    @property
    def whole(self) -> str:
        """Everything a memory may be found by: its text, its details and its relations."""
        applies_when = self.details.get("applies_when")
        return "\n".join(
            (
                self.content,
                *([applies_when] if applies_when else []),
                *self.details.get("steps", ()),
                *self.details.get("files", ()),
                *(f"{edge['subject']} {edge['relation']} {edge['object']}" for edge in self.relations),
                *self.tags,
            )
        )


@dataclass(frozen=True, slots=True)
class Question:
    """A question, the layer it is about, and all memories that answer it."""

    text: str
    layer: Layer
    kind: Kind
    relevant: frozenset[str]


@dataclass(frozen=True, slots=True)
class Situation:
    """What an agent is at, and the tasks that are due because of it, besides the overdue ones."""

    query: str
    context: Mapping[str, Any]
    due: frozenset[str]


@dataclass(frozen=True, slots=True)
class Workload:
    """All five layers together."""

    items: tuple[Item, ...]
    questions: tuple[Question, ...]
    unanswerable: tuple[str, ...]
    situations: tuple[Situation, ...]
    overdue: frozenset[str]
    today: datetime

    def records(self, project: str, now: datetime, *, layer: bool = True, details: bool = True) -> list[MemoryRecord]:
        """The memories to load, with the id as key, due dates moved so that `today` is `now`.

        Without `layer` Athena chooses it; without
        `details` there are no relations either, and an agent wrote no more than the text and its tags.
        """
        return [
            MemoryRecord(
                content=item.content,
                project=project,
                layer=item.layer.value if layer else None,
                tags=item.tags,
                occurred_at=item.at,
                session_id=item.session_name,
                details=self._details(item, now) if details else None,
                relations=item.relations if details else (),
                key=item.id,
            )
            for item in self.items
        ]

    def _details(self, item: Item, now: datetime) -> Mapping[str, Any]:
        if "due_at" not in item.details:
            return item.details
        due_at = datetime.fromisoformat(item.details["due_at"]) - self.today + now
        return {**item.details, "due_at": due_at.isoformat()}


def read_workload() -> Workload:
    """All files of this folder."""
    files = {layer: read_json(f"{layer.value}.json") for layer in Layer}
    tasks = files[Layer.PROSPECTIVE]
    return Workload(
        items=tuple(_item(row, layer) for layer, file in files.items() for row in file["memories"]),
        questions=tuple(
            Question(row["q"], layer, row["kind"], frozenset(row["relevant"]))
            for layer, file in files.items()
            for row in file["queries"]
        ),
        unanswerable=tuple(row["q"] for row in read_json("unanswerable.json")["queries"]),
        situations=tuple(
            Situation(row["query"], row.get("context", {}), frozenset(row["due"])) for row in tasks["situations"]
        ),
        overdue=frozenset(tasks["overdue"]),
        today=datetime.fromisoformat(tasks["today"]),
    )


def read_json(name: str) -> dict[str, Any]:
    """One file of this folder."""
    found: dict[str, Any] = json.loads((HERE / name).read_text(encoding="utf-8"))
    return found


def _item(row: Mapping[str, Any], layer: Layer) -> Item:
    return Item(
        id=row["id"],
        layer=layer,
        content=row["content"],
        details=row.get("details", {}),
        relations=row.get("relations", ()),
        tags=row.get("tags", ()),
        at=row.get("at"),
        session=row.get("session"),
    )
