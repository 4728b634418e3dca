"""One call of Tier 1 while it runs: which layers are still to be asked, which are being asked, which have answered."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Sequence
from typing import Generic, TypeVar

import anyio

from athena_mcp.db.deadline import scope_s
from athena_mcp.model import LayerOutcome
from athena_mcp.recall.query_method import Context

T = TypeVar("T")


class Tier1Call(Generic[T]):
    """Shared by the tasks of one call, all on one event loop; holds its own copy of the executor's settings."""

    __slots__ = (
        "_layers",
        "abandoned",
        "ask_until",
        "cancelled",
        "context",
        "done",
        "k",
        "outcomes",
        "query",
        "queue",
        "rows",
        "running",
        "scope_s",
        "timeout_s",
        "workers",
    )

    def __init__(self, query: str, context: Context | None, k: int, layers: Sequence[str], timeout_s: float) -> None:
        self.query = query
        self.context = context
        self.k = k
        self.timeout_s = timeout_s
        self.scope_s = scope_s(timeout_s)
        self.ask_until = math.inf
        """On the loop's clock, no layer is asked beyond this."""
        self._layers = layers
        self.queue = deque(layers)
        self.running: dict[str, anyio.CancelScope] = {}
        self.outcomes: dict[str, LayerOutcome] = {}
        self.rows: dict[str, tuple[T, ...]] = {}
        self.workers = 0
        self.done = anyio.Event()
        self.cancelled = False
        self.abandoned = False

    def heed(self, deadline: float) -> None:
        """Hand the caller's own deadline on, since its scopes do not reach tasks on somebody else's group.

        With the slack on top statements get until `deadline`, and the caller is the first to learn that it has passed.
        """
        now = anyio.current_time()
        self.ask_until = now + scope_s(deadline - now)

    @property
    def unanswered(self) -> list[str]:
        """The layers of which nothing is known yet."""
        return [name for name in self._layers if name not in self.outcomes]

    def resume(self) -> None:
        """Put the unanswered layers back in the queue, when those who were to ask them are gone."""
        self.running.clear()
        self.queue = deque(self.unanswered)

    def cancel(self) -> None:
        """Start no further layer and cancel those that run."""
        self.cancelled = True
        self.queue.clear()
        for scope in self.running.values():
            scope.cancel()

    def answer(self, layer: str, outcome: LayerOutcome, rows: tuple[T, ...] = ()) -> None:
        """Note what became of a layer, unless nobody waits for it any more."""
        self.running.pop(layer, None)
        if not self.abandoned:
            self.outcomes[layer] = outcome
            self.rows[layer] = rows

    def abandon(self) -> int:
        """Stop waiting for layers that did not end when cancelled; how many there are.

        Unless the whole call was cancelled they are late, and so are those whose turn never came because of them.
        """
        if not self.workers:
            return 0
        self.abandoned = True
        if not self.cancelled:
            for name in self.unanswered:
                reason = f"no answer within {self.timeout_s:g} s" if name in self.running else "its turn never came"
                self.outcomes[name] = LayerOutcome("timeout", 0, self.scope_s * 1000, reason)
        self.queue.clear()
        return self.workers
