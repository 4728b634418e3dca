"""The executor of Tier 1: interleaving, deadlines, isolation, cancellation, live settings, exact statistics."""

from __future__ import annotations

import asyncio
import functools
import json
import logging
import threading
from collections import Counter
from collections.abc import Awaitable, Sequence
from contextvars import ContextVar
from types import MappingProxyType
from typing import Any

import anyio
import anyio.abc
import anyio.lowlevel
import anyio.to_thread
import pytest

from athena_mcp.db.deadline import budget_s
from athena_mcp.errors import DeadlineExceeded, InvalidArgument, StorageError
from athena_mcp.model import Layer
from athena_mcp.recall import parallel_tier1, query_method
from athena_mcp.recall.parallel_tier1 import ParallelTier1Executor
from athena_mcp.recall.query_method import Context, QueryMethod
from athena_mcp.recall.selection import Selection, select_layers

pytestmark = pytest.mark.anyio

LAYERS = [layer.value for layer in Layer]
SECRET = "the-words-of-the-query"

Executor = ParallelTier1Executor[str]
Method = QueryMethod[str]


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


def answering(name: str) -> Method:
    async def method(query: str, context: Context | None, k: int) -> list[str]:
        await anyio.lowlevel.checkpoint()
        return [f"{name} {number}" for number in range(k)]

    return method


def raising(error: Exception) -> Method:
    async def method(query: str, context: Context | None, k: int) -> list[str]:
        await anyio.lowlevel.checkpoint()
        raise error

    return method


async def hanging(query: str, context: Context | None, k: int) -> list[str]:
    await anyio.sleep_forever()
    raise AssertionError


def five(**others: Method) -> dict[str, Method]:
    return {name: others.get(name) or answering(name) for name in LAYERS}


def statuses(answer: Any) -> dict[str, str]:
    return {name: outcome.status for name, outcome in answer.outcomes.items()}


async def stragglers_ended(executor: Executor) -> None:
    with anyio.fail_after(5):
        # A thread that nobody waits for has no event to set.
        while executor.get_statistics()["stragglers_running"]:  # noqa: ASYNC110
            await anyio.sleep(0.001)  # between two looks at the count


class Crowd:
    """Layers that are all in the middle of their work at once, and know how many they are."""

    def __init__(self, expected: int) -> None:
        self.expected = expected
        self.inside = 0
        self.most = 0
        self.complete = anyio.Event()

    async def layer(self, query: str, context: Context | None, k: int) -> list[str]:
        self.inside += 1
        self.most = max(self.most, self.inside)
        if self.inside == self.expected:
            self.complete.set()
        await self.complete.wait()
        self.inside -= 1
        return ["row"]


async def most_at_once(executor: Executor, inside: Counter[str], **call: Any) -> int:
    inside.clear()
    await executor.execute_tier_1_parallel("q", layers=LAYERS, **call)
    return inside["most"]


def counting(inside: Counter[str]) -> Method:
    async def method(query: str, context: Context | None, k: int) -> list[str]:
        inside["now"] += 1
        inside["most"] = max(inside["most"], inside["now"])
        for _ in range(5):
            await anyio.lowlevel.checkpoint()
        inside["now"] -= 1
        return []

    return method


# Interleaving


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


# What counts as parallel, and the settings


async def test_settings_are_obeyed_by_the_next_call_of_a_live_executor() -> None:
    inside: Counter[str] = Counter()
    async with anyio.create_task_group() as task_group:
        executor = Executor(dict.fromkeys(LAYERS, counting(inside)), task_group=task_group)
        assert await most_at_once(executor, inside) == 5
        executor.max_concurrent = 2
        assert await most_at_once(executor, inside) == 2
        executor.max_concurrent = 4
        executor.enable_parallel = False
        assert await most_at_once(executor, inside) == 1
        executor.enable_parallel = True
        assert await most_at_once(executor, inside) == 4
        assert await most_at_once(executor, inside, use_parallel=False) == 1


async def test_the_timeout_is_obeyed_by_the_next_call() -> None:
    left: list[float] = []

    async def method(query: str, context: Context | None, k: int) -> list[str]:
        left.append(budget_s(anyio.current_effective_deadline() - anyio.current_time()))
        return []

    async with anyio.create_task_group() as task_group:
        executor = Executor({"a": method, "b": method}, recall_timeout_seconds=60.0, task_group=task_group)
        for timeout_s in (10.0, 30.0, 2.0):
            executor.timeout_seconds = timeout_s
            for parallel in (True, False):
                left.clear()
                await executor.execute_tier_1_parallel("q", use_parallel=parallel, layers=["a", "b"])
                assert left == pytest.approx([timeout_s] * 2, abs=0.5)


