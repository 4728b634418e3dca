"""Which operating system processes are the server of a data folder, and clearing up after ones that were killed.

A process number in a file proves nothing: it may be long dead, or name somebody else's process by now. Every process of
our servers carries the data folder's token in its command line or title, and that is what is looked at.
"""

from __future__ import annotations

from dataclasses import dataclass

import psutil

from athena_mcp.db.embedded.address import leftover_sockets
from athena_mcp.db.embedded.layout import Layout
from athena_mcp.errors import EmbeddedServerError

ORPHANS_GRACE_S = 0.5
"""How long the sessions of a killed server may take to notice it by themselves; only a computing one takes longer."""
ORPHANS_KILL_S = 3.0


@dataclass(frozen=True, slots=True)
class PidFile:
    """What `postmaster.pid` says. `state` is ``starting``, ``ready``, ``stopping``, or empty in a young file."""

    pid: int
    state: str


def read_pid_file(layout: Layout) -> PidFile | None:
    """The server's own note about itself; None when there is none, or none that can be read."""
    try:
        lines = layout.pid_file.read_text(encoding="utf-8", errors="replace").splitlines()
        # Line 8, LOCK_FILE_LINE_PM_STATUS in PostgreSQL's pidfile.h; a minus marks a single-user session.
        return PidFile(abs(int(lines[0])), lines[7].strip() if len(lines) > 7 else "")
    except (FileNotFoundError, IndexError, ValueError):
        return None


def running_pid(layout: Layout) -> int | None:
    """The number of the living server process of this folder, None when there is none."""
    noted = read_pid_file(layout)
    return noted.pid if noted is not None and is_server_process(noted.pid, layout.token()) else None


def is_ready(layout: Layout) -> bool:
    """Whether the server lives and takes clients."""
    return _lives(layout, "ready")


def is_stopping(layout: Layout) -> bool:
    """Whether the server lives and has been told to end."""
    return _lives(layout, "stopping")


def is_server_process(pid: int, token: str) -> bool:
    """Whether `pid` is a living process of the server whose token this is."""
    try:
        process = psutil.Process(pid)
        return _carries(process, token)
    except psutil.NoSuchProcess:
        return False


def server_processes(token: str) -> list[psutil.Process]:
    """Every living process of the server whose token this is."""
    found = []
    for process in psutil.process_iter():
        try:
            if _carries(process, token):
                found.append(process)
        except psutil.NoSuchProcess:
            continue
    return found


def clear_leftovers(layout: Layout) -> None:
    """Make room for a new server after one that was killed; call only when none runs and nobody answers.

    PostgreSQL itself copes with most of it. Not with sessions of the dead server that still hold its shared memory,
    and not with a process number that has since been given to another process. Raises EmbeddedServerError when the old
    sessions cannot be ended.
    """
    _end(server_processes(layout.token()), layout)
    noted = read_pid_file(layout)
    if noted is not None and psutil.pid_exists(noted.pid):
        layout.pid_file.unlink(missing_ok=True)
    for path in leftover_sockets(layout):
        path.unlink(missing_ok=True)


def _lives(layout: Layout, state: str) -> bool:
    noted = read_pid_file(layout)
    return noted is not None and noted.state == state and is_server_process(noted.pid, layout.token())


def _carries(process: psutil.Process, token: str) -> bool:
    """Whether this is a PostgreSQL process with `token` in its arguments or, for sessions, in its title."""
    try:
        return (
            process.name().startswith("postgres")
            and any(token in argument for argument in process.cmdline())
            and process.status() != psutil.STATUS_ZOMBIE
        )
    except psutil.AccessDenied:  # not a process of ours, or of the account we run PostgreSQL as
        return False


def _end(orphans: list[psutil.Process], layout: Layout) -> None:
    if not orphans:
        return
    _, left = psutil.wait_procs(orphans, timeout=ORPHANS_GRACE_S)
    for process in left:
        try:
            # Nothing else is safe to rely on: without its parent a session may never look at a gentler signal.
            process.kill()
        except psutil.NoSuchProcess:
            continue
        except psutil.AccessDenied as error:
            raise _still_there(process, layout) from error
    _, left = psutil.wait_procs(left, timeout=ORPHANS_KILL_S)
    if left:
        raise _still_there(left[0], layout)


def _still_there(process: psutil.Process, layout: Layout) -> EmbeddedServerError:
    return EmbeddedServerError(
        f"Process {process.pid} is left over from a PostgreSQL server of {layout.home} that was killed, and it cannot "
        "be ended from here. End it and try again."
    )
