"""The embedded server as one process sees it: make sure that it runs, take part in it, leave it."""

from __future__ import annotations

import errno
import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
from filelock import FileLock, Timeout

from athena_mcp.db.embedded import presence
from athena_mcp.db.embedded.account import account_for
from athena_mcp.db.embedded.address import ServerAddress, choose_address, current_address, release_address
from athena_mcp.db.embedded.binaries import Binaries, find_binaries
from athena_mcp.db.embedded.cluster import check_version, cluster_major, create_cluster, write_settings
from athena_mcp.db.embedded.command import Programs, given_up
from athena_mcp.db.embedded.layout import Layout, disk_error
from athena_mcp.db.embedded.postmaster import clear_leftovers, is_ready, is_server_process, is_stopping, running_pid
from athena_mcp.db.embedded.watch import WATCH_INTERVAL_S, ensure_watch
from athena_mcp.errors import EmbeddedServerError

LOCK_WAIT_S = 30.0
"""How long to wait for another process that is starting or stopping the server."""
START_TIMEOUT_S = 25.0
"""How long a start may take, the recovery after a crash included."""
STOP_BUDGET_S = 1.3
"""All that `stop` may take; a host gives us two seconds to end."""
LEAVING_S = 0.5
"""How long connections that were closed just now may take to disappear from the server's list."""
POLL_S = 0.01


