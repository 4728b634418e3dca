"""A layer that fails, stops itself or forgets its rows harms neither the others nor the call nor the server's group."""

from __future__ import annotations

import asyncio
import functools
import logging
from typing import Any

import anyio
import anyio.lowlevel
import pytest

from athena_mcp.errors import StorageError
from athena_mcp.recall.query_method import Context
from athena_mcp.recall.selection import Selection
from tests.random_recalls import LAYERS
from tests.unit.tier1.layers import Executor, five, one_row, raising, statuses

pytestmark = pytest.mark.anyio

SECRET = "the-words-of-the-query"


@pytest.mark.parametrize("use_parallel", [True, False])
async def test_a_failing_layer_harms_nobody_and_shows_no_data(
    use_parallel: bool, caplog: pytest.LogCaptureFixture
) -> None:
    async with anyio.create_task_group() as task_group:
        executor = Executor(
            five(
                semantic=raising(ValueError(SECRET)),
                graph=raising(StorageError("The store is full.")),
            ),
            task_group=task_group,
        )
        with caplog.at_level(logging.WARNING):
            answer = await executor.execute_tier_1_parallel(SECRET, use_parallel=use_parallel, layers=LAYERS)
        assert not task_group.cancel_scope.cancel_called
        again = await executor.execute_tier_1_parallel(
            "q", use_parallel=use_parallel, layers=["episodic", "procedural"]
        )
    assert statuses(answer) == {name: "error" if name in ("semantic", "graph") else "ok" for name in LAYERS}
    assert answer.outcomes["semantic"].reason == "ValueError"
    assert answer.outcomes["graph"].reason == "The store is full."
    assert answer.failed == ("semantic", "graph")
    assert not again.failed
    assert {record.levelno for record in caplog.records} == {logging.WARNING}
    assert "semantic" in caplog.text
    assert "ValueError" in caplog.text
    assert f"in {'method'}" in caplog.text  # the way to where it was raised
    assert SECRET not in caplog.text


async def test_all_layers_failing_is_an_answer_that_says_so() -> None:
    executor = Executor(dict.fromkeys(LAYERS, raising(RuntimeError("no"))))
    answer = await executor.execute_tier_1_parallel("q", layers=LAYERS)
    assert answer.all_failed
    assert answer.failed == tuple(LAYERS)
    nothing_asked = await Executor(five(), select=lambda query, context: Selection((), {})).execute_tier_1_parallel("q")
    assert not nothing_asked.all_failed


async def test_the_cause_in_a_task_group_of_the_layers_own_is_found() -> None:
    async def grouped(query: str, context: Context | None, k: int) -> list[str]:
        async with anyio.create_task_group() as task_group:
            task_group.start_soon(functools.partial(_raise, StorageError("The table is gone.")))
        return []

    answer = await Executor(five(graph=grouped)).execute_tier_1_parallel("q", layers=LAYERS)
    assert answer.outcomes["graph"].reason == "The table is gone."


async def _raise(error: Exception) -> None:
    raise error


@pytest.mark.parametrize("use_parallel", [True, False])
async def test_a_layer_that_awaits_something_cancelled_cancels_nobody(use_parallel: bool) -> None:
    async def self_cancelling(query: str, context: Context | None, k: int) -> list[str]:
        future: asyncio.Future[list[str]] = asyncio.get_running_loop().create_future()
        future.cancel()
        return await future

    async with anyio.create_task_group() as task_group:
        executor = Executor(five(episodic=self_cancelling), max_concurrent=2, task_group=task_group)
        answer = await executor.execute_tier_1_parallel("q", use_parallel=use_parallel, layers=LAYERS)
        assert not task_group.cancel_scope.cancel_called
    assert statuses(answer) == {name: "error" if name == "episodic" else "ok" for name in LAYERS}
    assert executor.get_statistics()["fallbacks"] == 0


async def test_a_layer_that_cancels_its_own_task_does_not_take_the_servers_group_down() -> None:
    async def stopping_itself(query: str, context: Context | None, k: int) -> list[str]:
        task = asyncio.current_task()
        assert task is not None
        if task is not caller:
            task.cancel()
        await anyio.lowlevel.checkpoint()
        return ["row"]

    caller = asyncio.current_task()
    async with anyio.create_task_group() as task_group:
        executor = Executor(five(episodic=stopping_itself), task_group=task_group)
        answer = await executor.execute_tier_1_parallel("q", layers=LAYERS)
        survived = not task_group.cancel_scope.cancel_called
    assert survived  # not reached within a group that is cancelled
    assert set(statuses(answer).values()) == {"ok"}
    assert executor.get_statistics()["fallbacks"] == 1


@pytest.mark.parametrize("alone", [True, False])
async def test_a_layer_that_raises_a_group_with_a_cancellation_ends_nothing_but_itself(alone: bool) -> None:
    async def broken(query: str, context: Context | None, k: int) -> list[str]:
        raise BaseExceptionGroup("of its own", [asyncio.CancelledError(), ValueError("x")])

    async with anyio.create_task_group() as lifespan:
        executor = Executor({"a": broken, "b": one_row}, task_group=lifespan)
        answer = await executor.execute_tier_1_parallel("q", None, 5, True, layers=["a"] if alone else ["a", "b"])
        assert answer.outcomes["a"].status == "error"
        again = await executor.execute_tier_1_parallel("q", None, 5, True, layers=["b"])
        assert again.outcomes["b"].status == "ok"


async def test_rows_that_are_none_are_an_error_not_an_empty_answer() -> None:
    async def forgetful(query: str, context: Context | None, k: int) -> Any:
        return None

    answer = await Executor(five(graph=forgetful)).execute_tier_1_parallel("q", layers=LAYERS)
    assert answer.outcomes["graph"].status == "error"
