"""Counters, percentiles and the news of a change."""

from __future__ import annotations

import json
import math
import platform
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import anyio
import anyio.lowlevel
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from athena_mcp.errors import InvalidArgument
from athena_mcp.model import Layer
from athena_mcp.telemetry import (
    SECTIONS,
    ForgetSample,
    LatencyHistogram,
    RecallSample,
    RememberSample,
    Statistics,
)
from athena_mcp.telemetry.histogram import CEILING_MS, FLOOR_MS, MAX_BUCKETS, RELATIVE_ERROR

STARTED_AT = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)

latencies = st.floats(min_value=FLOOR_MS, max_value=CEILING_MS)


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


class Clock:
    """A clock that is moved by hand."""

    def __init__(self) -> None:
        self.now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def statistics(clock: Clock) -> Statistics:
    return Statistics("1.2.3", clock=clock, now=lambda: STARTED_AT, pid=42)


def nearest_rank(values: list[float], percent: float) -> float:
    return sorted(values)[max(1, math.ceil(len(values) * percent / 100)) - 1]


@given(values=st.lists(latencies, min_size=1, max_size=300), percent=st.sampled_from([1, 50, 90, 95, 99, 99.9, 100]))
def test_percentiles_are_within_the_promised_error_of_the_sorted_data(values: list[float], percent: float) -> None:
    histogram = LatencyHistogram()
    for value in values:
        histogram.record(value)
    assert histogram.percentile(percent) == pytest.approx(nearest_rank(values, percent), rel=RELATIVE_ERROR * 1.001)
    assert RELATIVE_ERROR <= 0.02


@given(values=st.lists(latencies, min_size=1, max_size=100))
def test_count_greatest_and_sum_are_exact(values: list[float]) -> None:
    histogram = LatencyHistogram()
    for value in values:
        histogram.record(value)
    assert histogram.count == len(values)
    assert histogram.max_ms == max(values)
    assert histogram.summary()["max"] == round(max(values), 2)
    assert histogram.total_ms == pytest.approx(math.fsum(values))


@given(left=st.lists(latencies, max_size=50), right=st.lists(latencies, max_size=50))
def test_a_merge_is_the_histogram_of_both(left: list[float], right: list[float]) -> None:
    merged, other, whole = LatencyHistogram(), LatencyHistogram(), LatencyHistogram()
    for value in left:
        merged.record(value)
        whole.record(value)
    for value in right:
        other.record(value)
        whole.record(value)
    merged.merge(other)
    assert merged.count == whole.count
    assert merged.summary() == whole.summary()
    assert [merged.percentile(p) for p in range(0, 101, 10)] == [whole.percentile(p) for p in range(0, 101, 10)]


def test_an_empty_histogram_has_no_percentiles_and_a_reset_one_is_empty() -> None:
    histogram = LatencyHistogram()
    assert histogram.summary() == {"p50": None, "p95": None, "p99": None, "max": None}
    histogram.record(5.0)
    histogram.reset()
    assert histogram.summary() == {"p50": None, "p95": None, "p99": None, "max": None}
    assert (histogram.count, histogram.total_ms) == (0, 0.0)


@pytest.mark.parametrize("value", [-3.0, 0.0, 1e-9])
def test_values_below_the_grain_are_counted_as_almost_nothing(value: float) -> None:
    histogram = LatencyHistogram()
    histogram.record(value)
    percentile = histogram.percentile(50)
    assert percentile is not None
    assert 0 <= percentile <= FLOOR_MS


def test_values_beyond_the_ceiling_take_no_more_memory() -> None:
    histogram = LatencyHistogram()
    exponent = -10.0
    while exponent < 30:
        histogram.record(10**exponent)
        exponent += 0.002
    assert len(histogram._buckets) <= MAX_BUCKETS
    assert histogram.summary()["max"] == round(histogram.max_ms, 2)


def test_a_new_process_has_counted_nothing(statistics: Statistics, clock: Clock) -> None:
    clock.now_s += 12.3456
    snapshot = statistics.snapshot()
    assert tuple(snapshot) == SECTIONS
    assert snapshot["server"] == {
        "pid": 42,
        "version": "1.2.3",
        "python": platform.python_version(),
        "started_at": "2026-05-04T12:00:00Z",
        "uptime_s": 12.35,
    }
    assert snapshot["recall"]["count"] == 0
    assert snapshot["recall"]["latency_ms"] == {"p50": None, "p95": None, "p99": None, "max": None}
    assert snapshot["executor"] == {}
    json.dumps(snapshot, allow_nan=False)


