"""The bounds of Tier 1: places for all calls together, a layer's own time, the recall's deadline; exact counts."""

from __future__ import annotations

import asyncio
import functools
import threading
from collections import Counter
from contextlib import suppress
from typing import Any

import anyio
import anyio.abc
import anyio.lowlevel
import pytest

from athena_mcp.errors import InvalidArgument
from athena_mcp.recall import parallel_tier1
from athena_mcp.recall.parallel_tier1 import ParallelTier1Executor
from athena_mcp.recall.query_method import Context, QueryMethod, time_left_s
from tests.random_recalls import LAYERS, RandomRecalls

pytestmark = pytest.mark.anyio

Executor = ParallelTier1Executor[str]


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


async def answering(query: str, context: Context | None, k: int) -> list[str]:
    await anyio.lowlevel.checkpoint()
    return ["row"]


async def hanging(query: str, context: Context | None, k: int) -> list[str]:
    await anyio.sleep_forever()
    raise AssertionError


def five(**others: QueryMethod[str]) -> dict[str, QueryMethod[str]]:
    return {name: others.get(name, answering) for name in LAYERS}


def statuses(answer: Any) -> Counter[str]:
    return Counter(outcome.status for outcome in answer.outcomes.values())


class Gate:
    """Layers that stay in the middle of their work until they are let out, and know how many they are."""

    def __init__(self) -> None:
        self.inside = 0
        self.most = 0
        self.open = anyio.Event()

    async def layer(self, query: str, context: Context | None, k: int) -> list[str]:
        self.inside += 1
        self.most = max(self.most, self.inside)
        try:
            await self.open.wait()
        finally:
            self.inside -= 1
        return ["row"]


# Places


@pytest.mark.parametrize("use_parallel", [True, False])
async def test_the_bound_is_that_of_all_calls_together(use_parallel: bool) -> None:
    gate = Gate()
    async with anyio.create_task_group() as lifespan:
        executor = Executor(dict.fromkeys(LAYERS, gate.layer), max_concurrent=3, task_group=lifespan)
        async with anyio.create_task_group() as requests:
            for _ in range(4):
                requests.start_soon(executor.execute_tier_1_parallel, "q", None, 5, use_parallel)
            await anyio.wait_all_tasks_blocked()
            counted = executor.get_statistics()
            assert (gate.inside, counted["running"]) == (3, 3)
            assert counted["waiting"] > 0
            gate.open.set()
    counted = executor.get_statistics()
    assert gate.most == 3
    assert (counted["running"], counted["waiting"], counted["executions"]) == (0, 0, 4)
    assert counted["place_waits"] > 0


async def test_plain_functions_share_the_same_bound() -> None:
    inside: Counter[str] = Counter()
    lock = threading.Lock()
    passing = threading.Barrier(3, timeout=10)

    def plain(query: str, context: Context | None, k: int) -> list[str]:
        with lock:
            inside["now"] += 1
            inside["most"] = max(inside["most"], inside["now"])
        passing.wait()
        with lock:
            inside["now"] -= 1
        return []

    names = [str(number) for number in range(6)]
    async with anyio.create_task_group() as lifespan:
        executor = Executor(dict.fromkeys(names, plain), max_concurrent=3, task_group=lifespan)
        async with anyio.create_task_group() as requests:
            for _ in range(2):
                requests.start_soon(functools.partial(executor.execute_tier_1_parallel, "q", layers=names[:3]))
    assert inside["most"] == 3


async def test_a_raised_bound_lets_in_who_waits_and_a_lowered_one_nobody_until_there_is_room() -> None:
    gate = Gate()
    async with anyio.create_task_group() as lifespan:
        executor = Executor(dict.fromkeys(LAYERS, gate.layer), max_concurrent=2, task_group=lifespan)
        async with anyio.create_task_group() as requests:
            for _ in range(2):
                requests.start_soon(functools.partial(executor.execute_tier_1_parallel, "q", layers=LAYERS))
            await anyio.wait_all_tasks_blocked()
            assert gate.inside == 2
            executor.max_concurrent = 4
            await anyio.wait_all_tasks_blocked()
            assert gate.inside == 4
            executor.max_concurrent = 1
            await anyio.wait_all_tasks_blocked()
            assert gate.inside == 4
            gate.most = 0
            gate.open.set()
    assert gate.most <= 1  # the four left, and from then on one at a time


