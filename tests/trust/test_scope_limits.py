"""What a project may hold and be sent."""

from __future__ import annotations

from dataclasses import replace

import pytest

from athena_mcp.app import App, open_app
from athena_mcp.config import Settings, resolve_settings
from athena_mcp.errors import ConfigurationError, LimitReached
from athena_mcp.manager import MemoryManager
from athena_mcp.remember.limits import WriteLimits
from athena_mcp.remember.record import MemoryRecord
from tests.conftest import PROJECT


class Clock:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_a_minute_s_worth_may_come_at_once_and_then_as_much_as_time_allows() -> None:
    clock = Clock()
    limits = WriteLimits(per_minute=60, clock=clock)
    for _ in range(60):
        limits.take("a")
    with pytest.raises(LimitReached, match="ATHENA_MAX_WRITES_PER_MINUTE"):
        limits.take("a")
    limits.take("b")  # each project has its own
    clock.now += 2.0
    limits.take("a")
    limits.take("a")
    with pytest.raises(LimitReached):
        limits.take("a")
    clock.now += 3600.0
    for _ in range(60):
        limits.take("a")
    with pytest.raises(LimitReached):
        limits.take("a")


def test_a_burst_of_thousands_passes_by_default() -> None:
    limits = WriteLimits(clock=Clock())
    for _ in range(20_000):
        limits.take("a")


@pytest.mark.anyio
async def test_a_full_project_takes_nothing_more_until_something_is_forgotten(settings: Settings) -> None:
    async with open_app(replace(settings, max_memories=3)) as app:
        memory = await app.manager()
        stored = [await memory.remember(f"Fact number {number}.", layer="semantic") for number in range(3)]
        with pytest.raises(LimitReached, match=r"holds 3 memories; ATHENA_MAX_MEMORIES allows 3"):
            await memory.remember("One fact too many.")
        again = await memory.remember("Fact number 1.", layer="semantic")
        assert (again.status, again.id) == ("duplicate", stored[1].id)
        right = await memory.remember("Fact number two.", layer="semantic", replaces=stored[2].id)
        assert right.supersedes == (stored[2].id,)
        with pytest.raises(LimitReached, match="ATHENA_MAX_MEMORIES"):
            await memory.load([MemoryRecord("One fact too many.", PROJECT)])
        assert (await memory.stats("store"))["store"]["memories"] == 3
        await memory.remember("Another project has room.", project="owner/other")
        await memory.forget(stored[0].id)
        assert (await memory.remember("There is room again.")).status == "stored"


@pytest.mark.anyio
async def test_what_another_process_stores_counts_too(settings: Settings, manager: MemoryManager, app: App) -> None:
    for number in range(3):
        await manager.remember(f"Fact number {number}.", layer="semantic")
    async with open_app(replace(settings, max_memories=3)) as other:
        with pytest.raises(LimitReached):
            await (await other.manager()).remember("One fact too many.")


@pytest.mark.parametrize("name", ["ATHENA_MAX_MEMORIES", "ATHENA_MAX_WRITES_PER_MINUTE"])
def test_limits_that_are_no_numbers_are_refused(name: str) -> None:
    for value in ("0", "-1", "many", "1.5", "9" * 5_000):
        with pytest.raises(ConfigurationError, match=name):
            resolve_settings({name: value})
    assert resolve_settings({name: "12"}) != resolve_settings({})
