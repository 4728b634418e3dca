"""What Tier 1 learns from its own measurements: how long a layer is worth waiting for.

Concurrency and the choice of layers are not learned; docs/benchmarks.md has the measurements that say why.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from typing import Any, get_args

from athena_mcp.config import LearningMode
from athena_mcp.errors import InvalidArgument
from athena_mcp.model import LayerOutcome

TIMES_SLOWEST = 10.0
"""A layer is late when it takes this much longer than the slowest of its remembered answers."""
LEAST_S = 1.0
"""Nothing shorter is ever given: a checkpoint or a busy machine holds a healthy statement up for some 100 ms."""
REMEMBERED = 200
"""Answers of a layer that are remembered; a slow one is forgotten after so many others."""
ENOUGH = 50
"""Answers after which something is known."""
EXPLORE_EVERY = 10
"""While a layer is late, every so many queries get the whole time: an answer that is merely slow is found out by it."""


class _Layer:
    __slots__ = ("answers_s", "late", "since_late")

    def __init__(self) -> None:
        self.answers_s: deque[float] = deque(maxlen=REMEMBERED)
        self.late = False
        self.since_late = 0


class LearnedDeadlines:
    """The time that each layer is given, never more than it was set to; on one event loop, in constant memory.

    `mode`: `on` learns, `frozen` keeps what was learned, `off` gives every layer the whole time and learns nothing.
    """

    def __init__(self, layers: Iterable[str], mode: LearningMode) -> None:
        self._layers = {name: _Layer() for name in layers}
        self.explored = 0
        """Queries that got the whole time to find out whether their layer is merely slow."""
        self.mode = mode

    @property
    def mode(self) -> LearningMode:
        """Whether it learns; may be set at any time."""
        return self._mode

    @mode.setter
    def mode(self, value: LearningMode) -> None:
        if value not in get_args(LearningMode):
            raise InvalidArgument("learning", f"must be one of {', '.join(get_args(LearningMode))}")
        self._mode = value

    def learned_s(self, layer: str, most_s: float) -> float:
        """What the layer is given, of at most `most_s`."""
        answers_s = self._layers[layer].answers_s
        if self._mode == "off" or len(answers_s) < ENOUGH:
            return most_s
        return min(most_s, max(LEAST_S, TIMES_SLOWEST * max(answers_s)))

    def give_s(self, layer: str, most_s: float) -> float:
        """The same for a query that is made now: from time to time the whole, while the layer is late."""
        state = self._layers[layer]
        if self._mode == "on" and state.late:
            state.since_late += 1
            if state.since_late % EXPLORE_EVERY == 0:
                self.explored += 1
                return most_s
        return self.learned_s(layer, most_s)

    def observe(self, layer: str, outcome: LayerOutcome) -> None:
        """Learn from what became of a query."""
        if self._mode != "on":
            return
        state = self._layers[layer]
        if outcome.status == "timeout":
            state.late = True
        elif outcome.status in ("ok", "empty"):
            state.answers_s.append(outcome.elapsed_ms / 1000)
            state.late, state.since_late = False, 0

    def snapshot(self, most_s: float) -> dict[str, Any]:
        """JSON-ready."""
        return {
            "mode": self._mode,
            "deadline_s": {name: round(self.learned_s(name, most_s), 3) for name in self._layers},
            "late": [name for name, state in self._layers.items() if state.late],
            "explored": self.explored,
        }
