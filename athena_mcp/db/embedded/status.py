"""What can be told about an embedded server without starting or changing anything; `doctor` shows it."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType

import psutil
import psycopg
from filelock import FileLock, Timeout

from athena_mcp.db.embedded.account import account_for
from athena_mcp.db.embedded.address import current_address
from athena_mcp.db.embedded.binaries import find_binaries
from athena_mcp.db.embedded.cluster import check_version, cluster_major
from athena_mcp.db.embedded.layout import Layout, disk_error
from athena_mcp.db.embedded.postmaster import read_pid_file, running_pid
from athena_mcp.db.embedded.presence import PRESENCE, connect, other_clients
from athena_mcp.errors import EmbeddedServerError


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerStatus:
    """An embedded server as it is found. None stands for what does not apply or could not be found out."""

    folder: Path
    """Our folder in the data folder."""
    created: bool = False
    """Whether there is a cluster, that is, a memory."""
    running: bool = False
    pid: int | None = None
    started_at: datetime | None = None
    state: str | None = None
    """The server's own word: starting, ready, stopping."""
    cluster_major: int | None = None
    """The PostgreSQL version that the cluster belongs to."""
    binaries_major: int | None = None
    """The PostgreSQL version that would run it."""
    owner: str | None = None
    """The account that owns the cluster, and that the server runs as."""
    size_bytes: int | None = None
    lock_held: bool = False
    """Whether some process is starting or stopping the server right now."""
    processes: tuple[int, ...] = ()
    """The numbers of the Athena processes that use the server."""
    connections: int = 0
    """Client connections besides those that the processes hold to say that they are there."""
    problems: tuple[str, ...] = ()
    """What is wrong, each with what to do about it."""


def server_status(data_dir: Path) -> ServerStatus:
    """Look at the embedded server of `data_dir`. Starts nothing, changes nothing, raises nothing."""
    try:
        return _look(Layout.of(data_dir))
    except OSError as error:
        problem = str(disk_error(data_dir, error))
    except EmbeddedServerError as error:
        problem = str(error)
    return ServerStatus(folder=data_dir / "postgres", problems=(problem,))


def server_pid(data_dir: Path) -> int | None:
    """The number of the embedded server's main process; None when none runs. Costs little, and raises nothing."""
    try:
        return running_pid(Layout.of(data_dir))
    except (OSError, EmbeddedServerError):
        return None


def _look(layout: Layout) -> ServerStatus:
    problems: list[str] = []
    major = binaries = None
    with _Noting(problems):
        major = cluster_major(layout)
    with _Noting(problems):
        binaries = find_binaries(major)
        if major is not None:
            check_version(layout, major, binaries)
    with _Noting(problems):
        account_for(layout.cluster, layout.home)
    binaries_major = binaries.major if binaries is not None else None
    if not layout.home.exists():
        return ServerStatus(folder=layout.home, binaries_major=binaries_major, problems=tuple(problems))
    with _Noting(problems):
        layout.check_owner()
    problems.extend(_open_modes(layout))
    pid = running_pid(layout)
    noted = read_pid_file(layout) if pid is not None else None
    clients: list[str] = []
    if pid is not None:
        with _Noting(problems):
            clients = _clients(layout)
    numbers = [name.removeprefix(PRESENCE).strip() for name in clients if name.startswith(PRESENCE)]
    return ServerStatus(
        folder=layout.home,
        created=major is not None,
        running=pid is not None,
        pid=pid,
        started_at=_started_at(pid) if pid is not None else None,
        state=noted.state if noted is not None else None,
        cluster_major=major,
        binaries_major=binaries_major,
        owner=_owner(layout.cluster) if major is not None else None,
        size_bytes=_size_bytes(layout.home),
        lock_held=_is_held(layout.lock),
        processes=tuple(int(number) for number in numbers if number.isdigit()),
        connections=len(clients) - len(numbers),
        problems=tuple(problems),
    )


class _Noting:
    """Turns a refusal inside the block into a line of the report."""

    def __init__(self, problems: list[str]) -> None:
        self._problems = problems

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> bool:
        if isinstance(error, EmbeddedServerError):
            self._problems.append(str(error))
            return True
        return False


def _clients(layout: Layout) -> list[str]:
    """The names of everybody who is connected."""
    try:
        with connect(current_address(layout), "athena-mcp doctor") as connection:
            return other_clients(connection)
    except psycopg.Error as error:
        reason = (str(error).strip().splitlines() or [type(error).__name__])[-1]
        raise EmbeddedServerError(f"The embedded PostgreSQL runs but takes no connection: {reason}.") from error


def _open_modes(layout: Layout) -> Iterator[str]:
    """What others than the owner could get at."""
    if os.name != "posix":
        return
    for path in (layout.home, layout.cluster, layout.password):
        if path.exists() and stat.S_IMODE(path.stat().st_mode) & 0o077:
            yield f"{path} is open to other users. Close it: chmod {'700' if path.is_dir() else '600'} '{path}'"


def _owner(path: Path) -> str:
    """The name of the account that owns `path`, or its number, or, where there are no owners, nothing."""
    if os.name != "posix":
        return ""
    try:
        return path.owner()
    except KeyError:
        return str(path.stat().st_uid)


def _started_at(pid: int) -> datetime | None:
    try:
        return datetime.fromtimestamp(psutil.Process(pid).create_time(), UTC)
    except psutil.Error:
        return None


def _size_bytes(folder: Path) -> int:
    """What the files below `folder` take; those that vanish meanwhile do not count."""
    total = 0
    for parent, _, names in os.walk(folder):
        for name in names:
            try:
                total += Path(parent, name).lstat().st_size
            except OSError:
                continue
    return total


def _is_held(lock: Path) -> bool:
    if not lock.exists():
        return False
    try:
        with FileLock(lock, timeout=0):
            return False
    except Timeout:
        return True
