"""Exact counts of what Tier 1 did, written once a call, under one lock."""

from __future__ import annotations

import threading
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from athena_mcp.model import LayerOutcome
from athena_mcp.telemetry import LatencyHistogram

_COUNTED_AS = {"ok": "ok", "empty": "empty", "error": "errors", "timeout": "timeouts"}


class _LayerCounters:
    """One layer's row; see `Tier1Statistics`."""

    __slots__ = ("bounded", "cancelled", "hits", "last_error", "latency", "reached", "skipped", "statuses")

    def __init__(self) -> None:
        self.statuses = dict.fromkeys(_COUNTED_AS.values(), 0)
        self.cancelled = 0
        self.skipped = 0
        self.hits = 0
        self.reached = 0
        self.bounded = 0
        self.last_error: str | None = None
        self.latency = LatencyHistogram()

    @property
    def queries(self) -> int:
        return sum(self.statuses.values()) + self.cancelled

    def add(self, outcome: LayerOutcome) -> None:
        self.statuses[_COUNTED_AS[outcome.status]] += 1
        self.hits += outcome.hits
        if outcome.failed:
            self.last_error = outcome.reason
        if not outcome.never_began:
            self.latency.record(outcome.elapsed_ms)

    def snapshot(self) -> dict[str, Any]:
        return {
            "queries": self.queries,
            **self.statuses,
            "cancelled": self.cancelled,
            "skipped": self.skipped,
            "hits": self.hits,
            "reached": self.reached,
            "bounded": self.bounded,
            "last_error": self.last_error,
            "latency_ms": self.latency.summary(),
        }


class Tier1Statistics:
    """The executor's counters; `snapshot` may be called from any thread.

    A call is written whole when it ends, so in every snapshot `executions` is parallel + sequential + cancelled, and
    `layer_queries` is the sum of the layers' `queries`. `fallbacks` are calls that turned sequential because the task
    group would not have them; `layers_executed_in_parallel` are the queries of parallel calls; `failed_tasks` and
    `timeouts` the layer queries that ended so; `layers_skipped` the layers not asked for whatever reason,
    `queries_saved` those that the selection left out. `place_waits` are the waits for a place, which no layer's time
    includes.

    A layer's `queries` are ok + empty + errors + timeouts + cancelled; its latencies leave out the last.
    `hits` are the rows it gave, `reached` those of them that came to be in the final list, `bounded` the calls in which
    it took longest. `bottleneck` is the layer that bounded the most calls, `slowest_layer` the one of greatest p95.

    `speedup` is the sum of the layers' times over the wall time of the parallel calls, None before the first; where
    layers contend for a processor a sequential run would not bear it out, and `bench` measures that run.
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
            self._waits = LatencyHistogram()
            self._layers = {name: _LayerCounters() for name in self._names}

    def record_call(
        self,
        answered: Mapping[str, LayerOutcome],
        *,
        parallel: bool,
        fallback: bool,
        wall_ms: float,
        waited_ms: Sequence[float],
        skipped: Collection[str] = (),
        saved: int = 0,
    ) -> None:
        """Count a call that has answered; `saved` of the `skipped` layers were left out by the selection."""
        with self._lock:
            if parallel:
                self._parallel += 1
                self._in_parallel += len(answered)
                self._parallel_layers_ms += sum(outcome.elapsed_ms for outcome in answered.values())
                self._parallel_wall_ms += wall_ms
            else:
                self._sequential += 1
            self._fallbacks += fallback
            self._count_waits(waited_ms)
            self._count_skipped(skipped, saved)
            longest, longest_ms = None, -1.0
            for name, outcome in answered.items():
                self._layers[name].add(outcome)
                if outcome.elapsed_ms > longest_ms:
                    longest, longest_ms = name, outcome.elapsed_ms
            if longest is not None:
                self._layers[longest].bounded += 1

    def record_cancelled(
        self,
        answered: Mapping[str, LayerOutcome],
        cut_off: Collection[str],
        *,
        fallback: bool,
        waited_ms: Sequence[float],
    ) -> None:
        """Count a call that was cancelled: the layers that had answered by then, and those cut off while they ran."""
        with self._lock:
            self._cancelled += 1
            self._fallbacks += fallback
            self._count_waits(waited_ms)
            for name, outcome in answered.items():
                self._layers[name].add(outcome)
            for name in cut_off:
                self._layers[name].cancelled += 1

    def record_recall(self, skipped: Collection[str], saved: int, reached: Mapping[str, int]) -> None:
        """Count what only the end of a recall of several calls can tell; see `ParallelTier1Executor.count_recall`."""
        with self._lock:
            self._count_skipped(skipped, saved)
            for name, count in reached.items():
                if name in self._layers:
                    self._layers[name].reached += count

    def snapshot(self) -> dict[str, Any]:
        """JSON-ready; see the class for what the counters mean."""
        with self._lock:
            layers = self._layers
            p95_ms = {name: p95 for name, row in layers.items() if (p95 := row.latency.percentile(95)) is not None}
            bottleneck = max(layers, key=lambda name: layers[name].bounded)
            speedup = self._parallel_layers_ms / self._parallel_wall_ms if self._parallel_wall_ms > 0 else None
            return {
                "executions": self._parallel + self._sequential + self._cancelled,
                "parallel_queries": self._parallel,
                "sequential_queries": self._sequential,
                "cancelled_queries": self._cancelled,
                "fallbacks": self._fallbacks,
                "layer_queries": sum(row.queries for row in layers.values()),
                "layers_executed_in_parallel": self._in_parallel,
                "failed_tasks": sum(row.statuses["errors"] for row in layers.values()),
                "timeouts": sum(row.statuses["timeouts"] for row in layers.values()),
                "layers_skipped": sum(row.skipped for row in layers.values()),
                "queries_saved": self._saved,
                "speedup": None if speedup is None else round(speedup, 2),
                "slowest_layer": max(p95_ms, key=p95_ms.__getitem__, default=None),
                "bottleneck": bottleneck if layers[bottleneck].bounded else None,
                "place_waits": self._waits.count,
                "place_wait_ms": self._waits.summary(),
                "layers": {name: row.snapshot() for name, row in layers.items()},
            }

    def _count_waits(self, waited_ms: Sequence[float]) -> None:
        for wait_ms in waited_ms:
            self._waits.record(wait_ms)

    def _count_skipped(self, skipped: Collection[str], saved: int) -> None:
        self._saved += saved
        for name in skipped:
            self._layers[name].skipped += 1
