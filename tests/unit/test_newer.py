"""Which texts count as the same but for one value."""

from __future__ import annotations

import pytest

from athena_mcp.recall.newer import differ_in_a_value


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("the default branch is main", "the default branch is trunk", True),
        ("production runs on postgresql 15", "production runs on postgresql 17", True),
        ("keep 3 backups for 30 days", "keep 7 backups for 90 days", True),
        ("the default branch is main", "the default branch is main", False),
        ("the cache is redis since may", "the queue is kafka since may", False),
        ("port 80", "port 81", False),
        ("keep backups for a month or two", "keep backups for a month", False),
    ],
)
def test_one_value_may_differ(one: str, other: str, same: bool) -> None:
    assert differ_in_a_value(one.split(), other.split()) is same
