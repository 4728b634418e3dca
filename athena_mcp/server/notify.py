"""Telling whoever listens that the statistics have changed."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import anyio

from athena_mcp.server.ports import Statistics

STATS_URI = "athena://stats"

HOLD_OFF_S = 1.0
"""The least time between two notifications; changes in between are told together."""


async def announce_changes(
    statistics: Statistics, publish: Callable[[], Awaitable[None]], *, hold_off_s: float = HOLD_OFF_S
) -> None:
    """Call `publish` after every change of the statistics, at most once in `hold_off_s`. Never returns."""
    seen = statistics.revision
    while True:
        seen = await statistics.wait_for_change(seen)
        await publish()
        await anyio.sleep(hold_off_s)
