"""The whole store locked for writing, for a change that concerns every memory; reading goes on."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import anyio

from athena_mcp.db.session import Session
from athena_mcp.errors import DeadlineExceeded, StorageError

WAIT_S = 2.0
"""Writers queue behind whoever waits for this lock, so each wait is short, and repeated."""
PAUSE_S = 0.5
ATTEMPTS = 120

# Writers lock the rows of their projects first (athena.lock_projects), which this mode excludes; so does a new project.
_LOCK = "LOCK TABLE athena.projects IN EXCLUSIVE MODE"


@asynccontextmanager
async def store_locked(session: Session) -> AsyncIterator[None]:
    """A transaction in which nobody else writes; committed at the end. Raises StorageError when others never stop."""
    for attempt in range(ATTEMPTS):
        if attempt:
            await anyio.sleep(PAUSE_S)
        try:
            async with session.transaction():
                await _lock(session)
                yield
                return
        except _Busy:
            continue
    raise StorageError("Others write to this store all the time; try again when they pause.")


class _Busy(Exception):
    """Somebody writes, and did not end in time."""


async def _lock(session: Session) -> None:
    try:
        with anyio.fail_after(WAIT_S):
            await session.execute(_LOCK)
    except (DeadlineExceeded, TimeoutError) as error:
        raise _Busy from error
