"""The account of one connection: what is due, what has come, and what should never have come."""

from __future__ import annotations

import json
import threading
from collections import Counter
from dataclasses import dataclass, field

from athena_mcp.bench.fuzz.expected import Answer, Expected, Id

_SHOWN = 20


@dataclass(frozen=True, slots=True)
class Balance:
    """What came of the lines of one or more connections; everything below `answered` should be nothing."""

    lines: int = 0
    requests: int = 0
    """Lines that an answer was due for."""
    answered: int = 0
    unanswered: int = 0
    surplus: int = 0
    """Answers to nobody's request, or a second one."""
    stray_bytes: int = 0
    """Bytes on standard output that are no message of the protocol."""
    examples: tuple[str, ...] = ()

    def plus(self, other: Balance) -> Balance:
        """Both together."""
        return Balance(
            self.lines + other.lines,
            self.requests + other.requests,
            self.answered + other.answered,
            self.unanswered + other.unanswered,
            self.surplus + other.surplus,
            self.stray_bytes + other.stray_bytes,
            (*self.examples, *other.examples)[:_SHOWN],
        )


@dataclass(slots=True)
class Account:
    """Kept by a writer that tells of lines and a reader that tells of answers; safe for the two of them."""

    _lock: threading.Condition = field(default_factory=threading.Condition)
    _due: dict[Id, bytes] = field(default_factory=dict)
    _excused: set[Id] = field(default_factory=set)
    """Requests that may be answered and need not: cancelled ones, and subscriptions, which last."""
    _nameless_due: int = 0
    _either: dict[Id, bytes] = field(default_factory=dict)
    """Lines that may be answered by their id or by null."""
    _counts: Counter[str] = field(default_factory=Counter)
    _examples: list[str] = field(default_factory=list)

    def sent(self, line: bytes, due: Expected) -> None:
        """A line is about to be written."""
        with self._lock:
            self._counts["lines"] += 1
            if due.cancels is not None:
                self._excuse(due.cancels)
            if due.answer is Answer.NONE:
                return
            self._counts["requests"] += 1
            if due.id is None:
                self._nameless_due += 1
            elif due.answer is Answer.EITHER:
                self._either[due.id] = line[:200]
            else:
                self._due[due.id] = line[:400]
                if due.method == "subscriptions/listen":
                    self._excuse(due.id)

    def received(self, line: bytes) -> None:
        """A line has come."""
        try:
            message = json.loads(line)
            proper = isinstance(message, dict) and message.get("jsonrpc") == "2.0" and _is_message(message)
        except ValueError:
            proper = False
        with self._lock:
            if not proper:
                self._counts["stray_bytes"] += len(line)
                self._example("stray", line)
            elif "method" not in message:
                self._settle(message["id"], line)
            self._lock.notify_all()

    def wait_until_at_most(self, outstanding: int, timeout_s: float) -> bool:
        """Wait until no more than so many answers are due; False when that takes too long or nothing more comes."""
        with self._lock:
            return self._lock.wait_for(lambda: self._outstanding() <= outstanding, timeout_s)

    def close(self, *, abrupt: bool) -> Balance:
        """The balance at the end; after an `abrupt` one what was still due is nobody's fault."""
        with self._lock:
            missing = 0 if abrupt else self._outstanding()
            if not abrupt:
                for line in [*self._due.values(), *self._either.values()]:
                    self._example("unanswered", line)
            return Balance(
                self._counts["lines"],
                self._counts["requests"],
                self._counts["answered"],
                missing,
                self._counts["surplus"],
                self._counts["stray_bytes"],
                tuple(self._examples),
            )

    def _outstanding(self) -> int:
        return len(self._due) + self._nameless_due + len(self._either)

    def _excuse(self, id: Id) -> None:
        # "7" cancels 7, and 7 "7".
        for same in (id, _other_form(id)):
            if same is not None and self._due.pop(same, None) is not None:
                self._excused.add(same)

    def _settle(self, id: Id | None, line: bytes) -> None:
        if not self._find(id):
            self._counts["surplus"] += 1
            self._example("surplus", line)
            return
        self._counts["answered"] += 1

    def _find(self, id: Id | None) -> bool:
        """Whether an answer is due to this id; it is no more then."""
        if id is not None:
            if id in self._excused:
                self._excused.discard(id)
                return True
            return self._due.pop(id, None) is not None or self._either.pop(id, None) is not None
        if self._nameless_due:
            self._nameless_due -= 1
            return True
        return bool(self._either) and self._either.pop(next(iter(self._either))) is not None

    def _example(self, kind: str, line: bytes) -> None:
        if len(self._examples) < _SHOWN:
            self._examples.append(f"{kind}: {line[:300]!r}")


def _is_message(message: dict[str, object]) -> bool:
    """A request, a notification, or an answer that is either a result or an error."""
    return "method" in message or ("id" in message and ("result" in message) != ("error" in message))


def _other_form(id: Id) -> Id | None:
    if isinstance(id, int):
        return str(id) if abs(id) < 10**400 else None
    try:
        return int(id)
    except ValueError:
        return None
