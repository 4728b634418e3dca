"""The composition root: the one place that names concrete classes together, and the order they come up and go in.

Importing it is cheap. The driver, the embedder and everything on them are imported in a worker thread when the bring-up
begins, so that a server can answer its host's first message before.
"""

from __future__ import annotations

import importlib
import logging
import traceback
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import anyio
import anyio.abc
import anyio.to_thread

from athena_mcp.config import Settings
from athena_mcp.errors import AthenaError, DatabaseUnavailable
from athena_mcp.telemetry import Statistics
from athena_mcp.version import own_version

if TYPE_CHECKING:
    from athena_mcp.db.embedded import EmbeddedServer
    from athena_mcp.db.pool import Database
    from athena_mcp.embed.embedder import EmbedderHandle
    from athena_mcp.manager import MemoryManager
    from athena_mcp.search.vector_arm import VectorArm
    from athena_mcp.telemetry.instruments import Instruments

MakeHandle = Callable[[], "EmbedderHandle"]

log = logging.getLogger(__name__)

PUBLISH_EVERY_S = 5.0
"""How often, at most, a server publishes its statistics; besides that once at its end, when there is news."""
LAST_PUBLISH_S = 0.3
_HEAVY = ("athena_mcp.manager", "athena_mcp.db.migrate", "athena_mcp.embed.choose", "athena_mcp.remember.redact")


class App:
    """The running application: a manager that comes up in the background, and what it is made of."""

    def __init__(
        self,
        settings: Settings,
        tasks: anyio.abc.TaskGroup,
        embedder: MakeHandle | None = None,
        *,
        publishes: bool = True,
        warms: bool = True,
        instruments: Instruments | None = None,
    ) -> None:
        self.settings = settings
        self.statistics = Statistics(own_version(), instruments=instruments)
        self.session_id = f"{datetime.now(UTC):%Y-%m-%d}-{uuid.uuid4().hex[:8]}"
        self._tasks = tasks
        self._make_handle = embedder
        self._vectors: VectorArm | None = None
        self._attempt: anyio.Event | None = None
        self._manager: MemoryManager | None = None
        self._error: AthenaError | None = None
        self._server: EmbeddedServer | None = None
        self._database: Database | None = None
        self._publishes = publishes
        self._warms = warms
        self._published_revision = 0

    def begin(self) -> None:
        """Start to bring everything up, unless it is up or coming; after a failure, try again."""
        if self._manager is None and (self._attempt is None or self._attempt.is_set()):
            self._attempt, self._error = anyio.Event(), None
            self._tasks.start_soon(self._bring_up, self._attempt)

    async def manager(self, timeout_s: float | None = None) -> MemoryManager:
        """The memory, as soon as its database is up; the embedder may still be warming.

        Raises what kept it from coming up (DatabaseUnavailable, MigrationError, ConfigurationError …), and
        DatabaseUnavailable when it is not there in `timeout_s` (default: `settings.database_wait_s`).
        """
        if self._manager is not None:
            return self._manager
        self.begin()
        limit_s = self.settings.database_wait_s if timeout_s is None else timeout_s
        with anyio.move_on_after(limit_s):
            await self._settled()
        if self._error is not None:
            raise self._error
        if self._manager is None:
            raise DatabaseUnavailable(
                f"The database is still starting after {limit_s:g} s. Try again soon, or run `athena-mcp doctor`."
            )
        return self._manager

    async def warmed(self) -> None:
        """Wait for the embedder to be loaded, or to have failed to, if it is to be; after `manager`."""
        if self._vectors is not None and self._warms:
            await self._vectors.warmed()

    async def _settled(self) -> None:
        """Wait for the attempt under way to have ended, either way."""
        if self._attempt is not None:
            await self._attempt.wait()

    async def _bring_up(self, attempt: anyio.Event) -> None:
        try:
            await anyio.to_thread.run_sync(_import_rooms, abandon_on_cancel=True)
            self._manager = await self._assemble()
        except AthenaError as error:
            log.error("Athena could not start: %s", error)
            self._error = error
        except Exception as error:  # noqa: BLE001  the bring-up's border: callers must learn of it, the server lives on
            log.error("Athena could not start: %s", _kind_and_place(error))
            self._error = DatabaseUnavailable(
                "Athena could not start; its log has the reason. Run `athena-mcp doctor`."
            )
        finally:
            attempt.set()

    async def _assemble(self) -> MemoryManager:
        from athena_mcp.db.migrate import check_migrated, migrate
        from athena_mcp.db.pool import Database
        from athena_mcp.embed.choose import configured_handle
        from athena_mcp.manager import MemoryManager
        from athena_mcp.recall.cascade import Cascade, query_methods
        from athena_mcp.recall.parallel_tier1 import ParallelTier1Executor
        from athena_mcp.remember.limits import WriteLimits
        from athena_mcp.remember.load import BulkLoader
        from athena_mcp.remember.pipeline import RememberPipeline
        from athena_mcp.remember.project_names import SETTING, ProjectNames
        from athena_mcp.remember.redact import Redactor
        from athena_mcp.search.language import ensure_language
        from athena_mcp.search.upkeep import keep_up
        from athena_mcp.search.vector_arm import VectorArm

        redactor = await anyio.to_thread.run_sync(Redactor)
        names = ProjectNames(redactor)
        names.check(self.settings.project, SETTING)
        make_handle = self._make_handle or partial(configured_handle, self.settings)
        read_only = self.settings.read_only
        vectors = self._vectors = VectorArm(make_handle(), read_only=read_only)
        database = Database(self._find_server, max_connections=self.settings.max_connections, read_only=read_only)
        if self._warms:
            self._tasks.start_soon(_guarded, "loading the embedder", vectors.warm)
        connection = await database.connect()
        try:
            await (check_migrated if read_only else migrate)(connection)
        finally:
            with anyio.CancelScope(shield=True):
                await connection.close()
        await database.open()
        self._database = database
        if self.settings.language is not None and not read_only:
            await ensure_language(database, self.settings.language)
        await vectors.register(database)
        cascade = Cascade(database, vectors, task_group=self._tasks)
        executor = ParallelTier1Executor(
            query_methods(database, cascade.prepare),
            self.settings.max_concurrent,
            self.settings.layer_timeout_s,
            self.settings.parallel,
            self.settings.recall_timeout_s,
            task_group=self._tasks,
            instruments=self.statistics.instruments,
            learning=self.settings.learning,
        )
        cascade.executor = executor
        limits = WriteLimits(self.settings.max_memories, self.settings.max_writes_per_minute)
        manager = MemoryManager(
            database=database,
            pipeline=RememberPipeline(database, vectors, redactor, limits),
            loader=BulkLoader(database, vectors, redactor, limits),
            cascade=cascade,
            executor=executor,
            statistics=self.statistics,
            names=names,
            project=self.settings.project,
            session_id=self.session_id,
            read_only=read_only,
        )
        self.statistics.attach("executor", executor.get_statistics, executor.reset_statistics)
        self.statistics.attach("cache", cascade.cache.get_statistics, cascade.cache.reset_statistics)
        self.statistics.attach("embedder", vectors.describe)
        self.statistics.attach(
            "database",
            lambda: {"kind": "embedded" if self.settings.embedded else "external", **database.counts()},
            database.reset_counts,
        )
        if self._warms:
            self._tasks.start_soon(_guarded, "upkeep", partial(keep_up, vectors, database, read_only=read_only))
        if self._publishes and not read_only:
            self._tasks.start_soon(_guarded, "publishing the statistics", partial(self._publish, manager))
        return manager

    async def _find_server(self) -> str:
        if self.settings.database_url is not None:
            return self.settings.database_url
        from athena_mcp.db.embedded import EmbeddedServer

        if self._server is None:
            self._server = EmbeddedServer(self.settings.data_dir, create=not self.settings.read_only)
        # Abandoned on cancellation: `stop`, which follows, tells a start in progress to give up.
        address = await anyio.to_thread.run_sync(self._server.start, abandon_on_cancel=True)
        return address.conninfo

    async def _publish(self, manager: MemoryManager) -> None:
        """Leave the statistics where the others can read them. A failure only costs that."""
        revision = self.statistics.revision
        while True:
            await anyio.sleep(PUBLISH_EVERY_S)
            revision = await self.statistics.wait_for_change(revision)
            await self._publish_now(manager)

    async def _publish_now(self, manager: MemoryManager) -> None:
        revision = self.statistics.revision
        try:
            await manager.publish()
            self._published_revision = revision
        except AthenaError as error:
            log.info("The statistics could not be published: %s", error)

    async def close(self) -> None:
        """Let go of the database, within about two seconds; called when nothing uses it any more."""
        news = self.statistics.operations > 0 and self.statistics.revision != self._published_revision
        # A server that has gone is not looked for, let alone started anew, for the sake of statistics.
        reachable = self._database is not None and not self._database.is_lost
        if self._manager is not None and self._publishes and news and reachable:
            with anyio.move_on_after(LAST_PUBLISH_S):
                await self._publish_now(self._manager)
        if self._vectors is not None:
            await self._vectors.close()
        if self._database is not None:
            await self._database.close()
        if self._server is not None:
            await anyio.to_thread.run_sync(self._server.stop)