def test_recalls_are_counted_by_what_became_of_them(statistics: Statistics) -> None:
    statistics.record_recall(RecallSample(10.0, depth=1, layer_queries=3, layer_queries_saved=2))
    statistics.record_recall(RecallSample(20.0, depth=1, degraded=True, layer_queries=5))
    statistics.record_recall(RecallSample(30.0, depth=3, nothing_relevant=True, layer_queries=2, layer_queries_saved=3))
    statistics.record_recall(RecallSample(0.5, depth=1, cache_hit=True))
    statistics.record_recall(RecallSample(40.0, error=True))
    statistics.record_recall(RecallSample(9_000.0, cancelled=True))
    recall = statistics.snapshot("recall")["recall"]
    latency = recall.pop("latency_ms")
    assert recall == {
        "count": 6,
        "errors": 1,
        "cancelled": 1,
        "degraded": 1,
        "cache_hits": 1,
        "nothing_relevant": 1,
        "by_depth": {"1": 3, "3": 1},
        "layer_queries": 10,
        "layer_queries_saved": 5,
    }
    assert latency["p50"] == pytest.approx(20, rel=0.02)
    assert latency["p99"] == pytest.approx(40, rel=0.02)
    assert latency["max"] == 40.0


def test_remembers_are_counted_by_what_became_of_them(statistics: Statistics) -> None:
    statistics.record_remember(RememberSample(1.0, Layer.GRAPH, superseded=2))
    statistics.record_remember(RememberSample(1.0, Layer.EPISODIC, redacted=3))
    statistics.record_remember(RememberSample(1.0, Layer.EPISODIC, duplicate=True))
    statistics.record_remember(RememberSample(1.0, error=True))
    statistics.record_remember(RememberSample(9_000.0, cancelled=True))
    remember = statistics.snapshot("remember")["remember"]
    assert remember["latency_ms"]["max"] == 1.0
    assert {name: value for name, value in remember.items() if name != "latency_ms"} == {
        "count": 5,
        "stored": 2,
        "duplicates": 1,
        "redacted": 3,
        "superseded": 2,
        "errors": 1,
        "cancelled": 1,
        "by_layer": {"episodic": 1, "semantic": 0, "procedural": 0, "prospective": 0, "graph": 1},
    }


def test_forgets_are_counted(statistics: Statistics) -> None:
    statistics.record_forget(ForgetSample(2.0, memories=1, relations_removed=2))
    statistics.record_forget(ForgetSample(4.0, error=True))
    forget = statistics.snapshot("forget")["forget"]
    assert (forget["count"], forget["forgotten"], forget["relations_removed"], forget["errors"]) == (2, 1, 2, 1)


def test_elapsed_time_is_read_from_the_injected_clock(statistics: Statistics, clock: Clock) -> None:
    started = statistics.clock()
    clock.now_s += 0.25
    assert statistics.elapsed_ms(started) == pytest.approx(250)


def test_one_section_can_be_asked_for_and_an_unknown_one_is_refused(statistics: Statistics) -> None:
    for section in SECTIONS:
        assert list(statistics.snapshot(section)) == [section]
    with pytest.raises(InvalidArgument, match=r"recal.*use one of server") as raised:
        statistics.snapshot("recal")
    assert raised.value.argument == "section"


def test_an_attached_section_is_read_and_reset_with_the_rest(statistics: Statistics) -> None:
    counter = {"calls": 7}

    def forget_calls() -> None:
        counter["calls"] = 0

    before = statistics.revision
    statistics.attach("executor", lambda: counter, forget_calls)
    assert statistics.revision > before
    assert statistics.snapshot()["executor"] == {"calls": 7}
    statistics.reset()
    assert statistics.snapshot("executor") == {"executor": {"calls": 0}}


def test_only_sections_of_others_can_be_attached(statistics: Statistics) -> None:
    with pytest.raises(InvalidArgument, match="section"):
        statistics.attach("recall", dict)


def test_a_snapshot_is_the_readers_own(statistics: Statistics) -> None:
    statistics.record_recall(RecallSample(1.0, depth=1))
    statistics.snapshot()["recall"]["by_depth"].clear()
    assert statistics.snapshot()["recall"]["by_depth"] == {"1": 1}


