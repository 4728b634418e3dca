"""Exact counts of what Tier 1 did, written once a call, under one lock."""

from __future__ import annotations

import threading
from collections.abc import Collection, Iterable, Mapping
from typing import Any

from athena_mcp.model import LayerOutcome
from athena_mcp.telemetry import LatencyHistogram


class _LayerCounters:
    """One layer's row. `calls` is ok + empty + timeout + error + cancelled; latencies leave out cancelled queries."""

    __slots__ = ("cancelled", "hits", "latency", "skipped", "statuses")

    def __init__(self) -> None:
        self.statuses = {"ok": 0, "empty": 0, "timeout": 0, "error": 0}
        self.cancelled = 0
        self.skipped = 0
        self.hits = 0
        self.latency = LatencyHistogram()

    @property
    def calls(self) -> int:
        return sum(self.statuses.values()) + self.cancelled

    def add(self, outcome: LayerOutcome) -> None:
        if outcome.status == "skipped":
            self.skipped += 1
            return
        self.statuses[outcome.status] += 1
        self.hits += outcome.hits
        self.latency.record(outcome.elapsed_ms)

    def snapshot(self) -> dict[str, Any]:
        return {
            "calls": self.calls,
            **self.statuses,
            "cancelled": self.cancelled,
            "skipped": self.skipped,
            "hits": self.hits,
            "latency_ms": self.latency.summary(),
        }


class Tier1Statistics:
    """The executor's counters; `snapshot` may be called from any thread.

    A call is written whole when it ends, so in every snapshot `calls` is parallel + sequential + cancelled, and
    `layers_queried` is the sum of the layers' `calls`. `fallbacks` are calls that turned sequential because the task
    group would not have them; `layers_in_parallel` are the queries of parallel calls; `layers_skipped` are layers not
    asked for whatever reason, `queries_saved` those that the selection left out. `slowest_layer` is the one of greatest
    p95. `speedup` is the sum of the layers' times over the wall time of the parallel calls, None before the first;
    where layers contend for a processor a sequential run would not bear it out, and `bench` measures that run.
    """

    def __init__(self, layers: Iterable[str]) -> None:
        self._names = tuple(layers)
        self._lock = threading.Lock()
        self.reset()

    def reset(self) -> None:
        """Count from nought again."""
        with self._lock:
            self._parallel = self._sequential = self._cancelled = self._fallbacks = 0
            self._in_parallel = self._saved = 0
            self._parallel_layers_ms = self._parallel_wall_ms = 0.0
            self._layers = {name: _LayerCounters() for name in self._names}

    def record_call(
        self, outcomes: Mapping[str, LayerOutcome], *, parallel: bool, fallback: bool, selected: bool, wall_ms: float
    ) -> None:
        """Count a call that has answered; `selected` when the selection, not the caller, left layers out."""
        asked_ms = [outcome.elapsed_ms for outcome in outcomes.values() if outcome.status != "skipped"]
        with self._lock:
            if parallel:
                self._parallel += 1
                self._in_parallel += len(asked_ms)
                self._parallel_layers_ms += sum(asked_ms)
                self._parallel_wall_ms += wall_ms
            else:
                self._sequential += 1
            self._fallbacks += fallback
            if selected:
                self._saved += len(outcomes) - len(asked_ms)
            for name, outcome in outcomes.items():
                self._layers[name].add(outcome)

    def record_cancelled(
        self, answered: Mapping[str, LayerOutcome], cut_off: Collection[str], *, fallback: bool
    ) -> None:
        """Count a call that was cancelled: the layers that had answered by then, and those cut off while they ran."""
        with self._lock:
            self._cancelled += 1
            self._fallbacks += fallback
            for name, outcome in answered.items():
                self._layers[name].add(outcome)
            for name in cut_off:
                self._layers[name].cancelled += 1

    def snapshot(self) -> dict[str, Any]:
        """JSON-ready; see the class for what the counters mean."""
        with self._lock:
            p95_ms = {
                name: p95
                for name, counters in self._layers.items()
                if (p95 := counters.latency.percentile(95)) is not None
            }
            speedup = self._parallel_layers_ms / self._parallel_wall_ms if self._parallel_wall_ms > 0 else None
            return {
                "calls": self._parallel + self._sequential + self._cancelled,
                "parallel_calls": self._parallel,
                "sequential_calls": self._sequential,
                "cancelled_calls": self._cancelled,
                "fallbacks": self._fallbacks,
                "layers_queried": sum(counters.calls for counters in self._layers.values()),
                "layers_in_parallel": self._in_parallel,
                "layers_skipped": sum(counters.skipped for counters in self._layers.values()),
                "queries_saved": self._saved,
                "speedup": None if speedup is None else round(speedup, 2),
                "slowest_layer": max(p95_ms, key=p95_ms.__getitem__, default=None),
                "layers": {name: counters.snapshot() for name, counters in self._layers.items()},
            }
