"""Spans and metrics through OpenTelemetry's API: nothing happens unless the process was given a provider.

Neither holds a query or what was remembered: names, counts, times, and messages that are written to be shown.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import Token
from typing import NamedTuple

from opentelemetry import context, metrics, trace
from opentelemetry.trace import Span, Status, StatusCode

from athena_mcp.model import LayerOutcome
from athena_mcp.telemetry.samples import ForgetSample, RecallSample, RememberSample
from athena_mcp.version import own_version

SCOPE = "athena_mcp"
"""The instrumentation scope of all of them."""
RECALL, LAYER, REMEMBER, FORGET = "athena.recall", "athena.recall.layer", "athena.remember", "athena.forget"


class LayerSpan(NamedTuple):
    """A span that is current in a layer's task, and the way back to the one that was before."""

    span: Span
    token: Token[context.Context]


class Instruments:
    """The process's tracer and meter: given ones, else those of the global providers, whenever these are set."""

    def __init__(self, tracer: trace.Tracer | None = None, meter: metrics.Meter | None = None) -> None:
        self._tracer = tracer or trace.get_tracer(SCOPE, own_version())
        meter = meter or metrics.get_meter(SCOPE, own_version())
        self._durations = {
            name: meter.create_histogram(f"{name}.duration", unit="s", description=description)
            for name, description in (
                (RECALL, "Time of a recall, cache hits included"),
                (LAYER, "Time of one layer in a recall, without the wait for its place"),
                (REMEMBER, "Time of a remember"),
                (FORGET, "Time of a forget"),
            )
        }
        self._hits = meter.create_counter(f"{LAYER}.hits", unit="{hit}", description="Rows that a layer gave")
        self._saved = meter.create_counter(
            f"{LAYER}.saved", unit="{query}", description="Layer queries that the selection left out"
        )

    @contextmanager
    def operation(self, name: str) -> Iterator[Span]:
        """A span around an operation; an exception is named in it by its class, never by its text."""
        span = self._tracer.start_span(name)
        if not span.is_recording():
            yield span
            return
        with trace.use_span(span, end_on_exit=True, record_exception=False, set_status_on_exception=False):
            try:
                yield span
            except BaseException as error:  # whatever it is: noted on the span, then raised again
                span.set_status(Status(StatusCode.ERROR, type(error).__name__))
                raise

    def layer_begins(self, layer: str) -> LayerSpan | None:
        """A span around the question to one layer, current from now on; None when nobody records the recall's own."""
        if not trace.get_current_span().is_recording():
            return None
        span = self._tracer.start_span(LAYER, attributes={"athena.layer": layer})
        return LayerSpan(span, context.attach(trace.set_span_in_context(span)))

    def layer_ended(self, layer: str, outcome: LayerOutcome | None, span: LayerSpan | None) -> None:
        """Say what became of a layer; None for one that was cancelled with its recall."""
        if outcome is not None:
            attributes = {"athena.layer": layer, "athena.status": outcome.status}
            self._durations[LAYER].record(outcome.elapsed_ms / 1000, attributes)
            if outcome.hits:
                self._hits.add(outcome.hits, {"athena.layer": layer})
        if span is not None:
            context.detach(span.token)
            span.span.set_attribute("athena.status", "cancelled" if outcome is None else outcome.status)
            span.span.set_attribute("athena.hits", 0 if outcome is None else outcome.hits)
            if outcome is not None and outcome.failed:
                span.span.set_status(Status(StatusCode.ERROR, outcome.reason))
            span.span.end()

    def recalled(self, sample: RecallSample) -> None:
        """Count a recall that has ended, and say of its span what it came to, or that it was cancelled."""
        span = trace.get_current_span()
        if sample.cancelled:
            if span.is_recording():
                span.set_attribute("athena.cancelled", True)
            return
        result = "hit" if sample.cache_hit else "miss"
        self._durations[RECALL].record(sample.elapsed_ms / 1000, {"athena.cache": result, "athena.error": sample.error})
        if sample.layer_queries_saved:
            self._saved.add(sample.layer_queries_saved)
        if span.is_recording():
            span.set_attribute("athena.cache_hit", sample.cache_hit)
            span.set_attribute("athena.degraded", sample.degraded)
            span.set_attribute("athena.layer_queries", sample.layer_queries)
            if sample.depth is not None:
                span.set_attribute("athena.cascade_depth", sample.depth)

    def remembered(self, sample: RememberSample) -> None:
        """Count a remember that has ended, but for one that was cancelled."""
        if sample.cancelled:
            return
        layer = "none" if sample.layer is None else sample.layer.value
        self._durations[REMEMBER].record(
            sample.elapsed_ms / 1000, {"athena.layer": layer, "athena.error": sample.error}
        )

    def forgot(self, sample: ForgetSample) -> None:
        """Count a forget that has ended, but for one that was cancelled."""
        if sample.cancelled:
            return
        self._durations[FORGET].record(sample.elapsed_ms / 1000, {"athena.error": sample.error})