async def test_settings_changed_during_a_call_do_not_reach_it() -> None:
    executor: Executor

    async def meddling(query: str, context: Context | None, k: int) -> list[str]:
        executor.timeout_seconds = 0.001
        executor.max_concurrent = 1
        await anyio.sleep(0.05)  # the layer outlasts the deadline it has just set
        return ["row"]

    async with anyio.create_task_group() as task_group:
        executor = Executor(five(episodic=meddling), task_group=task_group)
        answer = await executor.execute_tier_1_parallel("q", layers=LAYERS)
    assert answer.parallel
    assert statuses(answer)["episodic"] == "ok"


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("max_concurrent", 0),
        ("max_concurrent", -1),
        ("max_concurrent", True),
        ("max_concurrent", 2.5),
        ("max_concurrent", "5"),
        ("timeout_seconds", 0),
        ("timeout_seconds", -1.0),
        ("timeout_seconds", float("nan")),
        ("timeout_seconds", float("inf")),
        ("timeout_seconds", "10"),
        ("timeout_seconds", None),
        ("enable_parallel", 1),
        ("enable_parallel", None),
    ],
)
async def test_a_setting_that_cannot_work_is_refused_and_the_old_one_stays(setting: str, value: Any) -> None:
    executor = Executor(five())
    before = getattr(executor, setting)
    with pytest.raises(InvalidArgument) as raised:
        setattr(executor, setting, value)
    assert raised.value.argument == setting
    assert getattr(executor, setting) == before
    with pytest.raises(InvalidArgument):
        Executor(five(), **{setting: value})


async def test_the_defaults_are_those_of_the_brief() -> None:
    executor = Executor(five())
    assert (executor.max_concurrent, executor.timeout_seconds, executor.enable_parallel) == (5, 10.0, True)


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


# Deadlines


@pytest.mark.parametrize("use_parallel", [True, False])
@pytest.mark.parametrize("owned", [True, False])
async def test_a_hanging_layer_times_out_while_the_others_answer(use_parallel: bool, owned: bool) -> None:
    async with anyio.create_task_group() as task_group:
        executor = Executor(five(procedural=hanging), timeout_seconds=0.1, task_group=task_group if owned else None)
        with anyio.fail_after(5):
            answer = await executor.execute_tier_1_parallel("q", use_parallel=use_parallel, layers=LAYERS)
    late = answer.outcomes["procedural"]
    assert statuses(answer) == {name: "timeout" if name == "procedural" else "ok" for name in LAYERS}
    assert late.reason == "no answer within 0.1 s"
    assert late.elapsed_ms >= 100
    assert answer["procedural"] == ()
    assert len(answer["graph"]) == 5
    assert answer.failed == ("procedural",)
    assert not answer.all_failed
    assert executor.get_statistics()["stragglers_abandoned"] == 0


async def test_a_single_hanging_layer_times_out_too() -> None:
    executor = Executor({"a": hanging}, timeout_seconds=0.05)
    with anyio.fail_after(5):
        answer = await executor.execute_tier_1_parallel("q", layers=["a"])
    assert statuses(answer) == {"a": "timeout"}
    assert answer.all_failed


async def test_the_deadline_begins_when_the_layer_begins_not_when_it_waits_for_its_turn() -> None:
    async def slow(query: str, context: Context | None, k: int) -> list[str]:
        await anyio.sleep(0.2)  # the layer that takes so long
        return ["row"]

    async with anyio.create_task_group() as task_group:
        executor = Executor(dict.fromkeys(LAYERS, slow), max_concurrent=2, timeout_seconds=0.39, task_group=task_group)
        answer = await executor.execute_tier_1_parallel("q", layers=LAYERS)
    assert answer.elapsed_ms > 500  # three turns: longer than any layer's deadline
    assert set(statuses(answer).values()) == {"ok"}


@pytest.mark.parametrize("use_parallel", [True, False])
async def test_the_callers_own_deadline_reaches_the_layers(use_parallel: bool) -> None:
    left: list[float] = []

    async def method(query: str, context: Context | None, k: int) -> list[str]:
        left.append(anyio.current_effective_deadline() - anyio.current_time())
        return []

    async with anyio.create_task_group() as task_group:
        executor = Executor({"a": method, "b": method}, task_group=task_group)
        with anyio.fail_after(3):
            await executor.execute_tier_1_parallel("q", use_parallel=use_parallel, layers=["a", "b"])
    assert all(2 < remaining_s <= 3.2 for remaining_s in left)
    assert len(left) == 2