async def test_waiting_for_a_place_is_not_in_the_layers_own_time() -> None:
    now_s = 0.0
    gate = Gate()
    left: list[float] = []

    async def noting(query: str, context: Context | None, k: int) -> list[str]:
        left.append(time_left_s())
        return ["row"]

    methods: dict[str, QueryMethod[str]] = {"first": gate.layer, "second": noting}
    async with anyio.create_task_group() as lifespan:
        executor = Executor(methods, max_concurrent=1, timeout_seconds=8.0, task_group=lifespan, clock=lambda: now_s)
        answers = []

        async def second() -> None:
            answers.append(await executor.execute_tier_1_parallel("q", layers=["second"]))

        async with anyio.create_task_group() as requests:
            requests.start_soon(functools.partial(executor.execute_tier_1_parallel, "q", layers=["first"]))
            await anyio.wait_all_tasks_blocked()
            requests.start_soon(second)
            await anyio.wait_all_tasks_blocked()
            now_s = 5.0
            gate.open.set()
    assert answers[0].outcomes["second"].elapsed_ms == 0
    assert answers[0].elapsed_ms == 5000
    assert 7.5 < left[0] <= 8.0
    counted = executor.get_statistics()
    assert counted["place_waits"] == 1
    assert counted["place_wait_ms"]["max"] == 5000


async def test_one_who_is_cancelled_while_waiting_takes_no_place_with_him() -> None:
    gate = Gate()
    async with anyio.create_task_group() as lifespan:
        executor = Executor({"a": gate.layer, "b": answering}, max_concurrent=1, task_group=lifespan)
        async with anyio.create_task_group() as requests:
            requests.start_soon(functools.partial(executor.execute_tier_1_parallel, "q", layers=["a"]))
            await anyio.wait_all_tasks_blocked()
            async with anyio.create_task_group() as given_up:
                given_up.start_soon(functools.partial(executor.execute_tier_1_parallel, "q", layers=["b"]))
                await anyio.wait_all_tasks_blocked()
                assert executor.get_statistics()["waiting"] == 1
                given_up.cancel_scope.cancel()
            assert executor.get_statistics()["waiting"] == 0
            gate.open.set()
        with anyio.fail_after(5):
            answer = await executor.execute_tier_1_parallel("q", layers=["b"])
    assert answer.outcomes["b"].status == "ok"
    counted = executor.get_statistics()
    assert (counted["running"], counted["cancelled_queries"], counted["layers"]["b"]["queries"]) == (0, 1, 1)


async def test_a_place_that_comes_together_with_the_cancellation_goes_to_the_next() -> None:
    gate = Gate()
    async with anyio.create_task_group() as lifespan:
        executor = Executor({"a": gate.layer, "b": answering}, max_concurrent=1, task_group=lifespan)
        async with anyio.create_task_group() as requests:
            requests.start_soon(functools.partial(executor.execute_tier_1_parallel, "q", layers=["a"]))
            await anyio.wait_all_tasks_blocked()
            async with anyio.create_task_group() as given_up:
                given_up.start_soon(functools.partial(executor.execute_tier_1_parallel, "q", layers=["b"]))
                await anyio.wait_all_tasks_blocked()
                executor.max_concurrent = 2
                given_up.cancel_scope.cancel()
            gate.open.set()
    assert executor.get_statistics()["running"] == 0


async def test_threads_left_behind_keep_their_places_but_never_the_last_one() -> None:
    release = threading.Event()

    def stuck(query: str, context: Context | None, k: int) -> list[str]:
        release.wait(10)
        return []

    gate = Gate()
    async with anyio.create_task_group() as lifespan:
        methods = five(graph=stuck, procedural=gate.layer)
        executor = Executor(methods, max_concurrent=3, timeout_seconds=0.02, task_group=lifespan)
        try:
            for _ in range(5):
                answer = await executor.execute_tier_1_parallel("q", layers=["semantic", "graph"])
                assert statuses(answer)["ok"] == statuses(answer)["timeout"] == 1
            assert executor.get_statistics()["stragglers_running"] == 5
            executor.timeout_seconds = 30.0
            async with anyio.create_task_group() as requests:
                for _ in range(3):
                    requests.start_soon(functools.partial(executor.execute_tier_1_parallel, "q", layers=["procedural"]))
                await anyio.wait_all_tasks_blocked()
                assert gate.inside == 1
                gate.open.set()
        finally:
            release.set()


