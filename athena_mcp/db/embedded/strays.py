"""Servers that nobody uses any more, for `doctor` to name."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import psutil
import psycopg

from athena_mcp.db.embedded.address import current_address
from athena_mcp.db.embedded.layout import SERVER_PREFIX, Layout
from athena_mcp.db.embedded.postmaster import running_pid, server_processes
from athena_mcp.db.embedded.presence import PRESENCE, connect, other_clients
from athena_mcp.errors import EmbeddedServerError


@dataclass(frozen=True, slots=True)
class Stray:
    """A PostgreSQL process of an embedded server that should not be there."""

    pid: int
    reason: str
    """Why it is one, and what becomes of it."""


def find_strays(data_dir: Path) -> list[Stray]:
    """The strays of `data_dir`, and servers on this machine whose data folder is gone. Ends none of them.

    Only processes that this user may look at are found.
    """
    found = [Stray(pid, "its data folder is gone; it ends by itself within half a minute") for pid in _homeless()]
    try:
        layout = Layout.of(data_dir)
        token = layout.token()
        pid = running_pid(layout)
    except (OSError, EmbeddedServerError):
        return found
    if pid is None:
        found += [
            Stray(process.pid, "its server was killed; the next start of Athena ends it")
            for process in server_processes(token)
        ]
    elif not _in_use(layout):
        found.append(
            Stray(
                pid, "no Athena process uses it; it ends by itself within half a minute, or with the next use of Athena"
            )
        )
    known: dict[int, Stray] = {}
    for stray in found:
        known.setdefault(stray.pid, stray)
    return list(known.values())


def _in_use(layout: Layout) -> bool:
    try:
        with connect(current_address(layout), "athena-mcp doctor") as connection:
            return any(name.startswith(PRESENCE) for name in other_clients(connection))
    except (psycopg.Error, OSError, EmbeddedServerError):
        return True  # it cannot be asked, so it is not accused


def _homeless() -> list[int]:
    """Servers of ours, of any data folder, whose working folder, which is the cluster, does not exist any more."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.name().startswith("postgres") and any(
                f"cluster_name={SERVER_PREFIX}" in argument for argument in process.cmdline()
            ):
                folder = Path(process.cwd())
                if not (folder / "PG_VERSION").exists():
                    found.append(process.pid)
        except (psutil.Error, OSError):
            continue
    return found
