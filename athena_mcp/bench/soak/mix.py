"""The mixed load of a soak: recalls alone and at once, new memories, replaced ones, reports, and forgotten ones."""

from __future__ import annotations

import random
import time
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from athena_mcp.bench.served.wire import ToolRefused, Wire
from athena_mcp.bench.synthetic.grammar import Grammar
from athena_mcp.bench.timing import elapsed_ms
from athena_mcp.model import Layer

KEPT = 200
"""Of the memories that the load itself remembers, so many stay; older ones are forgotten, so that the store stays as
large as it is and dead rows come as fast as new ones."""
AT_ONCE = 5
_NOT_AGAIN = 10_000_000
"""The load's own memories are made from numbers above this one."""


@dataclass(slots=True)
class Window:
    """What was called in one stretch of time."""

    recall_ms: list[float] = field(default_factory=list)
    write_ms: list[float] = field(default_factory=list)
    recalls: int = 0
    """Those at once included, which are not in `recall_ms`."""
    calls: int = 0
    errors: Counter[str] = field(default_factory=Counter)
    """Refused calls, by what was said."""


class Mix:
    """Calls one server; `work` may be called again and again and goes on where it was."""

    def __init__(self, wire: Wire, grammar: Grammar, memories: int) -> None:
        self._wire = wire
        self._grammar = grammar
        self._memories = memories
        self._next = _NOT_AGAIN
        self._own: deque[int] = deque()
        self._replaced: set[int] = set()
        self._random = random.Random(1)  # noqa: S311  a choice that must be the same in every run
        self._kinds: tuple[tuple[Callable[[Window], None], int], ...] = (
            (self._recall, 70),
            (self._remember, 16),
            (self._replace, 5),
            (self._report, 4),
            (self._recall_at_once, 5),
        )

    def work(self, ends_at: float) -> Window:
        """Call until `ends_at`, by `time.perf_counter`."""
        window = Window()
        kinds, weights = zip(*self._kinds, strict=True)
        while time.perf_counter() < ends_at:
            (kind,) = self._random.choices(kinds, weights)
            kind(window)
            while len(self._own) > KEPT:
                oldest = self._own.popleft()
                self._replaced.discard(oldest)
                self._write(window, "forget", id=oldest)
        return window

    def _recall(self, window: Window) -> None:
        arguments: dict[str, Any] = {"query": self._question()}
        # One in four asks in a way of its own; the defaults read the cache.
        choice = self._random.randrange(12)
        if choice == 0:
            arguments |= {"cascade_depth": 3, "explain_reasoning": True}
        elif choice == 1:
            arguments |= {"layers": [layer.value for layer in Layer], "use_parallel": False}
        elif choice == 2:
            arguments |= {"k": 50, "use_cache": False}
        began = time.perf_counter()
        if self._call(window, "recall", arguments) is not None:
            window.recall_ms.append(elapsed_ms(began))
            window.recalls += 1

    def _recall_at_once(self, window: Window) -> None:
        calls = [{"query": self._question(), "use_cache": False} for _ in range(AT_ONCE)]
        try:
            self._wire.call_together("recall", calls)
        except ToolRefused as error:
            window.errors[str(error)] += 1
            return
        window.recalls += AT_ONCE
        window.calls += AT_ONCE

    def _remember(self, window: Window) -> None:
        self._store(window, **self._memory())

    def _replace(self, window: Window) -> None:
        # The replaced one stays in the history and is forgotten in its turn.
        if self._own:
            replaced = self._own[-1]
            self._store(window, **self._memory(), replaces=replaced)
            self._replaced.add(replaced)

    def _report(self, window: Window) -> None:
        # A report on a memory that was replaced is refused, with the id of the one to report on.
        if live := [own for own in self._own if own not in self._replaced]:
            content = f"Looked at it again, number {self._next}."
            self._next += 1
            about = self._random.choice(live)
            self._store(window, content=content, about=about, layer=Layer.EPISODIC.value)

    def _store(self, window: Window, **arguments: Any) -> None:
        receipt = self._write(window, "remember", **arguments)
        if receipt is not None and receipt["status"] == "stored":
            self._own.append(receipt["id"])

    def _write(self, window: Window, tool: str, **arguments: Any) -> dict[str, Any] | None:
        began = time.perf_counter()
        answer = self._call(window, tool, arguments)
        if answer is not None:
            window.write_ms.append(elapsed_ms(began))
        return answer

    def _call(self, window: Window, tool: str, arguments: dict[str, Any]) -> dict[str, Any] | None:
        try:
            answer = self._wire.call(tool, arguments)
        except ToolRefused as error:
            window.errors[str(error)] += 1
            return None
        window.calls += 1
        return answer

    def _question(self) -> str:
        return self._grammar.memory(self._random.randrange(self._memories)).question

    def _memory(self) -> dict[str, Any]:
        self._next += 1
        return self._grammar.memory(self._next).to_arguments()
