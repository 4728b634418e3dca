"""One call of Tier 1 while it runs: which layers are still to be asked, which are being asked, which have answered."""

from __future__ import annotations

import asyncio
import math
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

import anyio
import anyio.abc

from athena_mcp.db.deadline import scope_s
from athena_mcp.model import LayerOutcome
from athena_mcp.recall.query_method import Context

T = TypeVar("T")

LEAVE_S = 0.03
"""How long after a layer's deadline a call goes on without it: PostgreSQL's own timeout has been reported long before,
and the scope behind it has closed 10 ms ago. What is left is the layer's tidying up, which nobody has to wait for."""


@dataclass(frozen=True, slots=True)
class Asking:
    """A layer that is being asked: since when (on the executor's clock), and until when (on the loop's)."""

    scope: anyio.CancelScope
    started: float
    due: float
    timeout_s: float


class Tier1Call(Generic[T]):
    """Shared by the tasks of one call, all on one event loop; holds its own copy of the executor's settings.

    `on_leave` is told of each layer that is still running when the call goes on without it.
    """

    __slots__ = (
        "_answered",
        "_clock",
        "_ended",
        "_layers",
        "_on_leave",
        "_open",
        "_recall_timeout_s",
        "_timeouts_s",
        "_timers",
        "ask_until",
        "cancelled",
        "context",
        "ends_at",
        "inside",
        "k",
        "left",
        "loop",
        "outcomes",
        "query",
        "queue",
        "rows",
        "running",
        "task_group",
        "waited_ms",
        "waiting",
        "workers",
    )

    def __init__(
        self,
        query: str,
        context: Context | None,
        k: int,
        layers: Sequence[str],
        *,
        timeouts_s: Mapping[str, float],
        recall_timeout_s: float,
        ends_in_s: float,
        clock: Callable[[], float],
        on_leave: Callable[[Tier1Call[T]], None],
    ) -> None:
        self.query = query
        self.context = context
        self.k = k
        self._timeouts_s = timeouts_s
        self.loop = asyncio.get_running_loop()
        self.ends_at = self.loop.time() + ends_in_s
        """On the loop's clock, the call answers with what has come by then."""
        self.ask_until = math.inf
        """On the loop's clock, the caller's own deadline, with the slack behind it."""
        self._recall_timeout_s = recall_timeout_s
        self._clock = clock
        self._on_leave = on_leave
        self._layers = layers
        self._open = set(layers)
        self._timers: list[asyncio.TimerHandle] = []
        self.queue = deque(layers)
        self.waiting: set[anyio.CancelScope] = set()
        """The scopes of those who wait for a place."""
        self.waited_ms: list[float] = []
        self.running: dict[str, Asking] = {}
        self.inside: set[str] = set()
        """Layers whose query has not ended, whatever is known of them."""
        self.left: set[str] = set()
        """Layers that were given up while they ran."""
        self.outcomes: dict[str, LayerOutcome] = {}
        self.rows: dict[str, tuple[T, ...]] = {}
        self.workers = 0
        self.task_group: anyio.abc.TaskGroup | None = None
        """Where the workers run; None while the caller asks by itself."""
        self._answered: asyncio.Event | None = None
        self._ended: asyncio.Event | None = None
        self.cancelled = False

    def watch(self, caller_deadline: float, task_group: anyio.abc.TaskGroup) -> tuple[asyncio.Event, asyncio.Event]:
        """Let tasks of a group ask the layers: the call leaves by itself those that do not keep their deadlines.

        The events are set when nothing is open any more or nobody is left to ask, and when no worker runs any more.

        The caller's own deadline is handed on, since its scopes do not reach tasks on somebody else's group. With the
        slack on top statements get until it, and the caller is the first to learn that it has passed.
        """
        now = self.loop.time()
        self.ask_until = now + scope_s(caller_deadline - now)
        self.task_group = task_group
        # asyncio's own, and no timer that has nothing to do: a lone layer should cost little more than its task.
        self._answered, self._ended = asyncio.Event(), asyncio.Event()
        if len(self._layers) > 1:
            self._timers.append(self.loop.call_at(self.ends_at, self.expire))
        return self._answered, self._ended

    @property
    def unanswered(self) -> list[str]:
        """The layers of which nothing is known yet."""
        return [name for name in self._layers if name in self._open]

    def begin(self, layer: str) -> Asking:
        """Note that a layer starts to run now; until when it may, and the scope to run it in."""
        now = self.loop.time()
        timeout_s = self._timeouts_s[layer]
        due = min(now + timeout_s, self.ends_at)
        scope = anyio.CancelScope(deadline=min(now + scope_s(due - now), self.ask_until))
        self.inside.add(layer)
        asking = self.running[layer] = Asking(scope, self._clock(), due, timeout_s)
        if self.task_group is not None:
            self._timers.append(self.loop.call_at(due + LEAVE_S, self._leave, layer, asking))
        return asking

    def late_reason(self, asking: Asking) -> str:
        """Why a layer that did not answer is late."""
        if asking.due < self.ends_at:
            return f"no answer within {asking.timeout_s:g} s"
        return f"no answer before the recall's deadline of {self._recall_timeout_s:g} s"

    def end(self, layer: str) -> bool:
        """Note that a layer's query has ended, after its answer if it gave one; whether anybody still waited for it."""
        self.inside.discard(layer)
        return layer not in self.left

    def answer(self, layer: str, outcome: LayerOutcome, rows: tuple[T, ...] = ()) -> None:
        """Note what became of a layer, unless nobody waits for it any more."""
        self.running.pop(layer, None)
        if layer in self._open:
            self._open.discard(layer)
            self.outcomes[layer] = outcome
            self.rows[layer] = rows
            self._settle()

    def worker_ended(self) -> None:
        """Note that one of those who ask is done."""
        self.workers -= 1
        if not self.workers:
            if self._ended is not None:
                self._ended.set()
            self._settle()

    def expire(self) -> None:
        """The call's own time is over: what has not begun never will. What runs has the same deadline."""
        if self.cancelled:
            return
        for layer in self.unanswered:
            if layer not in self.running:
                reason = f"its turn never came before the recall's deadline of {self._recall_timeout_s:g} s"
                self.answer(layer, LayerOutcome("timeout", reason=reason, never_began=True))
        self._stop_waiting()

    def cancel(self) -> None:
        """Start no further layer and cancel those that run."""
        self.cancelled = True
        self._stop_waiting()
        for asking in self.running.values():
            asking.scope.cancel()

    def abandon(self) -> None:
        """After a cancellation: leave behind what does not end."""
        for layer, asking in list(self.running.items()):
            self._leave(layer, asking)

    def resume(self) -> None:
        """Put the unanswered layers back in the queue for the caller, when those who were to ask them are gone."""
        self.close()
        self.running.clear()
        self._answered = self._ended = self.task_group = None
        self.queue = deque(self.unanswered)

    def close(self) -> None:
        """Nobody waits any more."""
        for timer in self._timers:
            timer.cancel()
        self._timers.clear()

    def _leave(self, layer: str, asking: Asking) -> None:
        """Go on without a layer that has not ended; a cancelled call counts it as cut off, any other as late."""
        if self.running.get(layer) is not asking or layer not in self.inside or layer in self.left:
            return
        self.left.add(layer)
        if not self.cancelled:
            elapsed_ms = (self._clock() - asking.started) * 1000
            self.answer(layer, LayerOutcome("timeout", 0, elapsed_ms, self.late_reason(asking)))
        self._on_leave(self)

    def _stop_waiting(self) -> None:
        self.queue.clear()
        for scope in self.waiting:
            scope.cancel()

    def _settle(self) -> None:
        if self._answered is not None and (not self._open or not self.workers):
            self._answered.set()