def test_reset_counts_from_nought_and_keeps_the_start(statistics: Statistics, clock: Clock) -> None:
    statistics.record_recall(RecallSample(1.0, depth=1))
    statistics.record_remember(RememberSample(1.0, Layer.GRAPH))
    statistics.record_forget(ForgetSample(1.0, memories=1))
    clock.now_s += 5
    before = statistics.revision
    statistics.reset()
    snapshot = statistics.snapshot()
    assert snapshot["recall"]["count"] == snapshot["remember"]["stored"] == snapshot["forget"]["forgotten"] == 0
    assert snapshot["recall"]["latency_ms"]["max"] is None
    assert snapshot["server"]["uptime_s"] == 5.0
    assert snapshot["server"]["reset_at"] == "2026-05-04T12:00:00Z"
    assert statistics.revision > before


@pytest.mark.parametrize(
    "record",
    [
        lambda statistics: statistics.record_recall(RecallSample(1.0)),
        lambda statistics: statistics.record_remember(RememberSample(1.0)),
        lambda statistics: statistics.record_forget(ForgetSample(1.0)),
        lambda statistics: statistics.touch(),
    ],
)
def test_every_recorded_change_makes_the_revision_grow(
    statistics: Statistics, record: Callable[[Statistics], Any]
) -> None:
    before = statistics.revision
    record(statistics)
    assert statistics.revision > before
    after = statistics.revision
    statistics.snapshot()
    assert statistics.revision == after


@settings(max_examples=20, deadline=None)
@given(recalls=st.integers(min_value=1, max_value=400))
def test_snapshots_from_another_thread_are_whole(recalls: int) -> None:
    statistics = Statistics("1")
    torn: list[dict[str, Any]] = []
    stop = threading.Event()

    def read() -> None:
        while not stop.is_set():
            recall = statistics.snapshot("recall")["recall"]
            if not recall["count"] == recall["degraded"] == sum(recall["by_depth"].values()):
                torn.append(recall)

    reader = threading.Thread(target=read)
    reader.start()
    for number in range(recalls):
        statistics.record_recall(RecallSample(0.1 * number, depth=number % 3 + 1, degraded=True))
    stop.set()
    reader.join()
    assert torn == []
    assert statistics.snapshot()["recall"]["count"] == recalls


@pytest.mark.anyio
async def test_waiting_ends_at_once_when_the_change_has_already_come(statistics: Statistics) -> None:
    since = statistics.revision
    statistics.touch()
    with anyio.fail_after(5):
        assert await statistics.wait_for_change(since) == statistics.revision


@pytest.mark.anyio
async def test_all_waiters_wake_on_one_change(statistics: Statistics) -> None:
    woken: list[int] = []
    since = statistics.revision

    async def wait() -> None:
        woken.append(await statistics.wait_for_change(since))

    with anyio.fail_after(5):
        async with anyio.create_task_group() as task_group:
            for _ in range(5):
                task_group.start_soon(wait)
            await anyio.wait_all_tasks_blocked()
            assert woken == []
            statistics.record_recall(RecallSample(1.0))
    assert woken == [since + 1] * 5


@pytest.mark.anyio
async def test_waiting_does_not_end_without_a_change(statistics: Statistics) -> None:
    with anyio.move_on_after(0.05) as scope:
        await statistics.wait_for_change(statistics.revision)
    assert scope.cancelled_caught
    statistics.touch()  # whoever gave up is not in the way of the next one
    with anyio.fail_after(5):
        await statistics.wait_for_change(statistics.revision - 1)


@pytest.mark.anyio
async def test_no_change_is_lost_between_two_waits(statistics: Statistics) -> None:
    changes = 500
    seen: list[list[int]] = [[], [], []]

    async def follow(revisions: list[int]) -> None:
        revision = 0
        while revision < changes:
            revision = await statistics.wait_for_change(revision)
            revisions.append(revision)

    async def record() -> None:
        for number in range(changes):
            statistics.record_recall(RecallSample(1.0))
            if number % 7 == 0:
                await anyio.lowlevel.checkpoint()

    with anyio.fail_after(10):
        async with anyio.create_task_group() as task_group:
            for revisions in seen:
                task_group.start_soon(follow, revisions)
            task_group.start_soon(record)
    for revisions in seen:
        assert revisions[-1] == changes
        assert revisions == sorted(set(revisions))
        assert len(revisions) > changes / 7 / 2


@pytest.mark.anyio
async def test_a_loop_of_waits_lets_others_run_although_changes_never_cease(statistics: Statistics) -> None:
    ran = anyio.Event()

    async def other() -> None:
        ran.set()

    with anyio.fail_after(5):
        async with anyio.create_task_group() as task_group:
            task_group.start_soon(other)
            while not ran.is_set():
                statistics.touch()
                await statistics.wait_for_change(statistics.revision - 1)
