"""A caller that is cancelled takes its layers with it, and nothing else."""

from __future__ import annotations

import anyio
import pytest

from athena_mcp.recall.query_method import Context
from tests.random_recalls import LAYERS
from tests.unit.tier1.layers import Executor, Method, five

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("use_parallel", [True, False])
async def test_cancelling_the_caller_cancels_its_layers_and_the_servers_group_lives_on(use_parallel: bool) -> None:
    ended: list[str] = []
    started = anyio.Event()

    def cleaning_up(name: str) -> Method:
        async def method(query: str, context: Context | None, k: int) -> list[str]:
            started.set()
            try:
                await anyio.sleep_forever()
            finally:
                with anyio.CancelScope(shield=True):
                    await anyio.sleep(0.02)  # its tidying up takes so long
                ended.append(name)
            raise AssertionError

        return method

    async with anyio.create_task_group() as lifespan:
        executor = Executor(five(semantic=cleaning_up("semantic"), graph=cleaning_up("graph")), task_group=lifespan)

        async def call() -> None:
            await executor.execute_tier_1_parallel(
                "q", use_parallel=use_parallel, layers=["episodic", "semantic", "graph", "procedural"]
            )

        with anyio.fail_after(5):
            async with anyio.create_task_group() as request:
                request.start_soon(call)
                await started.wait()
                await anyio.wait_all_tasks_blocked()
                request.cancel_scope.cancel()
        assert ended == (["semantic", "graph"] if use_parallel else ["semantic"])  # at once, not some time later
        assert not lifespan.cancel_scope.cancel_called
        answer = await executor.execute_tier_1_parallel("q", layers=["episodic", "procedural"])
        assert answer.parallel
    counted = executor.get_statistics()
    assert (counted["executions"], counted["cancelled_queries"], counted["parallel_queries"]) == (2, 1, 1)
    assert counted["sequential_queries"] == counted["fallbacks"] == 0
    assert counted["layers"]["semantic"]["cancelled"] == 1
    assert counted["layers"]["semantic"]["queries"] == 1
    assert counted["layers"]["episodic"]["ok"] == 2
    assert counted["layers"]["graph"]["queries"] == (1 if use_parallel else 0)
    assert counted["stragglers_abandoned"] == 0


async def test_layers_whose_turn_had_not_come_are_not_asked_after_a_cancellation() -> None:
    asked: list[str] = []

    def noting(name: str) -> Method:
        async def method(query: str, context: Context | None, k: int) -> list[str]:
            asked.append(name)
            await anyio.sleep_forever()
            raise AssertionError

        return method

    async with anyio.create_task_group() as lifespan:
        executor = Executor({name: noting(name) for name in LAYERS}, max_concurrent=2, task_group=lifespan)
        with anyio.move_on_after(0.05):
            await executor.execute_tier_1_parallel("q", layers=LAYERS)
        await anyio.wait_all_tasks_blocked()
        assert asked == LAYERS[:2]
    counted = executor.get_statistics()
    assert (counted["cancelled_queries"], counted["layer_queries"]) == (1, 2)


async def test_a_caller_cancelled_before_its_layers_began_starts_none() -> None:
    asked: list[str] = []

    async def noting(query: str, context: Context | None, k: int) -> list[str]:
        asked.append(query)
        return []

    async with anyio.create_task_group() as lifespan:
        executor = Executor(dict.fromkeys(LAYERS, noting), task_group=lifespan)
        with anyio.CancelScope() as scope:
            scope.cancel()
            await executor.execute_tier_1_parallel("q", layers=LAYERS)
        await anyio.wait_all_tasks_blocked()
    counted = executor.get_statistics()
    assert counted["cancelled_queries"] == counted["executions"] == 1
    assert counted["layer_queries"] == len(asked)
    assert counted["stragglers_running"] == 0
