"""Tier 1's executor with layers that work, wait and hang in PostgreSQL, on pooled connections."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextvars import ContextVar
from typing import Any, LiteralString, cast

import anyio
import psycopg
import pytest

from athena_mcp.db.pool import Database
from athena_mcp.manager import MemoryManager
from athena_mcp.model import Layer, RecallResult
from athena_mcp.recall.cascade import Cascade
from athena_mcp.recall.parallel_tier1 import ParallelTier1Executor
from athena_mcp.recall.query_method import Context, QueryMethod
from athena_mcp.recall.request import RecallRequest
from athena_mcp.remember.project_names import ProjectNames
from athena_mcp.remember.redact import Redactor
from athena_mcp.search.candidates import Candidate
from athena_mcp.telemetry import Statistics
from tests.random_recalls import LAYERS, RandomRecalls

pytestmark = pytest.mark.anyio

CONNECTIONS = 8
SLEEPING: LiteralString = " WHERE wait_event = 'PgSleep' AND state = 'active' AND query = 'SELECT pg_sleep($1)'"


@pytest.fixture
async def database(admin_url: str) -> AsyncIterator[Database]:
    async def find_server() -> str:
        return admin_url

    opened = Database(find_server, max_connections=CONNECTIONS)
    connection = await opened.connect()
    await connection.execute("CREATE EXTENSION IF NOT EXISTS vector")
    await connection.close()
    await opened.open()
    yield opened
    await opened.close()


def waiting(database: Database, seconds: float) -> QueryMethod[str]:
    async def method(query: str, context: Context | None, k: int) -> list[str]:
        async with database.session() as session:
            await session.fetch("SELECT pg_sleep(%(seconds)s)", {"seconds": seconds})
        return ["row"]

    return method


async def backends(database: Database) -> set[int]:
    """The processes behind all connections of the pool, each of which has just answered."""
    found: set[int] = set()
    everybody = anyio.Event()

    async def ask() -> None:
        async with database.session() as session:
            row = await session.fetch_one("SELECT pg_backend_pid()")
            assert row is not None
            found.add(row[0])
            if len(found) == CONNECTIONS:
                everybody.set()
            await everybody.wait()

    with anyio.fail_after(10):
        async with anyio.create_task_group() as tasks:
            for _ in range(CONNECTIONS):
                tasks.start_soon(ask)
    return found


class TierOne:
    """A cascade of nothing but its first tier, which hands on the answer of the executor as the explanation."""

    def __init__(self, executor: ParallelTier1Executor[str]) -> None:
        self._executor = executor
        self.context: ContextVar[Context] = ContextVar("context")

    async def recall(self, request: RecallRequest) -> RecallResult:
        answer: Any = await self._executor.execute_tier_1_parallel(
            request.query, self.context.get(), request.k, request.use_parallel, layers=request.layers
        )
        outcomes = {Layer(name): outcome for name, outcome in answer.outcomes.items()}
        return RecallResult((), (), outcomes, request.project, (), 1, 0.0, explanation=answer)


def counting(tier_1: TierOne, executor: ParallelTier1Executor[str], statistics: Statistics) -> MemoryManager:
    """A manager that recalls and counts, and can do nothing else."""
    others: Any = None
    cascade, asked = cast("Cascade", tier_1), cast("ParallelTier1Executor[Candidate]", executor)
    return MemoryManager(
        database=others,
        pipeline=others,
        loader=others,
        cascade=cascade,
        executor=asked,
        statistics=statistics,
        names=ProjectNames(Redactor()),
        project="global",
        session_id="s",
    )


@pytest.mark.parametrize("use_parallel", [True, False])
async def test_recalls_with_a_hanging_layer_answer_without_it_and_leave_the_pool_whole(
    database: Database, use_parallel: bool
) -> None:
    before = await backends(database)
    methods = dict.fromkeys(LAYERS, waiting(database, 0.0)) | {"procedural": waiting(database, 60.0)}
    count, at_once = (100, 5) if use_parallel else (10, 2)
    turns = iter(range(count))
    async with anyio.create_task_group() as lifespan:
        executor = ParallelTier1Executor(methods, CONNECTIONS, timeout_seconds=0.25, task_group=lifespan)

        async def client() -> None:
            for _ in turns:
                answer = await executor.execute_tier_1_parallel("q", use_parallel=use_parallel, layers=LAYERS)
                late = {name: row.reason for name, row in answer.outcomes.items() if row.status != "ok"}
                assert set(late) == {"procedural"}
                assert late["procedural"]
                assert all(answer[name] == ("row",) for name in LAYERS if name != "procedural")

        async with anyio.create_task_group() as clients:
            for _ in range(at_once):
                clients.start_soon(client)
    assert executor.get_statistics()["executions"] == count
    assert await backends(database) == before
    assert database.counts()["idle"] == CONNECTIONS
    assert executor.get_statistics()["stragglers_running"] == 0


async def test_a_layer_that_takes_its_time_in_many_short_statements_ends_at_its_deadline(database: Database) -> None:
    before = await backends(database)

    async def on_and_on(query: str, context: Context | None, k: int) -> list[str]:
        async with database.session() as session:
            while True:
                await session.fetch("SELECT pg_sleep(0.005)")

    async with anyio.create_task_group() as lifespan:
        executor = ParallelTier1Executor(
            {"a": waiting(database, 0.0), "b": on_and_on}, timeout_seconds=0.05, task_group=lifespan
        )
        for _ in range(5):
            answer = await executor.execute_tier_1_parallel("q", layers=["a", "b"])
            assert Counter(row.status for row in answer.outcomes.values()) == {"ok": 1, "timeout": 1}
    assert await backends(database) == before


async def test_a_cancelled_recall_cancels_its_statements_and_loses_no_connection(database: Database) -> None:
    before = await backends(database)
    async with anyio.create_task_group() as lifespan:
        executor = ParallelTier1Executor(dict.fromkeys(LAYERS, waiting(database, 60.0)), task_group=lifespan)
        for _ in range(5):
            async with anyio.create_task_group() as request:
                request.start_soon(executor.execute_tier_1_parallel, "q", None, 5, True)
                with anyio.fail_after(10):
                    while database.counts()["idle"] > CONNECTIONS - 2:  # noqa: ASYNC110
                        await anyio.sleep(0.001)  # a pool has no event for a connection that is taken
                request.cancel_scope.cancel()
    assert await backends(database) == before
    async with database.session() as session:
        assert await session.fetch("SELECT 1 FROM pg_stat_activity" + SLEEPING) == []


async def test_the_server_gone_is_an_error_of_the_layers_and_the_next_recall_is_answered(
    database: Database, admin_url: str
) -> None:
    methods = dict.fromkeys(LAYERS, waiting(database, 0.0)) | {"graph": waiting(database, 60.0)}
    async with anyio.create_task_group() as lifespan:
        executor = ParallelTier1Executor(methods, task_group=lifespan)
        async with anyio.create_task_group() as request:
            answers = []

            async def ask() -> None:
                answers.append(await executor.execute_tier_1_parallel("q", layers=LAYERS))

            request.start_soon(ask)
            async with await psycopg.AsyncConnection.connect(admin_url, autocommit=True) as admin:
                ended = 0
                with anyio.fail_after(10):
                    while not ended:
                        cursor = await admin.execute(
                            "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity" + SLEEPING
                        )
                        row = await cursor.fetchone()
                        assert row is not None
                        ended = row[0]
        assert answers[0].outcomes["graph"].status == "error"
        again = await executor.execute_tier_1_parallel("q", layers=LAYERS[:4])
        assert not again.failed
    assert executor.get_statistics()["layers"]["graph"]["last_error"]


async def test_every_count_of_a_thousand_random_recalls_is_right(database: Database) -> None:
    """Layers fail, hang, are slow and are cancelled; every third wait is one in the database."""
    turn = 0

    async def wait(seconds: float) -> None:
        nonlocal turn
        turn += 1
        if turn % 3:
            await anyio.sleep(seconds)  # the layer that takes so long
            return
        async with database.session() as session:
            await session.fetch("SELECT pg_sleep(%(seconds)s)", {"seconds": seconds})

    before = await backends(database)
    recalls = RandomRecalls(4, wait)
    async with anyio.create_task_group() as lifespan:
        executor = ParallelTier1Executor(
            recalls.methods(), max_concurrent=CONNECTIONS, task_group=lifespan, select=recalls.select
        )
        operations = Statistics("1")
        tier_1 = TierOne(executor)
        manager = counting(tier_1, executor, operations)

        async def ask(query: str, context: Context, k: int, parallel: bool, *, layers: Sequence[str] | None) -> Any:
            chosen = None if layers is None else tuple(Layer(name) for name in layers)
            request = RecallRequest(query, "global", k=k, use_parallel=parallel, layers=chosen)
            tier_1.context.set(context)
            return (await manager.answer(request)).explanation

        with anyio.fail_after(100):
            await recalls.run(executor, 1000, 16, ask)
        assert not lifespan.cancel_scope.cancel_called
    counted = executor.get_statistics()
    assert recalls.reference.disagreements(counted) == {}
    expected = recalls.reference.counts
    recall = operations.snapshot("recall")["recall"]
    assert (recall["count"], recall["errors"]) == (1000, 0)
    assert recall["cancelled"] == expected["cancelled_queries"]
    assert recall["by_depth"] == {"1": 1000 - expected["cancelled_queries"]}
    assert min(counted["cancelled_queries"], counted["timeouts"], counted["failed_tasks"]) > 20
    assert (counted["running"], counted["waiting"], counted["stragglers_running"]) == (0, 0, 0)
    assert await backends(database) == before


async def test_a_recalls_savings_and_skips_are_counted_once_whatever_it_was_widened_to(manager: MemoryManager) -> None:
    for number, layer in enumerate(Layer):
        about = "the nightly build" if layer in ("procedural", "semantic") else f"word{number}"
        await manager.remember(f"How to run {about}.", layer=layer)
    executor = manager.parallel_tier1_executor
    executor.reset_statistics()
    result = await manager.recall("how do we run the nightly build?", use_cache=False)
    counted = executor.get_statistics()
    asked = {layer for layer, row in result.layers.items() if row.status != "skipped"}
    assert 0 < len(asked) < 5
    assert {name for name, row in counted["layers"].items() if row["queries"]} == asked
    assert {name for name, row in counted["layers"].items() if row["skipped"]} == set(Layer) - asked
    assert counted["queries_saved"] == 5 - len(asked)
    reached = Counter(hit.memory.layer.value for hit in result.memories)
    assert {name: row["reached"] for name, row in counted["layers"].items() if row["reached"]} == reached
    await manager.recall("zzqx qqvw", use_cache=False)  # nothing knows these words: asked everywhere
    widened = executor.get_statistics()
    assert widened["queries_saved"] == counted["queries_saved"]
    assert sum(row["queries"] for row in widened["layers"].values()) == len(asked) + 5
