"""What lives as long as one connection: the application, the background tasks, and the way to notify the client."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial

import anyio
import anyio.abc
from mcp.server.session import ServerSession
from mcp.server.subscriptions import ResourceUpdated, SubscriptionBus
from mcp.types.version import HANDSHAKE_PROTOCOL_VERSIONS

from athena_mcp.config import Settings
from athena_mcp.server.answers import Renderings
from athena_mcp.server.failures import describe
from athena_mcp.server.notify import STATS_URI, announce_changes
from athena_mcp.server.ports import App, Manager, OpenApp

log = logging.getLogger(__name__)

BEGIN_AFTER_S = 0.02
"""How long after the first answer was handed over the bring-up starts. Writing the answer out takes under 2 ms, and the
imports of the bring-up would hold the interpreter's lock against it."""

PROGRESS_AFTER_S = 0.25
PROGRESS_EVERY_S = 1.0


class ServerState:
    """One connection's state, made by `server_lifespan`."""

    def __init__(self, app: App, bus: SubscriptionBus, tasks: anyio.abc.TaskGroup) -> None:
        self._app = app
        self._bus = bus
        self._tasks = tasks
        self._begun = False
        self._older_session: ServerSession | None = None
        self._manager: Manager | None = None
        self.renderings = Renderings()

    @property
    def read_only(self) -> bool:
        """Whether only what reads is served."""
        return self._app.settings.read_only

    def answered(self, session: ServerSession, method: str) -> None:
        """Take note of an answered request: bring the application up, and remember a client of the older era."""
        if not self._begun:
            self._begun = True
            self._tasks.start_soon(guarded, "bring-up", self._begin_soon)
        if method != "initialize" and session.protocol_version in HANDSHAKE_PROTOCOL_VERSIONS:
            self._older_session = session

    async def manager(self, session: ServerSession) -> Manager:
        """The memory, waiting for the database if need be and telling the caller of `session` so.

        Raises what `App.manager` raises, possibly inside an exception group.
        """
        if self._manager is not None:  # once it is there it stays
            return self._manager
        self._begun = True
        self._app.begin()
        async with anyio.create_task_group() as waiting:
            waiting.start_soon(self._report_waiting, session)
            manager = await self._app.manager()
            waiting.cancel_scope.cancel()
        self._manager = manager
        return manager

    async def publish_statistics(self) -> None:
        """Tell subscribers of the newer era, and the client of the older one, that the statistics have changed."""
        await self._bus.publish(ResourceUpdated(uri=STATS_URI))
        if self._older_session is not None:
            await self._older_session.send_resource_updated(STATS_URI)

    async def _begin_soon(self) -> None:
        await anyio.sleep(BEGIN_AFTER_S)
        self._app.begin()

    async def _report_waiting(self, session: ServerSession) -> None:
        limit_s = self._app.settings.database_wait_s
        waited_s = PROGRESS_AFTER_S
        await anyio.sleep(PROGRESS_AFTER_S)
        while True:
            message = f"waiting for the database to come up (at most {limit_s:g} s)"
            await session.report_progress(min(waited_s, limit_s), limit_s, message)
            await anyio.sleep(PROGRESS_EVERY_S)
            waited_s += PROGRESS_EVERY_S


@asynccontextmanager
async def server_lifespan(
    settings: Settings, open_app: OpenApp, bus: SubscriptionBus, *, hold_off_s: float
) -> AsyncIterator[ServerState]:
    """Open the application for one connection and leave nothing behind.

    No child of the task group can fail: an exception there would cancel the server without a word to the client.
    """
    async with open_app(settings) as app, anyio.create_task_group() as tasks:
        state = ServerState(app, bus, tasks)
        announce = partial(announce_changes, app.statistics, state.publish_statistics, hold_off_s=hold_off_s)
        tasks.start_soon(guarded, "statistics notifications", announce)
        try:
            yield state
        finally:
            tasks.cancel_scope.cancel()


async def guarded(what: str, run: Callable[[], Awaitable[None]]) -> None:
    """Run a background task; a failure ends only the task, and is logged."""
    try:
        await run()
    except Exception as error:  # noqa: BLE001  the border of a background task: its failure must not end the server
        log.error("%s stopped: %s", what, describe(error))
