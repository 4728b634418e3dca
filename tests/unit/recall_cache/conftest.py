"""A cache of three answers on a clock that the test moves."""

from __future__ import annotations

import pytest

from athena_mcp.recall.cache import RecallCache
from tests.unit.recall_cache.callers import Clock


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def cache(clock: Clock) -> RecallCache[str]:
    return RecallCache(3, 300.0, clock=clock)