async def test_a_deadline_kept_by_the_database_is_a_timeout_with_its_words() -> None:
    executor = Executor(five(graph=raising(DeadlineExceeded("The database did not answer before the deadline."))))
    answer = await executor.execute_tier_1_parallel("q", layers=LAYERS)
    assert answer.outcomes["graph"].status == "timeout"
    assert answer.outcomes["graph"].reason == "The database did not answer before the deadline."


async def test_an_error_made_of_the_deadlines_cancellation_is_a_timeout() -> None:
    async def translating(query: str, context: Context | None, k: int) -> list[str]:
        try:
            await anyio.sleep_forever()
        except asyncio.CancelledError:
            raise StorageError("the connection was closed") from None
        raise AssertionError

    executor = Executor(five(graph=translating), timeout_seconds=0.05)
    answer = await executor.execute_tier_1_parallel("q", layers=LAYERS)
    assert answer.outcomes["graph"].status == "timeout"


async def test_a_plain_function_that_hangs_is_left_behind_and_accounted_for() -> None:
    release = threading.Event()
    returned = threading.Event()

    def stuck(query: str, context: Context | None, k: int) -> list[str]:
        release.wait(10)
        returned.set()
        return ["too late"]

    async with anyio.create_task_group() as task_group:
        executor = Executor(five(semantic=stuck), timeout_seconds=0.1, task_group=task_group)
        with anyio.fail_after(5):
            answer = await executor.execute_tier_1_parallel("q", layers=LAYERS)
        assert statuses(answer) == {name: "timeout" if name == "semantic" else "ok" for name in LAYERS}
        counted = executor.get_statistics()
        assert (counted["stragglers_abandoned"], counted["stragglers_running"]) == (1, 1)
        release.set()
        await stragglers_ended(executor)
        assert returned.is_set()
        assert answer["semantic"] == ()
        assert executor.get_statistics()["layers"]["semantic"]["ok"] == 0


async def test_threads_that_never_come_back_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(query_method, "MAX_STRAGGLERS", 2)
    release = threading.Event()

    def stuck(query: str, context: Context | None, k: int) -> list[str]:
        release.wait(10)
        return []

    executor = Executor({"a": stuck}, timeout_seconds=0.02)
    try:
        answers = [await executor.execute_tier_1_parallel("q", layers=["a"]) for _ in range(4)]
        assert [answer.outcomes["a"].status for answer in answers] == ["timeout", "timeout", "error", "error"]
        assert "2 earlier queries" in (answers[-1].outcomes["a"].reason or "")
        assert executor.get_statistics()["stragglers_running"] == 2
    finally:
        release.set()
    await stragglers_ended(executor)


