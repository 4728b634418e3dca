"""What runs side by side, where and how many at once; and one after the other, to the same answer."""

from __future__ import annotations

import asyncio
import threading
from collections import Counter
from contextvars import ContextVar
from typing import Any

import anyio
import anyio.abc
import anyio.lowlevel
import pytest

from athena_mcp.errors import StorageError
from athena_mcp.recall.query_method import Context
from tests.random_recalls import LAYERS
from tests.unit.tier1.layers import Crowd, Executor, Method, counting, five, most_at_once, raising, statuses

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("owned", [True, False])
async def test_five_layers_are_in_the_middle_of_their_work_at_once(owned: bool) -> None:
    crowd = Crowd(5)
    async with anyio.create_task_group() as task_group:
        executor = Executor(dict.fromkeys(LAYERS, crowd.layer), task_group=task_group if owned else None)
        with anyio.fail_after(5):
            answer = await executor.execute_tier_1_parallel("q", layers=LAYERS)
    assert crowd.most == 5
    assert answer.parallel
    assert set(statuses(answer).values()) == {"ok"}


async def test_layers_run_on_the_given_task_group_in_the_running_loop_with_the_callers_context_variables() -> None:
    request: ContextVar[str] = ContextVar("request", default="none")
    seen: list[tuple[int | None, int, str]] = []

    async def method(query: str, context: Context | None, k: int) -> list[str]:
        seen.append((anyio.get_current_task().parent_id, id(asyncio.get_running_loop()), request.get()))
        return []

    executors: list[Executor] = []
    hosts: list[int] = []
    done = anyio.Event()

    async def lifespan(*, task_status: anyio.abc.TaskStatus[None]) -> None:
        async with anyio.create_task_group() as task_group:
            hosts.append(anyio.get_current_task().id)
            executors.append(Executor({"a": method, "b": method}, task_group=task_group))
            task_status.started()
            await done.wait()

    async with anyio.create_task_group() as outer:
        await outer.start(lifespan)
        request.set("the caller's")
        await executors[0].execute_tier_1_parallel("q", layers=["a", "b"])
        done.set()
    assert seen == [(hosts[0], id(asyncio.get_running_loop()), "the caller's")] * 2


@pytest.mark.parametrize("bound", [1, 2, 3, 5, 50])
async def test_never_more_layers_at_once_than_max_concurrent(bound: int) -> None:
    inside: Counter[str] = Counter()
    async with anyio.create_task_group() as task_group:
        executor = Executor(dict.fromkeys(LAYERS, counting(inside)), max_concurrent=bound, task_group=task_group)
        assert await most_at_once(executor, inside) == min(bound, 5)
        assert executor.get_statistics()["layer_queries"] == 5


async def test_max_concurrent_of_two_reaches_two() -> None:
    crowd = Crowd(2)
    async with anyio.create_task_group() as task_group:
        executor = Executor(dict.fromkeys(LAYERS, crowd.layer), max_concurrent=2, task_group=task_group)
        with anyio.fail_after(5):
            await executor.execute_tier_1_parallel("q", layers=LAYERS)
    assert crowd.most == 2


async def test_plain_functions_run_side_by_side_in_threads() -> None:
    together = threading.Barrier(5, timeout=10)

    def method(query: str, context: Context | None, k: int) -> list[str]:
        together.wait()
        return [threading.current_thread().name]

    async with anyio.create_task_group() as task_group:
        executor = Executor(dict.fromkeys(LAYERS, method), task_group=task_group)
        answer = await executor.execute_tier_1_parallel("q", layers=LAYERS)
    assert set(statuses(answer).values()) == {"ok"}
    assert threading.current_thread().name not in {name for rows in answer.rows.values() for name in rows}


@pytest.mark.parametrize(
    ("layers", "settings", "use_parallel", "expected"),
    [
        (LAYERS, {}, True, True),
        (LAYERS[:2], {}, True, True),
        (LAYERS[:1], {}, True, False),
        (LAYERS, {}, False, False),
        (LAYERS, {"enable_parallel": False}, True, False),
        (LAYERS, {"max_concurrent": 1}, True, False),
    ],
)
async def test_parallel_only_when_there_is_something_to_run_side_by_side(
    layers: list[str], settings: dict[str, Any], use_parallel: bool, expected: bool
) -> None:
    async with anyio.create_task_group() as task_group:
        executor = Executor(five(), task_group=task_group, **settings)
        answer = await executor.execute_tier_1_parallel("q", use_parallel=use_parallel, layers=layers)
    counted = executor.get_statistics()
    assert answer.parallel is expected
    assert (counted["parallel_queries"], counted["sequential_queries"]) == ((1, 0) if expected else (0, 1))
    assert counted["layers_executed_in_parallel"] == (len(layers) if expected else 0)
    assert counted["layer_queries"] == len(layers)


async def test_sequential_and_parallel_give_the_same_answer_in_the_same_order() -> None:
    methods = five(semantic=raising(StorageError("no room")), graph=lambda query, context, k: ["from a thread"])
    async with anyio.create_task_group() as task_group:
        executor = Executor(methods, task_group=task_group)
        parallel = await executor.execute_tier_1_parallel("q", k=3, layers=LAYERS[::-1])
        sequential = await executor.execute_tier_1_parallel("q", k=3, use_parallel=False, layers=LAYERS[::-1])
    assert (parallel.parallel, sequential.parallel) == (True, False)
    assert list(parallel.rows.items()) == list(sequential.rows.items())
    assert list(parallel.outcomes) == list(sequential.outcomes) == LAYERS
    assert statuses(parallel) == statuses(sequential)
    assert parallel["episodic"] == ("episodic 0", "episodic 1", "episodic 2")


async def test_sequential_asks_one_after_the_other_and_goes_on_after_a_failure() -> None:
    order: list[str] = []

    def noting(name: str, error: Exception | None = None) -> Method:
        async def method(query: str, context: Context | None, k: int) -> list[str]:
            order.append(f"{name} begins")
            await anyio.lowlevel.checkpoint()
            order.append(f"{name} ends")
            if error:
                raise error
            return ["row"]

        return method

    executor = Executor({"a": noting("a", KeyError("x")), "b": noting("b")})
    answer = await executor.execute_tier_1_parallel("q", use_parallel=False, layers=["a", "b"])
    assert order == ["a begins", "a ends", "b begins", "b ends"]
    assert statuses(answer) == {"a": "error", "b": "ok"}