# Deadlines


@pytest.mark.parametrize("use_parallel", [True, False])
async def test_at_the_recalls_deadline_the_answer_goes_out_with_what_has_come(use_parallel: bool) -> None:
    async with anyio.create_task_group() as lifespan:
        executor = Executor(five(graph=hanging), recall_timeout_seconds=0.05, task_group=lifespan)
        with anyio.fail_after(5):
            answer = await executor.execute_tier_1_parallel("q", use_parallel=use_parallel, layers=LAYERS)
    assert statuses(answer) == {"ok": 4, "timeout": 1}
    assert answer.outcomes["graph"].reason == "no answer before the recall's deadline of 0.05 s"
    assert executor.get_statistics()["timeouts"] == 1


@pytest.mark.parametrize(("use_parallel", "asked"), [(True, 2), (False, 1)])
async def test_layers_whose_turn_never_came_are_late_too(use_parallel: bool, asked: int) -> None:
    begun: list[str] = []

    def noting(name: str) -> QueryMethod[str]:
        async def method(query: str, context: Context | None, k: int) -> list[str]:
            begun.append(name)
            await anyio.sleep_forever()
            raise AssertionError

        return method

    async with anyio.create_task_group() as lifespan:
        executor = Executor(
            {name: noting(name) for name in LAYERS}, max_concurrent=2, recall_timeout_seconds=0.05, task_group=lifespan
        )
        with anyio.fail_after(5):
            answer = await executor.execute_tier_1_parallel("q", use_parallel=use_parallel, layers=LAYERS)
    assert statuses(answer) == {"timeout": 5}
    assert begun == LAYERS[:asked]
    for name in LAYERS[asked:]:
        assert answer.outcomes[name].reason == "its turn never came before the recall's deadline of 0.05 s"
        assert answer.outcomes[name].elapsed_ms == 0


async def test_one_who_waits_for_a_place_waits_no_longer_than_his_recall() -> None:
    gate = Gate()
    async with anyio.create_task_group() as lifespan:
        executor = Executor({"a": gate.layer, "b": answering}, max_concurrent=1, task_group=lifespan)
        async with anyio.create_task_group() as requests:
            requests.start_soon(functools.partial(executor.execute_tier_1_parallel, "q", layers=["a"]))
            await anyio.wait_all_tasks_blocked()
            with anyio.fail_after(5):
                late = await executor.execute_tier_1_parallel("q", layers=["b"], time_left_s=0.02)
            gate.open.set()
    assert late.outcomes["b"].status == "timeout"
    assert "turn never came" in (late.outcomes["b"].reason or "")
    assert executor.get_statistics()["running"] == 0


async def test_what_is_left_of_a_recalls_time_bounds_its_layers() -> None:
    left: list[float] = []

    async def noting(query: str, context: Context | None, k: int) -> list[str]:
        left.append(anyio.current_effective_deadline() - anyio.current_time())
        return []

    async with anyio.create_task_group() as lifespan:
        executor = Executor(dict.fromkeys("ab", noting), task_group=lifespan)
        for use_parallel in (True, False):
            await executor.execute_tier_1_parallel("q", use_parallel=use_parallel, layers=list("ab"), time_left_s=3.0)
        nothing_left = await executor.execute_tier_1_parallel("q", layers=["a"], time_left_s=-1.0)
    assert len(left) == 4
    assert all(2.5 < seconds <= 3.02 for seconds in left)
    assert statuses(nothing_left)["timeout"] == 1


