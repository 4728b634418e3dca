"""Spans and metrics as an exporter of the user's gets them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping
from typing import Any

import anyio
import pytest
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import StatusCode

from athena_mcp.app import App, open_app
from athena_mcp.config import Settings
from athena_mcp.embed.embedder import EmbedderHandle
from athena_mcp.embed.static import DIMENSION, NAME, StaticEmbedder
from athena_mcp.errors import InvalidArgument, StorageError
from athena_mcp.manager import MemoryManager
from athena_mcp.model import Layer
from athena_mcp.recall.parallel_tier1 import ParallelTier1Executor
from athena_mcp.recall.query_method import Context
from athena_mcp.telemetry.instruments import Instruments

pytestmark = pytest.mark.anyio

SECRET = "the-words-of-the-query"


@pytest.fixture
def exporter() -> InMemorySpanExporter:
    return InMemorySpanExporter()


@pytest.fixture
def reader() -> InMemoryMetricReader:
    return InMemoryMetricReader()


@pytest.fixture
def instruments(exporter: InMemorySpanExporter, reader: InMemoryMetricReader) -> Iterator[Instruments]:
    tracers, meters = TracerProvider(), MeterProvider([reader])
    tracers.add_span_processor(SimpleSpanProcessor(exporter))
    yield Instruments(tracers.get_tracer("athena_mcp"), meters.get_meter("athena_mcp"))
    tracers.shutdown()
    meters.shutdown()


@pytest.fixture
async def observed(settings: Settings, static_embedder: StaticEmbedder, instruments: Instruments) -> AsyncIterator[App]:
    handle = EmbedderHandle(lambda: static_embedder, name=NAME, dimension=DIMENSION)
    async with open_app(settings, embedder=lambda: handle, instruments=instruments) as app:
        await app.manager()
        await app.warmed()
        yield app


@pytest.fixture
async def memory(observed: App) -> MemoryManager:
    return await observed.manager()


def spans(exporter: InMemorySpanExporter, name: str) -> list[ReadableSpan]:
    return [span for span in exporter.get_finished_spans() if span.name == name]


def attributes(span: ReadableSpan) -> Mapping[str, Any]:
    assert span.attributes is not None
    return span.attributes


def points(reader: InMemoryMetricReader, name: str) -> list[Any]:
    data = reader.get_metrics_data()
    assert data is not None
    return [
        point
        for resource in data.resource_metrics
        for scope in resource.scope_metrics
        for metric in scope.metrics
        if metric.name == name
        for point in metric.data.data_points
    ]


@pytest.mark.parametrize("use_parallel", [True, False])
async def test_a_recall_is_a_span_with_a_child_for_every_layer_asked(
    memory: MemoryManager, exporter: InMemorySpanExporter, reader: InMemoryMetricReader, use_parallel: bool
) -> None:
    for layer in Layer:
        await memory.remember(f"The nightly build of {layer}.", layer=layer)
    exporter.clear()
    result = await memory.recall(
        "nightly build", layers=list(Layer), cascade_depth=1, use_cache=False, use_parallel=use_parallel
    )
    (recall,) = spans(exporter, "athena.recall")
    layers = spans(exporter, "athena.recall.layer")
    assert sorted(attributes(span)["athena.layer"] for span in layers) == sorted(Layer)
    for span in layers:
        outcome = result.layers[Layer(attributes(span)["athena.layer"])]
        assert span.parent is not None
        assert span.parent.span_id == recall.context.span_id
        assert (attributes(span)["athena.status"], attributes(span)["athena.hits"]) == (outcome.status, outcome.hits)
    assert attributes(recall)["athena.cascade_depth"] == 1
    assert attributes(recall)["athena.cache_hit"] is False
    assert sum(point.count for point in points(reader, "athena.recall.layer.duration")) == 5
    (duration,) = points(reader, "athena.recall.duration")
    assert (duration.count, duration.attributes["athena.cache"]) == (1, "miss")
    assert sum(point.count for point in points(reader, "athena.remember.duration")) == 5


async def test_a_kept_answer_is_a_span_without_children(memory: MemoryManager, exporter: InMemorySpanExporter) -> None:
    await memory.remember("Port 5432.", layer="semantic")
    await memory.recall("port")
    exporter.clear()
    await memory.recall("port")
    (recall,) = exporter.get_finished_spans()
    assert attributes(recall)["athena.cache_hit"] is True


async def test_failures_are_named_and_no_text_is_shown(memory: MemoryManager, exporter: InMemorySpanExporter) -> None:
    await memory.remember(f"Port 5432, {SECRET}.", layer="semantic")
    await memory.recall(SECRET, use_cache=False)
    with pytest.raises(InvalidArgument):
        await memory.recall(SECRET, k=0)
    with pytest.raises(InvalidArgument):
        await memory.forget(999_999)
    failed = [span for span in exporter.get_finished_spans() if span.status.status_code is StatusCode.ERROR]
    assert {(span.name, span.status.description) for span in failed} == {
        ("athena.recall", "InvalidArgument"),
        ("athena.forget", "InvalidArgument"),
    }
    assert SECRET not in "".join(span.to_json() for span in exporter.get_finished_spans())


async def test_a_failing_a_late_and_a_cancelled_layer_are_told_apart(
    exporter: InMemorySpanExporter, instruments: Instruments
) -> None:
    inside = anyio.Event()

    async def failing(query: str, context: Context | None, k: int) -> list[str]:
        raise StorageError("The store is full.")

    async def hanging(query: str, context: Context | None, k: int) -> list[str]:
        inside.set()
        await anyio.sleep_forever()
        return []

    methods = {"a": failing, "b": hanging}
    async with anyio.create_task_group() as lifespan:
        executor: ParallelTier1Executor[str] = ParallelTier1Executor(
            methods, timeout_seconds=0.02, task_group=lifespan, instruments=instruments
        )
        with instruments.operation("athena.recall"):
            await executor.execute_tier_1_parallel("q", layers=["a", "b"])
        executor.timeout_seconds = 60.0
        inside = anyio.Event()
        async with anyio.create_task_group() as request:

            async def ask() -> None:
                with instruments.operation("athena.recall"):
                    await executor.execute_tier_1_parallel("q", layers=["b"])

            request.start_soon(ask)
            await inside.wait()
            request.cancel_scope.cancel()
    layers = spans(exporter, "athena.recall.layer")
    told = [(attributes(span)["athena.status"], span.status.description) for span in layers]
    assert told == [
        ("error", "The store is full."),
        ("timeout", "no answer within 0.02 s"),
        ("cancelled", None),
    ]


async def test_without_an_exporter_nothing_is_made(memory: MemoryManager, manager: MemoryManager) -> None:
    with manager.instruments.operation("athena.recall") as span:
        assert not span.is_recording()
        assert manager.instruments.layer_begins("semantic") is None