async def test_a_layer_that_cannot_be_cancelled_is_abandoned_and_the_call_still_answers(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(parallel_tier1, "CANCEL_GRACE_S", 0.05)
    release = anyio.Event()

    async def unstoppable(query: str, context: Context | None, k: int) -> list[str]:
        with anyio.CancelScope(shield=True):
            await release.wait()
        return ["too late"]

    async with anyio.create_task_group() as task_group:
        executor = Executor(five(graph=unstoppable), timeout_seconds=0.05, task_group=task_group)
        with anyio.fail_after(5):
            answer = await executor.execute_tier_1_parallel("q", layers=LAYERS)
        assert statuses(answer) == {name: "timeout" if name == "graph" else "ok" for name in LAYERS}
        assert executor.get_statistics()["stragglers_running"] == 1
        release.set()
        await anyio.wait_all_tasks_blocked()
    counted = executor.get_statistics()
    assert (counted["stragglers_abandoned"], counted["stragglers_running"]) == (1, 0)
    assert counted["layers"]["graph"]["timeouts"] == counted["layers"]["graph"]["queries"] == 1
    assert answer["graph"] == ()


# Isolation


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


async def test_without_a_group_of_the_servers_a_late_layer_is_waited_for_and_still_late(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(parallel_tier1, "CANCEL_GRACE_S", 0.05)
    executor: Executor

    async def unstoppable(query: str, context: Context | None, k: int) -> list[str]:
        with anyio.CancelScope(shield=True):
            while not executor.get_statistics()["stragglers_running"]:  # noqa: ASYNC110
                await anyio.sleep(0.001)  # between two looks at the count
        return ["too late"]

    executor = Executor(five(graph=unstoppable), timeout_seconds=0.05)
    with anyio.fail_after(5):
        answer = await executor.execute_tier_1_parallel("q", layers=LAYERS)
    assert statuses(answer)["graph"] == "timeout"
    assert answer["graph"] == ()
    assert executor.get_statistics()["stragglers_running"] == 0


async def test_rows_that_are_none_are_an_error_not_an_empty_answer() -> None:
    async def forgetful(query: str, context: Context | None, k: int) -> Any:
        return None

    answer = await Executor(five(graph=forgetful)).execute_tier_1_parallel("q", layers=LAYERS)
    assert answer.outcomes["graph"].status == "error"


# Cancellation


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


async def test_waiting_for_cancelled_layers_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parallel_tier1, "CANCEL_GRACE_S", 0.05)
    release = anyio.Event()

    async def unstoppable(query: str, context: Context | None, k: int) -> list[str]:
        with anyio.CancelScope(shield=True):
            await release.wait()
        return ["too late"]

    async with anyio.create_task_group() as lifespan:
        executor = Executor(five(graph=unstoppable), task_group=lifespan)
        with anyio.fail_after(5), anyio.move_on_after(0.02):
            await executor.execute_tier_1_parallel("q", layers=LAYERS)
        counted = executor.get_statistics()
        assert (counted["stragglers_abandoned"], counted["stragglers_running"]) == (1, 1)
        release.set()
        await anyio.wait_all_tasks_blocked()
        counted = executor.get_statistics()
        assert (counted["stragglers_abandoned"], counted["stragglers_running"]) == (1, 0)
        assert counted["layers"]["graph"]["cancelled"] == counted["layers"]["graph"]["queries"] == 1


async def test_cancelling_while_a_plain_function_runs_leaves_it_behind_at_once() -> None:
    inside, release = threading.Event(), threading.Event()

    def stuck(query: str, context: Context | None, k: int) -> list[str]:
        inside.set()
        release.wait(10)
        return []

    async with anyio.create_task_group() as lifespan:
        executor = Executor(five(semantic=stuck), task_group=lifespan)
        async with anyio.create_task_group() as request:
            request.start_soon(functools.partial(executor.execute_tier_1_parallel, "q", layers=LAYERS))
            await anyio.to_thread.run_sync(inside.wait, 5)
            request.cancel_scope.cancel()
        counted = executor.get_statistics()
        assert (counted["cancelled_queries"], counted["stragglers_running"]) == (1, 1)
        release.set()
        await stragglers_ended(executor)


# Falling back


async def test_a_closed_group_falls_back_to_sequential_with_a_warning(caplog: pytest.LogCaptureFixture) -> None:
    async with anyio.create_task_group() as task_group:
        pass
    executor = Executor(five(semantic=raising(StorageError("no"))), task_group=task_group)
    with caplog.at_level(logging.WARNING):
        answer = await executor.execute_tier_1_parallel("q", layers=LAYERS)
    assert not answer.parallel
    assert statuses(answer) == {name: "error" if name == "semantic" else "ok" for name in LAYERS}
    assert any(
        record.levelno == logging.WARNING and "falling back to sequential" in record.getMessage()
        for record in caplog.records
    )
    counted = executor.get_statistics()
    assert (counted["fallbacks"], counted["sequential_queries"], counted["parallel_queries"]) == (1, 1, 0)
    assert (counted["layer_queries"], counted["layers_executed_in_parallel"]) == (5, 0)


async def test_a_group_cancelled_under_a_call_falls_back_for_what_is_missing(caplog: pytest.LogCaptureFixture) -> None:
    times: Counter[str] = Counter()
    blocked = anyio.Event()

    def once_stuck(name: str) -> Method:
        async def method(query: str, context: Context | None, k: int) -> list[str]:
            times[name] += 1
            if name == "graph" and times[name] == 1:
                blocked.set()
                await anyio.sleep_forever()
            return [name]

        return method

    answers = []
    ready = anyio.Event()
    groups: list[anyio.abc.TaskGroup] = []

    async def lifespan() -> None:
        async with anyio.create_task_group() as task_group:
            groups.append(task_group)
            ready.set()
            await anyio.sleep_forever()

    async def call() -> None:
        executor = Executor({name: once_stuck(name) for name in LAYERS}, task_group=groups[0])
        answers.append((await executor.execute_tier_1_parallel("q", layers=LAYERS), executor.get_statistics()))

    with anyio.fail_after(5), caplog.at_level(logging.WARNING):
        async with anyio.create_task_group() as outer:
            outer.start_soon(lifespan)
            await ready.wait()
            outer.start_soon(call)
            await blocked.wait()
            groups[0].cancel_scope.cancel()
    answer, counted = answers[0]
    assert set(statuses(answer).values()) == {"ok"}
    assert times == Counter({name: 2 if name == "graph" else 1 for name in LAYERS})
    assert (counted["fallbacks"], counted["sequential_queries"], counted["layer_queries"]) == (1, 1, 5)
    assert "falling back to sequential" in caplog.text


async def test_a_fallback_that_is_cancelled_counts_every_layer_once() -> None:
    times: Counter[str] = Counter()
    both_run, again = anyio.Event(), anyio.Event()

    def stuck(name: str) -> Method:
        async def method(query: str, context: Context | None, k: int) -> list[str]:
            times[name] += 1
            if times.total() == 2:
                both_run.set()
            if times.total() == 3:
                again.set()
            await anyio.sleep_forever()
            raise AssertionError

        return method

    executors: list[Executor] = []
    groups: list[anyio.abc.TaskGroup] = []

    async def lifespan(*, task_status: anyio.abc.TaskStatus[None]) -> None:
        async with anyio.create_task_group() as task_group:
            groups.append(task_group)
            executors.append(Executor({"a": stuck("a"), "b": stuck("b")}, task_group=task_group))
            task_status.started()
            await anyio.sleep_forever()

    with anyio.fail_after(5):
        async with anyio.create_task_group() as outer:
            await outer.start(lifespan)
            outer.start_soon(functools.partial(executors[0].execute_tier_1_parallel, "q", layers=["a", "b"]))
            await both_run.wait()
            groups[0].cancel_scope.cancel()
            await again.wait()
            outer.cancel_scope.cancel()
    counted = executors[0].get_statistics()
    assert (counted["executions"], counted["cancelled_queries"], counted["fallbacks"]) == (1, 1, 1)
    assert {name: row["cancelled"] for name, row in counted["layers"].items()} == {"a": 1, "b": 0}


# Selection, context, kinds of method


async def test_selection_decides_and_the_rest_is_skipped_with_its_reasons() -> None:
    query = "how do we cut a release?"
    selection = select_layers(query)
    async with anyio.create_task_group() as task_group:
        executor = Executor(five(), task_group=task_group)
        answer = await executor.execute_tier_1_parallel(query)
    chosen = [layer.value for layer in selection.layers]
    assert 1 <= len(chosen) < 5
    assert executor.select_layers_for_query(query) == chosen
    assert [name for name, outcome in answer.outcomes.items() if outcome.status == "ok"] == chosen
    assert answer.selection == selection
    for layer in Layer:
        if layer not in selection.layers:
            assert answer.outcomes[layer].reason == selection.reasons[layer]
            assert answer.outcomes[layer].status == "skipped"
            assert answer[layer] == ()
    counted = executor.get_statistics()
    assert counted["queries_saved"] == counted["layers_skipped"] == 5 - len(chosen)


async def test_layers_that_nobody_registered_are_not_selected() -> None:
    def everything(query: str, context: Context | None) -> Selection:
        return Selection(tuple(Layer), dict.fromkeys(Layer, "asked"))

    executor = Executor({"semantic": answering("semantic"), "other": answering("other")}, select=everything)
    assert executor.select_layers_for_query("q") == ["semantic"]
    answer = await executor.execute_tier_1_parallel("q")
    assert statuses(answer) == {"semantic": "ok", "other": "skipped"}
    assert answer.outcomes["other"].reason
    assert executor.get_statistics()["layer_queries"] == 1


async def test_named_layers_are_a_hard_limit_and_no_saving_of_the_selection() -> None:
    executor = Executor(five())
    answer = await executor.execute_tier_1_parallel("q", layers=("graph", "semantic", "graph"))
    assert statuses(answer) == {name: "ok" if name in ("graph", "semantic") else "skipped" for name in LAYERS}
    assert answer.selection is None
    assert answer.outcomes["episodic"].reason
    counted = executor.get_statistics()
    assert (counted["layer_queries"], counted["layers_skipped"], counted["queries_saved"]) == (2, 3, 0)


@pytest.mark.parametrize("layers", [[], (), ["semantic", "emotional"], "semantic", [""]])
async def test_layers_that_are_none_or_unknown_are_refused(layers: Any) -> None:
    executor = Executor(five())
    with pytest.raises(InvalidArgument) as raised:
        await executor.execute_tier_1_parallel("q", layers=layers)
    assert raised.value.argument == "layers"
    assert "semantic" in str(raised.value)
    assert executor.get_statistics()["executions"] == 0


async def test_an_executor_without_layers_is_refused() -> None:
    with pytest.raises(InvalidArgument, match="query_methods"):
        Executor({})


@pytest.mark.parametrize("use_parallel", [True, False])
async def test_query_context_and_k_reach_every_layer_as_they_are(use_parallel: bool) -> None:
    seen: list[tuple[str, Context | None, int]] = []

    async def on_the_loop(query: str, context: Context | None, k: int) -> list[str]:
        seen.append((query, context, k))
        return []

    def in_a_thread(query: str, context: Context | None, k: int) -> list[str]:
        seen.append((query, context, k))
        return []

    files = ["a.py"]
    given: dict[str, Any] = {"phase": "debugging", "files": files}
    before = {"phase": "debugging", "files": ["a.py"]}
    async with anyio.create_task_group() as task_group:
        executor = Executor({"semantic": on_the_loop, "episodic": in_a_thread}, task_group=task_group)
        for context in (given, MappingProxyType(given)):
            seen.clear()
            await executor.execute_tier_1_parallel("what failed?", context, 7, use_parallel)
            assert [(query, k) for query, _, k in seen] == [("what failed?", 7)] * 2
            assert all(passed is context for _, passed, _ in seen)
    assert given == before
    assert given["files"] is files


async def test_every_kind_of_query_method_is_called_properly() -> None:
    async def coroutine(query: str, context: Context | None, k: int) -> tuple[str, ...]:
        return ("coroutine",)

    class Asking:
        async def __call__(self, query: str, context: Context | None, k: int) -> list[str]:
            return [f"object {threading.get_ident() == loop_thread}"]

        async def method(self, query: str, context: Context | None, k: int) -> list[str]:
            return ["bound"]

    async def with_name(name: str, query: str, context: Context | None, k: int) -> list[str]:
        return [name]

    def plain(query: str, context: Context | None, k: int) -> list[str]:
        return [f"plain {threading.get_ident() == loop_thread}"]

    def deferred(query: str, context: Context | None, k: int) -> Awaitable[Sequence[str]]:
        return coroutine(query, context, k)

    loop_thread = threading.get_ident()
    methods: dict[str, Method] = {
        "coroutine": coroutine,
        "object": Asking(),
        "bound": Asking().method,
        "partial": functools.partial(with_name, "partial"),
        "partial object": functools.partial(Asking()),
        "plain": plain,
        "deferred": deferred,
    }
    answer = await Executor(methods).execute_tier_1_parallel("q", layers=list(methods))
    assert dict(answer.rows) == {
        "coroutine": ("coroutine",),
        "object": ("object True",),
        "bound": ("bound",),
        "partial": ("partial",),
        "partial object": ("object True",),
        "plain": ("plain False",),
        "deferred": ("coroutine",),
    }
    assert set(statuses(answer).values()) == {"ok"}


async def test_an_answer_cannot_be_changed_and_is_read_like_a_mapping() -> None:
    async def empty(query: str, context: Context | None, k: int) -> list[str]:
        return []

    answer = await Executor(five(graph=empty)).execute_tier_1_parallel("q", k=2, layers=LAYERS)
    assert answer["semantic"] == answer[Layer.SEMANTIC] == ("semantic 0", "semantic 1")
    assert list(answer) == LAYERS
    assert len(answer) == 5
    assert "graph" in answer
    assert "emotional" not in answer
    assert answer.outcomes["graph"].status == "empty"
    assert answer.outcomes["semantic"].hits == 2
    with pytest.raises(TypeError):
        answer.rows["graph"] = ("x",)  # type: ignore[index]
    with pytest.raises(AttributeError):
        answer.parallel = False  # type: ignore[misc]


def test_outside_a_loop_it_works_from_a_synchronous_caller() -> None:
    executor = Executor(five())
    answer = anyio.run(functools.partial(executor.execute_tier_1_parallel, "q", layers=LAYERS))
    assert set(statuses(answer).values()) == {"ok"}


# Statistics


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