@pytest.mark.parametrize("use_parallel", [True, False])
async def test_a_layer_learns_its_deadline_in_a_coroutine_and_in_a_thread(use_parallel: bool) -> None:
    left: dict[str, float] = {}

    async def coroutine(query: str, context: Context | None, k: int) -> list[str]:
        left["coroutine"] = time_left_s()
        return []

    def plain(query: str, context: Context | None, k: int) -> list[str]:
        left["plain"] = time_left_s()
        return []

    async with anyio.create_task_group() as lifespan:
        executor = Executor({"a": coroutine, "b": plain}, timeout_seconds=7.0, task_group=lifespan)
        await executor.execute_tier_1_parallel("q", use_parallel=use_parallel, layers=["a", "b"])
    assert set(left) == {"coroutine", "plain"}
    assert all(6.5 < seconds <= 7.0 for seconds in left.values())
    assert time_left_s() == float("inf")


async def test_layers_that_cannot_be_stopped_do_not_keep_the_others_from_their_turn() -> None:
    release = anyio.Event()

    async def unstoppable(query: str, context: Context | None, k: int) -> list[str]:
        with anyio.CancelScope(shield=True):
            await release.wait()
        return ["too late"]

    async with anyio.create_task_group() as lifespan:
        executor = Executor(
            five(episodic=unstoppable, semantic=unstoppable),
            max_concurrent=2,
            timeout_seconds=0.02,
            task_group=lifespan,
        )
        with anyio.fail_after(5):
            answer = await executor.execute_tier_1_parallel("q", layers=LAYERS)
        assert statuses(answer) == {"timeout": 2, "ok": 3}
        assert executor.get_statistics()["stragglers_running"] == 2
        release.set()
        await anyio.wait_all_tasks_blocked()
    counted = executor.get_statistics()
    assert (counted["stragglers_running"], counted["running"], counted["waiting"]) == (0, 0, 0)
    assert counted["layers"]["episodic"]["ok"] == 0


class Deaf:
    """A layer that swallows its cancellation, and goes on until it is let go; at the latest after five seconds."""

    def __init__(self) -> None:
        self.began = asyncio.Event()
        self.release = asyncio.Event()
        # Else a call that waits for it would hang the test instead of failing it.
        self._timer = asyncio.get_running_loop().call_later(5, self.release.set)

    async def layer(self, query: str, context: Context | None, k: int) -> list[str]:
        self.began.set()
        while not self.release.is_set():
            with suppress(asyncio.CancelledError):
                await self.release.wait()
        return ["too late"]

    async def let_go(self) -> None:
        self._timer.cancel()
        self.release.set()
        await anyio.wait_all_tasks_blocked()


@pytest.mark.parametrize(
    ("layers", "settings", "use_parallel"),
    [
        (["semantic"], {}, True),
        (["semantic"], {}, False),
        (LAYERS, {}, True),
        (LAYERS, {}, False),
        (LAYERS, {"enable_parallel": False}, True),
        (LAYERS, {"max_concurrent": 1}, True),
    ],
)
async def test_a_layer_that_swallows_its_cancellation_is_left_behind_in_every_mode(
    layers: list[str], settings: dict[str, Any], use_parallel: bool
) -> None:
    async with anyio.create_task_group() as lifespan:
        deaf = Deaf()
        executor = Executor(five(semantic=deaf.layer), timeout_seconds=0.05, task_group=lifespan, **settings)
        answer = await executor.execute_tier_1_parallel("q", use_parallel=use_parallel, layers=layers)
        assert not deaf.release.is_set()
        assert answer.outcomes["semantic"].reason == "no answer within 0.05 s"
        assert statuses(answer) == Counter(timeout=1, ok=len(layers) - 1, skipped=5 - len(layers)) + Counter()
        counted = executor.get_statistics()
        assert (counted["running"], counted["stragglers_running"], counted["fallbacks"]) == (0, 1, 0)
        await deaf.let_go()
    counted = executor.get_statistics()
    assert (counted["stragglers_abandoned"], counted["stragglers_running"], counted["running"]) == (1, 0, 0)
    assert counted["layers"]["semantic"]["timeouts"] == counted["layers"]["semantic"]["queries"] == 1
    assert answer["semantic"] == ()


