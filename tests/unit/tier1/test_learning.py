"""Learned deadlines: bounded both ways, forgetting, and never locked into a mistake."""

from __future__ import annotations

import anyio
import anyio.abc
import pytest
from hypothesis import given
from hypothesis import strategies as st

from athena_mcp.errors import InvalidArgument
from athena_mcp.model import LayerOutcome
from athena_mcp.recall.parallel_tier1 import ParallelTier1Executor
from athena_mcp.recall.query_method import Context, time_left_s
from athena_mcp.recall.tier1_learning import ENOUGH, EXPLORE_EVERY, LEAST_S, REMEMBERED, LearnedDeadlines

MOST_S = 10.0
LATE = LayerOutcome("timeout", 0, 1000.0, "no answer within 1 s")


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


def taught(*answers_ms: float, count: int = ENOUGH) -> LearnedDeadlines:
    learned = LearnedDeadlines(["a", "b"], "on")
    for number in range(max(count, len(answers_ms))):
        learned.observe("a", LayerOutcome("ok", 1, answers_ms[number % len(answers_ms)]))
    return learned


def test_nothing_is_learned_from_a_few_answers_nor_from_another_layers() -> None:
    assert taught(5.0, count=ENOUGH - 1).give_s("a", MOST_S) == MOST_S
    assert taught(5.0).give_s("b", MOST_S) == MOST_S
    assert taught(5.0).give_s("a", MOST_S) == LEAST_S


def test_a_layer_gets_ten_times_its_slowest_answer() -> None:
    assert taught(5.0, 200.0, 7.0).give_s("a", MOST_S) == pytest.approx(2.0)


@given(answers_ms=st.lists(st.floats(0, 1e7), min_size=ENOUGH, max_size=300), most_s=st.floats(0.01, 3600))
def test_never_more_than_was_set_and_never_less_than_the_least(answers_ms: list[float], most_s: float) -> None:
    given_s = taught(*answers_ms).give_s("a", most_s)
    assert min(most_s, LEAST_S) <= given_s <= most_s


def test_a_slow_answer_is_forgotten_after_so_many_others() -> None:
    learned = taught(5.0)
    learned.observe("a", LayerOutcome("empty", 0, 800.0))
    assert learned.learned_s("a", MOST_S) == pytest.approx(8.0)
    for _ in range(REMEMBERED):
        learned.observe("a", LayerOutcome("ok", 1, 5.0))
    assert learned.learned_s("a", MOST_S) == LEAST_S


def test_while_a_layer_is_late_every_tenth_query_gets_the_whole_time() -> None:
    learned = taught(5.0)
    given_s = []
    for _ in range(3 * EXPLORE_EVERY):
        learned.observe("a", LATE)
        given_s.append(learned.give_s("a", MOST_S))
    whole = [number + 1 for number, seconds in enumerate(given_s) if seconds == MOST_S]
    assert whole == [EXPLORE_EVERY, 2 * EXPLORE_EVERY, 3 * EXPLORE_EVERY]
    assert set(given_s) == {LEAST_S, MOST_S}
    assert learned.snapshot(MOST_S) == {
        "mode": "on",
        "deadline_s": {"a": LEAST_S, "b": MOST_S},
        "late": ["a"],
        "explored": 3,
    }


def test_a_layer_that_has_become_slow_is_waited_for_after_one_exploration() -> None:
    learned = taught(5.0)
    lost = 0
    for _ in range(100):
        if learned.give_s("a", MOST_S) >= 3.0:
            learned.observe("a", LayerOutcome("ok", 1, 3000.0))
        else:
            learned.observe("a", LATE)
            lost += 1
    assert lost == EXPLORE_EVERY  # the first to be late, and those before the first that explores
    assert learned.snapshot(MOST_S)["late"] == []


def test_errors_teach_nothing() -> None:
    learned = taught(5.0)
    learned.observe("a", LayerOutcome("error", 0, 9000.0, "no"))
    assert (learned.learned_s("a", MOST_S), learned.snapshot(MOST_S)["late"]) == (LEAST_S, [])


def test_frozen_keeps_what_was_learned_and_off_knows_nothing() -> None:
    learned = taught(5.0)
    learned.mode = "frozen"
    for _ in range(REMEMBERED):
        learned.observe("a", LayerOutcome("ok", 1, 900.0))
        learned.observe("a", LATE)
    assert {learned.give_s("a", MOST_S) for _ in range(2 * EXPLORE_EVERY)} == {LEAST_S}
    learned.mode = "off"
    assert learned.give_s("a", MOST_S) == MOST_S
    with pytest.raises(InvalidArgument, match="learning"):
        learned.mode = "sometimes"  # type: ignore[assignment]


@pytest.mark.anyio
@pytest.mark.parametrize("use_parallel", [True, False])
async def test_the_executor_hands_layers_what_they_have_learned_and_shows_it(use_parallel: bool) -> None:
    now_s = 0.0
    left_s: list[float] = []

    async def quick(query: str, context: Context | None, k: int) -> list[str]:
        left_s.append(time_left_s())
        return ["row"]

    async def slow(query: str, context: Context | None, k: int) -> list[str]:
        nonlocal now_s
        now_s += 0.3
        return ["row"]

    async with anyio.create_task_group() as lifespan:
        executor: ParallelTier1Executor[str] = ParallelTier1Executor(
            {"quick": quick, "slow": slow}, task_group=lifespan, clock=lambda: now_s
        )
        for learning, expected_s in (("off", 10.0), ("on", 10.0), ("on", 1.0), ("frozen", 1.0), ("off", 10.0)):
            executor.learning = learning  # type: ignore[assignment]
            left_s.clear()
            for _ in range(ENOUGH):
                await executor.execute_tier_1_parallel("q", use_parallel=use_parallel, layers=["slow", "quick"])
            assert max(left_s) == pytest.approx(expected_s, abs=0.5)
        executor.learning = "frozen"
        shown = executor.get_statistics()["learning"]
    assert shown["mode"] == "frozen"
    assert shown["deadline_s"]["slow"] == pytest.approx(3.0)
    with pytest.raises(InvalidArgument, match="learning"):
        executor.learning = "always"  # type: ignore[assignment]


@pytest.mark.anyio
async def test_by_itself_an_executor_learns_nothing() -> None:
    async def quick(query: str, context: Context | None, k: int) -> list[str]:
        return []

    executor: ParallelTier1Executor[str] = ParallelTier1Executor({"a": quick})
    for _ in range(ENOUGH + 1):
        await executor.execute_tier_1_parallel("q", layers=["a"])
    assert executor.get_statistics()["learning"] == {
        "mode": "off",
        "deadline_s": {"a": 10.0},
        "late": [],
        "explored": 0,
    }
