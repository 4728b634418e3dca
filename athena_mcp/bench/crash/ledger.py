"""What a client was told, to be compared with what the store has."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from athena_mcp.bench.crash.store import Account, Row

State = Literal["live", "superseded", "forgotten"]


@dataclass(slots=True)
class Entry:
    """An acknowledged memory."""

    id: int
    content: str
    state: State = "live"
    superseded_by: int | None = None


@dataclass(frozen=True, slots=True)
class Call:
    """A write that got no answer, or whose answer is yet to come."""

    tool: Literal["remember", "forget"]
    arguments: Mapping[str, Any]


@dataclass(slots=True)
class Ledger:
    """The receipts, and the calls without one."""

    name: str
    """Tells this ledger's memories from those of others on the same store."""
    entries: dict[int, Entry] = field(default_factory=dict)
    unsure: list[Call] = field(default_factory=list)
    receipts: int = 0
    _count: int = 0
    _busy: set[int] = field(default_factory=set)

    def draw(self, draw: random.Random) -> Call:
        """The next write: mostly a new memory, now and then one that replaces or forgets another."""
        roll = draw.random()
        free = [entry.id for entry in self.entries.values() if entry.state == "live" and entry.id not in self._busy]
        if free and roll < 0.15:
            call = Call("forget", {"id": draw.choice(free)})
        else:
            self._count += 1
            number = f"{self.name}-{self._count}"
            layer = draw.choice(("semantic", "episodic", "procedural", "prospective", "graph"))
            arguments: dict[str, Any] = {
                "content": f"Service {number} answers on port {draw.randrange(10_000)}; its log is svc_{number}.log.",
                "layer": layer,
                "key": f"key {number}",
                "tags": ["crash", f"tag{draw.randrange(20)}"],
            }
            if draw.random() < 0.3:
                to = f"host {draw.randrange(5)}"
                arguments["relations"] = [{"subject": f"Service {number}", "relation": "calls", "object": to}]
            if free and roll < 0.4:
                arguments["replaces"] = draw.choice(free)
            call = Call("remember", arguments)
        target = self._target(call)
        if target is not None:
            self._busy.add(target)
        return call

    @staticmethod
    def _target(call: Call) -> int | None:
        target: int | None = call.arguments.get("id", call.arguments.get("replaces"))
        return target

    def answered(self, call: Call, answer: Mapping[str, Any]) -> None:
        """Take note of a receipt."""
        self.receipts += 1
        target = self._target(call)
        if target is not None:
            self._busy.discard(target)
        if call.tool == "forget":
            for memory_id in answer["forgotten"]:
                self.entries[memory_id].state = "forgotten"
            return
        memory_id = answer["id"]
        self.entries[memory_id] = Entry(memory_id, call.arguments["content"])
        if target is not None:
            # Without it, the call was a repetition of one that had been carried out before its answer got lost.
            self.entries[target].state = "superseded"
            self.entries[target].superseded_by = memory_id

    def refused_forget(self, call: Call) -> None:
        """A repeated `forget` finds nothing: the first one was carried out."""
        self.receipts += 1
        self.entries[call.arguments["id"]].state = "forgotten"
        self._busy.discard(call.arguments["id"])

    def compare(self, rows: Sequence[Row]) -> Account:
        """The ledger against the store; every call must have been answered by now, or be in `unsure`."""
        mine = [row for row in rows if row.key is not None and row.key.startswith(f"key {self.name}-")]
        by_id = {row.id: row for row in mine}
        examples = []
        lost = 0
        for entry in self.entries.values():
            row = by_id.get(entry.id)
            wrong = (
                row is not None
                if entry.state == "forgotten"
                else row is None
                or row.content != entry.content
                or row.superseded != (entry.state == "superseded")
                or (entry.state == "superseded" and not self._replaced_by(row, entry))
            )
            if wrong and not any(self._target(call) == entry.id for call in self.unsure):
                lost += 1
                examples.append(f"memory {entry.id} should be {entry.state}, found {row}")
        pending = {call.arguments.get("content") for call in self.unsure}
        surplus = [row for row in mine if row.id not in self.entries and row.content not in pending]
        examples += [f"memory {row.id} was not acknowledged" for row in surplus]
        doubled = len(surplus) + len(mine) - len({row.content for row in mine})
        return Account(self.receipts, lost, doubled, examples=tuple(examples[:10]))

    def _replaced_by(self, row: Row, entry: Entry) -> bool:
        """Whether a replaced memory points to what replaced it, which may have been forgotten since."""
        by = self.entries.get(entry.superseded_by or 0)
        return row.superseded_by == (None if by is not None and by.state == "forgotten" else entry.superseded_by)
