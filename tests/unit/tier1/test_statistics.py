"""What the executor counts of its calls and layers."""

from __future__ import annotations

import functools
import json
import threading
from typing import Any

import anyio
import pytest

from athena_mcp.recall.query_method import Context, QueryMethod
from tests.random_recalls import LAYERS, RandomRecalls
from tests.unit.tier1.layers import Crowd, Executor, five, hanging, one_row, raising

pytestmark = pytest.mark.anyio


async def test_a_new_executor_has_counted_nothing() -> None:
    counted = Executor(five()).get_statistics()
    assert counted["executions"] == counted["layer_queries"] == 0
    assert counted["speedup"] is None
    assert counted["slowest_layer"] is None
    assert list(counted["layers"]) == LAYERS
    json.dumps(counted, allow_nan=False)


async def test_speedup_and_slowest_layer_are_measured_on_the_given_clock() -> None:
    now_s = 0.0

    def tick() -> float:
        return now_s

    entered = {name: anyio.Event() for name in "abc"}

    async def until(name: str, query: str, context: Context | None, k: int) -> list[str]:
        nonlocal now_s
        entered[name].set()
        for event in entered.values():
            await event.wait()
        now_s += {"a": 1.0, "b": 1.0, "c": 2.0}[name]
        return [name]

    methods = {name: functools.partial(until, name) for name in "abc"}
    async with anyio.create_task_group() as task_group:
        executor = Executor(methods, task_group=task_group, clock=tick)
        answer = await executor.execute_tier_1_parallel("q", layers=list("abc"))
        counted = executor.get_statistics()
        layers_ms = sum(outcome.elapsed_ms for outcome in answer.outcomes.values())
        assert answer.elapsed_ms == 4000
        assert counted["speedup"] == pytest.approx(layers_ms / 4000, abs=0.01)
        assert 1 < counted["speedup"] <= 3
        longest = max(answer.outcomes, key=lambda name: answer.outcomes[name].elapsed_ms)
        assert counted["slowest_layer"] == longest
        await executor.execute_tier_1_parallel("q", use_parallel=False, layers=list("abc"))
        assert executor.get_statistics()["speedup"] == counted["speedup"]


async def test_statistics_can_be_reset() -> None:
    executor = Executor(five(graph=raising(ValueError())))
    executor.timeout_seconds = 3.0
    await executor.execute_tier_1_parallel("q", layers=LAYERS)
    executor.reset_statistics()
    expected = Executor(five(), timeout_seconds=3.0).get_statistics()
    assert executor.get_statistics() == expected


async def test_a_call_under_way_at_a_reset_is_counted_whole() -> None:
    crowd = Crowd(6)
    async with anyio.create_task_group() as task_group:
        executor = Executor(five(graph=crowd.layer), task_group=task_group)
        async with anyio.create_task_group() as request:
            request.start_soon(functools.partial(executor.execute_tier_1_parallel, "q", layers=LAYERS))
            await anyio.wait_all_tasks_blocked()
            executor.reset_statistics()
            crowd.complete.set()
    counted = executor.get_statistics()
    assert (counted["executions"], counted["layer_queries"], counted["layers_executed_in_parallel"]) == (1, 5, 5)


async def test_statistics_may_be_read_from_another_thread_while_calls_run() -> None:
    torn: list[Any] = []
    stop = threading.Event()

    def read(executor: Executor) -> None:
        while not stop.is_set():
            counted = executor.get_statistics()
            if (
                counted["executions"] * 5 != counted["layer_queries"]
                or counted["executions"] != counted["parallel_queries"]
            ):
                torn.append(counted)

    async with anyio.create_task_group() as task_group:
        executor = Executor(five(), task_group=task_group)
        reader = threading.Thread(target=read, args=(executor,))
        reader.start()
        for _ in range(100):
            await executor.execute_tier_1_parallel("q", layers=LAYERS)
        stop.set()
        reader.join()
    assert torn == []
    assert executor.get_statistics()["executions"] == 100


async def test_layer_rows_have_percentiles_of_all_but_cancelled_queries() -> None:
    executor = Executor(five(graph=hanging), timeout_seconds=0.05)
    await executor.execute_tier_1_parallel("q", layers=LAYERS)
    with anyio.move_on_after(0.01):
        await executor.execute_tier_1_parallel("q", layers=["graph"])
    row = executor.get_statistics()["layers"]["graph"]
    assert (row["queries"], row["timeouts"], row["cancelled"]) == (2, 1, 1)
    assert row["latency_ms"]["p50"] >= 50 * 0.98
    assert set(row["latency_ms"]) == {"p50", "p95", "p99", "max"}
    assert executor.get_statistics()["slowest_layer"] == "graph"


async def test_every_count_of_four_hundred_random_recalls_is_right() -> None:
    recalls = RandomRecalls(11, anyio.sleep)
    async with anyio.create_task_group() as lifespan:
        executor = Executor(recalls.methods(), max_concurrent=7, task_group=lifespan, select=recalls.select)
        with anyio.fail_after(60):
            await recalls.run(executor, 400, at_once=12)
        assert not lifespan.cancel_scope.cancel_called
    counted = executor.get_statistics()
    assert recalls.reference.disagreements(counted) == {}
    assert counted["cancelled_queries"] > 20
    assert counted["timeouts"] > 5
    assert (counted["running"], counted["waiting"], counted["stragglers_running"]) == (0, 0, 0)


async def test_the_bottleneck_is_the_layer_that_bounded_most_calls() -> None:
    now_s = 0.0

    def taking(seconds: float) -> QueryMethod[str]:
        async def method(query: str, context: Context | None, k: int) -> list[str]:
            nonlocal now_s
            now_s += seconds
            return ["row"]

        return method

    executor = Executor({"a": taking(1.0), "b": taking(2.0), "c": taking(9.0)}, clock=lambda: now_s)
    for layers in (["a", "b"], ["a", "b"], ["a", "c"], ["a"]):
        await executor.execute_tier_1_parallel("q", use_parallel=False, layers=layers)
    counted = executor.get_statistics()
    assert {name: row["bounded"] for name, row in counted["layers"].items()} == {"a": 1, "b": 2, "c": 1}
    assert (counted["bottleneck"], counted["slowest_layer"]) == ("b", "c")
    executor.reset_statistics()
    assert executor.get_statistics()["bottleneck"] is None


async def test_what_a_recall_of_several_calls_skipped_and_brought_is_counted_at_its_end() -> None:
    executor = Executor(five())
    await executor.execute_tier_1_parallel("q", layers=["semantic"], partial=True)
    await executor.execute_tier_1_parallel("q", layers=["graph"], partial=True)
    assert executor.get_statistics()["layers_skipped"] == 0
    executor.count_recall(skipped=["episodic", "procedural"], saved=1, reached={"graph": 2, "semantic": 0})
    counted = executor.get_statistics()
    assert (counted["layers_skipped"], counted["queries_saved"]) == (2, 1)
    assert {name for name, row in counted["layers"].items() if row["skipped"]} == {"episodic", "procedural"}
    assert counted["layers"]["graph"]["reached"] == 2


async def test_a_layer_whose_turn_never_came_has_no_latency() -> None:
    async with anyio.create_task_group() as lifespan:
        executor = Executor(
            {"a": hanging, "b": one_row}, max_concurrent=1, recall_timeout_seconds=0.05, task_group=lifespan
        )
        await executor.execute_tier_1_parallel("q", None, 5, True, layers=["a", "b"])
        never = executor.get_statistics()["layers"]["b"]
        assert (never["queries"], never["timeouts"]) == (1, 1)
        assert never["latency_ms"]["p50"] is None