class EmbeddedServer:
    """The embedded PostgreSQL of one data folder, shared by every process that uses the folder.

    Whoever comes first starts it, whoever leaves last stops it. Both happen under a file lock, and who is there is
    asked of PostgreSQL itself, so a process that was killed has simply left. The methods block; they may be called
    from any thread. Without `create` only a memory that is there already is served.
    """

    def __init__(self, data_dir: Path, *, create: bool = True, watch_interval_s: float = WATCH_INTERVAL_S) -> None:
        self._data_dir = data_dir
        self._create = create
        self._watch_interval_s = watch_interval_s
        self._turn = threading.Lock()
        self._leave = threading.Event()
        self._presence: presence.Connection | None = None
        self._address: ServerAddress | None = None
        self._programs: Programs | None = None

    def start(self) -> ServerAddress:
        """Make sure that the server runs and that it knows we are there; call again whenever it may have died.

        The first start in a folder makes the cluster, or, without `create`, is refused and makes nothing. Raises
        EmbeddedServerError, also when `stop` was called meanwhile.
        """
        with self._turn:
            self._leave.clear()
            layout = Layout.of(self._data_dir)
            if self._presence is not None and self._address is not None:
                if not is_stopping(layout) and self._answers(presence.ANSWER_S):
                    return self._address
                self._drop_presence()
            try:
                self._find_cluster(layout)
                layout.prepare()
                with self._patient_lock(layout):
                    address = self._ensure_running(layout)
            except Timeout as error:
                raise EmbeddedServerError(
                    f"Another process has held {layout.lock} for more than {LOCK_WAIT_S:.0f} s, so the embedded "
                    "PostgreSQL could not be started. See with `athena-mcp doctor` which one, and end it if it hangs."
                ) from error
            except OSError as error:
                raise disk_error(layout.home, error) from error
            except psycopg.Error as error:
                self._drop_presence()
                raise EmbeddedServerError(
                    f"The embedded PostgreSQL in {layout.home} ended while it was being set up. "
                    f"See {layout.log}, and try again."
                ) from error
            self._address = address
            if self._leave.is_set():
                self._give_up_share(layout, time.monotonic() + STOP_BUDGET_S)
                raise given_up()
            return address

    def stop(self) -> bool:
        """Leave the server, and stop it when nobody else is connected; whether this call stopped it.

        Takes under 1.5 s: a shutdown that takes longer goes on by itself. Close other connections of this process
        first, they count as somebody. A `start` that runs in another thread is told to give up.
        """
        deadline = time.monotonic() + STOP_BUDGET_S
        self._leave.set()
        if not self._turn.acquire(timeout=STOP_BUDGET_S):
            return False
        try:
            if self._presence is None:
                return False
            return self._give_up_share(Layout.of(self._data_dir), deadline)
        finally:
            self._turn.release()

    def _give_up_share(self, layout: Layout, deadline: float) -> bool:
        try:
            # Whoever holds the lock for longer is starting the server or stopping it; either way it is theirs.
            with self._lock(layout, (deadline - time.monotonic()) / 3):
                last = self._answers(LEAVING_S, again=True) and self._is_last()
                # Still under the lock, so that whoever has the next turn does not count us.
                self._drop_presence()
                return last and self._shut_down(layout, deadline)
        except (Timeout, OSError, psycopg.Error):
            return False
        finally:
            self._drop_presence()
            self._address = None

    def _ensure_running(self, layout: Layout) -> ServerAddress:
        """Under the lock: a running server with our presence in it."""
        found = self._find_cluster(layout)
        binaries = find_binaries(found)
        if found is not None:
            check_version(layout, found, binaries)
        programs = Programs(binaries, account_for(layout.cluster, layout.home), layout.home)
        if found is None:
            # A server whose folder was removed under it may still be there.
            clear_leftovers(layout)
            create_cluster(layout, programs, self._leave)
        self._programs = programs
        deadline = time.monotonic() + START_TIMEOUT_S
        if is_stopping(layout):
            # Told to end by somebody else, it may be waiting for its last clients, and takes no new ones meanwhile.
            self._ask_to_end(programs, layout)
        address = self._join(layout, deadline)
        if address is not None:
            self._settle(address, binaries)
            return address
        try:
            address = self._launch(layout, programs, deadline)
            self._settle(address, binaries)
        except (EmbeddedServerError, psycopg.Error):
            self._drop_presence()
            self._withdraw(programs, layout)
            raise
        return address

    def _find_cluster(self, layout: Layout) -> int | None:
        """The version of the cluster; None when there is none yet and it may be made."""
        found = cluster_major(layout)
        if found is None and not self._create:
            raise EmbeddedServerError(
                f"There is no memory in {self._data_dir} yet, and nothing is made while ATHENA_READ_ONLY is set. Start "
                "Athena there once without it, or set ATHENA_DATA_DIR to the folder of a memory."
            )
        return found

    def _withdraw(self, programs: Programs, layout: Layout) -> None:
        """End a server that was started just now and that nobody is going to use.

        One that is still recovering is left to it, for the next start, unless there is to be none: then it may only be
        about to appear.
        """
        deadline = time.monotonic() + LEAVING_S
        while is_ready(layout) or self._leave.is_set():
            if self._ask_to_end(programs, layout) or time.monotonic() > deadline:
                break
            time.sleep(POLL_S)

    def _settle(self, address: ServerAddress, binaries: Binaries) -> None:
        assert self._presence is not None
        presence.ensure_database(self._presence, address.dbname)
        ensure_watch(self._presence, address, binaries, self._watch_interval_s)

    @staticmethod
    def _ask_to_end(programs: Programs, layout: Layout) -> bool:
        """Ask for a shutdown that waits for no client; whether there was a server to ask."""
        return programs.run("pg_ctl", "stop", "--mode=fast", "--no-wait", cluster=layout.cluster, timeout_s=5).code == 0

    def _join(self, layout: Layout, deadline: float) -> ServerAddress | None:
        """Connect to the server if it runs, waiting for one that is just coming up; None when there is none."""
        while True:
            address = current_address(layout)
            try:
                # First of all, since an answer proves more than any process number.
                self._presence = presence.join(address)
            except psycopg.OperationalError as error:
                if running_pid(layout) is None:
                    return None
                if "authentication failed" in str(error):
                    raise EmbeddedServerError(
                        f"The database in {layout.home} refuses the password in {layout.password}. "
                        "Restore that file from a backup."
                    ) from error
                if time.monotonic() > deadline:
                    reason = str(error).strip().splitlines()[-1]
                    raise EmbeddedServerError(
                        f"The embedded PostgreSQL in {layout.home} runs but takes no connection: {reason}. "
                        f"It may be recovering from a crash; try again in a minute. Its log is {layout.log}."
                    ) from error
            else:
                return address
            # It is starting, or stopping: then it will be gone soon.
            if self._leave.wait(POLL_S):
                raise given_up()

    def _launch(self, layout: Layout, programs: Programs, deadline: float) -> ServerAddress:
        clear_leftovers(layout)
        choose_address(layout)
        address = current_address(layout)
        write_settings(layout, address, programs.binaries)
        layout.rotate_log()
        logged_bytes = layout.log.stat().st_size if layout.log.exists() else 0
        result = programs.run(
            "pg_ctl",
            "start",
            "--wait",
            f"--timeout={START_TIMEOUT_S:.0f}",
            "--silent",
            # Relative to our folder and free of special characters, since pg_ctl makes a shell command of both.
            f"--log={layout.log.name}",
            f"--options=-c cluster_name={layout.token()}",
            cluster=layout.cluster,
            timeout_s=START_TIMEOUT_S + 5,
            give_up=self._leave,
        )
        joined = self._join(layout, deadline)
        if joined is None:
            reason = _last_words(layout, logged_bytes) or result.reason
            if os.strerror(errno.ENOSPC) in reason:
                raise EmbeddedServerError(
                    f"The disk of {layout.home} is full, so the embedded PostgreSQL cannot run. Free some space: it "
                    "will start by itself, and nothing that was acknowledged is lost."
                )
            raise EmbeddedServerError(
                f"The embedded PostgreSQL in {layout.home} did not start: {reason}. Its log is {layout.log}."
            )
        return joined

    def _answers(self, timeout_s: float, *, again: bool = False) -> bool:
        """Whether the server answers us; one that is silent (frozen, or swapped out) is let go of at once.

        `again`: come back to a server that goes on without us: a crashed session takes all others with it.
        """
        if self._presence is None:
            return False
        try:
            if presence.answers(self._presence, timeout_s):
                return True
        except TimeoutError:
            # Not by a farewell, which it would not hear either.
            self._presence.close()
            self._presence = None
            return False
        if again and self._address is not None:
            self._presence = presence.join(self._address)
            return True
        return False

    def _is_last(self) -> bool:
        """Whether nobody else is connected; those who are just leaving are given a moment."""
        if self._presence is None or self._address is None:
            return False
        deadline = time.monotonic() + LEAVING_S
        while others := presence.other_clients(self._presence):
            if any(presence.is_present(name) for name in others) or time.monotonic() > deadline:
                return False
            time.sleep(POLL_S)
        return True

    def _shut_down(self, layout: Layout, deadline: float) -> bool:
        pid = running_pid(layout)
        if pid is None or self._programs is None:
            return False
        asked = self._ask_to_end(self._programs, layout)
        token = layout.token()
        while time.monotonic() < deadline and is_server_process(pid, token):
            time.sleep(POLL_S)
        release_address(layout)
        return asked

    def _drop_presence(self) -> None:
        if self._presence is not None:
            presence.leave(self._presence)
            self._presence = None

    @contextmanager
    def _patient_lock(self, layout: Layout) -> Iterator[None]:
        """Hold the lock; wait `LOCK_WAIT_S` for it, unless `stop` is called meanwhile."""
        lock = self._lock(layout, POLL_S)
        deadline = time.monotonic() + LOCK_WAIT_S
        while True:
            try:
                lock.acquire()
                break
            except Timeout:
                if time.monotonic() > deadline:
                    raise
            if self._leave.is_set():
                raise given_up()
        try:
            yield
        finally:
            lock.release()

    @staticmethod
    def _lock(layout: Layout, wait_s: float) -> FileLock:
        layout.ensure_lock_file()
        return FileLock(layout.lock, timeout=max(0.0, wait_s))


def _last_words(layout: Layout, since_bytes: int) -> str | None:
    """The last line of the server's log, from `since_bytes` on, that says why it ended."""
    try:
        with layout.log.open("rb") as file:
            file.seek(since_bytes)
            lines = file.read(100_000).decode("utf-8", "replace").splitlines()
    except OSError:
        return None
    for mark in ("FATAL:", "PANIC:", "postgres:"):
        for line in reversed(lines):
            if mark in line:
                return line[line.index(mark) :].removeprefix(mark).strip()
    return None
