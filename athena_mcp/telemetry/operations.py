"""The counters of the three operations. Plain state without a lock: `Statistics` owns and guards them."""

from __future__ import annotations

from typing import Any

from athena_mcp.model import Layer
from athena_mcp.telemetry.histogram import LatencyHistogram
from athena_mcp.telemetry.samples import ForgetSample, RecallSample, RememberSample


class RecallCounters:
    """What became of the recalls; `count` is those of all depths + errors + cancelled.

    Latencies are those of all recalls but the cancelled ones, failed ones and cache hits included.
    """

    def __init__(self) -> None:
        self.count = self._errors = self._cancelled = 0
        self._degraded = self._cache_hits = self._nothing_relevant = 0
        self._layer_queries = self._layer_queries_saved = 0
        self._by_depth: dict[int, int] = {}
        self._latency = LatencyHistogram()

    def add(self, sample: RecallSample) -> None:
        """Count one recall."""
        self.count += 1
        if sample.cancelled:
            self._cancelled += 1
            return
        self._errors += sample.error
        self._degraded += sample.degraded
        self._cache_hits += sample.cache_hit
        self._nothing_relevant += sample.nothing_relevant
        self._layer_queries += sample.layer_queries
        self._layer_queries_saved += sample.layer_queries_saved
        if sample.depth is not None:
            self._by_depth[sample.depth] = self._by_depth.get(sample.depth, 0) + 1
        self._latency.record(sample.elapsed_ms)

    def snapshot(self) -> dict[str, Any]:
        """The section `recall`."""
        return {
            "count": self.count,
            "errors": self._errors,
            "cancelled": self._cancelled,
            "degraded": self._degraded,
            "cache_hits": self._cache_hits,
            "nothing_relevant": self._nothing_relevant,
            "by_depth": {str(depth): self._by_depth[depth] for depth in sorted(self._by_depth)},
            "latency_ms": self._latency.summary(),
            "layer_queries": self._layer_queries,
            "layer_queries_saved": self._layer_queries_saved,
        }


class RememberCounters:
    """What became of the remembers; `count` is stored + duplicates + errors + cancelled, whose latency is left out."""

    def __init__(self) -> None:
        self.count = self._duplicates = self._errors = self._cancelled = self._redacted = self._superseded = 0
        self._by_layer = dict.fromkeys(Layer, 0)
        self._latency = LatencyHistogram()

    def add(self, sample: RememberSample) -> None:
        """Count one remember."""
        self.count += 1
        if sample.cancelled:
            self._cancelled += 1
            return
        if sample.error:
            self._errors += 1
        elif sample.duplicate:
            self._duplicates += 1
        elif sample.layer is not None:
            self._by_layer[sample.layer] += 1
        self._redacted += sample.redacted
        self._superseded += sample.superseded
        self._latency.record(sample.elapsed_ms)

    def snapshot(self) -> dict[str, Any]:
        """The section `remember`."""
        return {
            "count": self.count,
            "stored": self.count - self._duplicates - self._errors - self._cancelled,
            "duplicates": self._duplicates,
            "redacted": self._redacted,
            "superseded": self._superseded,
            "errors": self._errors,
            "cancelled": self._cancelled,
            "by_layer": {layer.value: count for layer, count in self._by_layer.items()},
            "latency_ms": self._latency.summary(),
        }


class ForgetCounters:
    """What became of the forgets; the latency of the cancelled ones is left out."""

    def __init__(self) -> None:
        self.count = self._errors = self._cancelled = self._memories = self._relations_removed = 0
        self._latency = LatencyHistogram()

    def add(self, sample: ForgetSample) -> None:
        """Count one forget."""
        self.count += 1
        if sample.cancelled:
            self._cancelled += 1
            return
        self._errors += sample.error
        self._memories += sample.memories
        self._relations_removed += sample.relations_removed
        self._latency.record(sample.elapsed_ms)

    def snapshot(self) -> dict[str, Any]:
        """The section `forget`."""
        return {
            "count": self.count,
            "forgotten": self._memories,
            "relations_removed": self._relations_removed,
            "errors": self._errors,
            "cancelled": self._cancelled,
            "latency_ms": self._latency.summary(),
        }