async def test_a_lone_layer_left_behind_keeps_its_place() -> None:
    gate = Gate()
    release = anyio.Event()

    async def unstoppable(query: str, context: Context | None, k: int) -> list[str]:
        with anyio.CancelScope(shield=True), anyio.move_on_after(5):
            await release.wait()
        return ["too late"]

    async with anyio.create_task_group() as lifespan:
        executor = Executor(
            {"a": unstoppable, "b": gate.layer}, max_concurrent=2, timeout_seconds=0.02, task_group=lifespan
        )
        await executor.execute_tier_1_parallel("q", layers=["a"])
        executor.timeout_seconds = 30.0
        async with anyio.create_task_group() as requests:
            for _ in range(2):
                requests.start_soon(functools.partial(executor.execute_tier_1_parallel, "q", layers=["b"]))
            await anyio.wait_all_tasks_blocked()
            assert (gate.inside, executor.get_statistics()["waiting"]) == (1, 1)
            release.set()
            await anyio.wait_all_tasks_blocked()
            assert gate.inside == 2
            gate.open.set()


async def test_a_cancelled_recall_of_one_layer_does_not_wait_for_one_that_swallows_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(parallel_tier1, "CANCEL_GRACE_S", 0.05)
    async with anyio.create_task_group() as lifespan:
        deaf = Deaf()
        executor = Executor({"a": deaf.layer}, task_group=lifespan)
        async with anyio.create_task_group() as request:
            request.start_soon(functools.partial(executor.execute_tier_1_parallel, "q", layers=["a"]))
            await deaf.began.wait()
            request.cancel_scope.cancel()
        assert not deaf.release.is_set()
        counted = executor.get_statistics()
        assert (counted["cancelled_queries"], counted["stragglers_running"]) == (1, 1)
        await deaf.let_go()
    assert executor.get_statistics()["stragglers_running"] == 0


async def test_a_lone_layer_is_asked_without_a_group_that_was_closed_and_that_is_no_fallback(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with anyio.create_task_group() as closed:
        pass
    executor = Executor(five(), task_group=closed)
    answer = await executor.execute_tier_1_parallel("q", layers=["graph"])
    assert answer["graph"] == ("row",)
    counted = executor.get_statistics()
    assert (counted["sequential_queries"], counted["fallbacks"]) == (1, 0)
    assert not caplog.records


@pytest.mark.parametrize("value", [0, -1.0, float("nan"), float("inf"), "15", None, True])
async def test_a_recall_timeout_that_cannot_work_is_refused(value: Any) -> None:
    executor = Executor(five())
    assert executor.recall_timeout_seconds == 15.0
    with pytest.raises(InvalidArgument, match="recall_timeout_seconds"):
        executor.recall_timeout_seconds = value
    executor.recall_timeout_seconds = 2
    assert executor.recall_timeout_seconds == 2.0


# Statistics


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
            {"a": hanging, "b": answering}, max_concurrent=1, recall_timeout_seconds=0.05, task_group=lifespan
        )
        await executor.execute_tier_1_parallel("q", None, 5, True, layers=["a", "b"])
        never = executor.get_statistics()["layers"]["b"]
        assert (never["queries"], never["timeouts"]) == (1, 1)
        assert never["latency_ms"]["p50"] is None


@pytest.mark.parametrize("alone", [True, False])
async def test_a_layer_that_raises_a_group_with_a_cancellation_ends_nothing_but_itself(alone: bool) -> None:
    async def broken(query: str, context: Context | None, k: int) -> list[str]:
        raise BaseExceptionGroup("of its own", [asyncio.CancelledError(), ValueError("x")])

    async with anyio.create_task_group() as lifespan:
        executor = Executor({"a": broken, "b": answering}, task_group=lifespan)
        answer = await executor.execute_tier_1_parallel("q", None, 5, True, layers=["a"] if alone else ["a", "b"])
        assert answer.outcomes["a"].status == "error"
        again = await executor.execute_tier_1_parallel("q", None, 5, True, layers=["b"])
        assert again.outcomes["b"].status == "ok"


async def test_no_more_layers_at_once_than_the_setting_allows_may_be_set() -> None:
    executor = Executor(five())
    with pytest.raises(InvalidArgument, match="from 1 to 100"):
        executor.max_concurrent = 101