@asynccontextmanager
async def open_app(
    settings: Settings,
    *,
    embedder: MakeHandle | None = None,
    publishes: bool = True,
    warms: bool = True,
    instruments: Instruments | None = None,
) -> AsyncIterator[App]:
    """The application of this process; entering returns at once, leaving lets go of everything.

    `embedder` makes the handle of another embedder than the default one. `publishes`: leave this process's statistics
    in the database for the others, which a command that does one thing does not. `warms`: load the embedder and keep
    the store's vectors up, which a command that neither asks nor stores has no use for. `instruments` take the place of
    those that go by OpenTelemetry's global providers.
    Its task group, which the layers of every recall run on, is entered here: by a server in its lifespan.
    """
    app: App | None = None
    own: BaseException | None = None
    try:
        async with anyio.create_task_group() as tasks:
            app = App(settings, tasks, embedder, publishes=publishes, warms=warms, instruments=instruments)
            try:
                yield app
            except BaseException as error:  # whatever it is: put in order, then raised again
                own = error
                raise
            finally:
                tasks.cancel_scope.cancel()
    except BaseExceptionGroup as group:  # whatever it is: put in order, then raised again
        # The caller's error is the caller's own, not one in a group that they know nothing of.
        if own is not None and group.exceptions == (own,):
            raise own from own.__cause__
        raise
    finally:
        if app is not None:
            with anyio.CancelScope(shield=True):
                await app.close()


async def _guarded(what: str, run: Callable[[], Awaitable[None]]) -> None:
    """Run a background task; an exception that left it would take the server's task group down."""
    try:
        await run()
    except Exception as error:  # noqa: BLE001  the border of a background task
        log.error("%s stopped: %s", what, _kind_and_place(error))


def _kind_and_place(error: BaseException) -> str:
    """An unexpected error without its text, which may quote what was stored."""
    frames = traceback.extract_tb(error.__traceback__)
    place = f" at {Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else ""
    return f"{type(error).__name__}{place}"


def _import_rooms() -> None:
    """Import what the bring-up needs; in a worker thread, since it takes a few hundred milliseconds."""
    for name in _HEAVY:
        importlib.import_module(name)
