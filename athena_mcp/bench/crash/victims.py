"""Whom to kill, and killing them: SIGKILL, or what the platform has in its place, without a chance to tidy up."""

from __future__ import annotations

import random
from collections.abc import Iterable
from enum import StrEnum
from pathlib import Path

import psutil

from athena_mcp.db.embedded import server_pid


class Victim(StrEnum):
    """What is killed at once."""

    SERVER = "server"
    """The Athena process."""
    POSTMASTER = "postmaster"
    """PostgreSQL's main process alone; its sessions notice by themselves."""
    BACKEND = "backend"
    """One of PostgreSQL's sessions; PostgreSQL then ends all others and recovers by itself."""
    POSTGRESQL = "postgresql"
    """PostgreSQL with all its processes."""
    BOTH = "both"
    """The Athena process and all of PostgreSQL."""

    @property
    def ends_server(self) -> bool:
        """Whether the Athena process is among them."""
        return self in (Victim.SERVER, Victim.BOTH)


def strike(victim: Victim, process_pid: int, data_dir: Path, draw: random.Random) -> None:
    """Kill; who has ended by itself already is passed over."""
    postmaster = server_pid(data_dir)
    pids = {process_pid} if victim.ends_server else set()
    if postmaster is not None:
        # All are named before the first is killed: the others may only live on because of it.
        match victim:
            case Victim.POSTMASTER:
                pids.add(postmaster)
            case Victim.BACKEND:
                pids.update(draw.sample(sorted(_sessions(postmaster)), 1) if _sessions(postmaster) else ())
            case Victim.POSTGRESQL | Victim.BOTH:
                pids.update({postmaster, *(child.pid for child in _children(postmaster))})
            case Victim.SERVER:
                pass
    _kill(pids)


def _sessions(postmaster: int) -> list[int]:
    """The sessions of Athena's processes, by their titles; without titles, any of PostgreSQL's processes."""
    children = _children(postmaster)
    named = []
    for child in children:
        try:
            if any("athena" in part and "[local]" in part for part in child.cmdline()):
                named.append(child.pid)
        except psutil.Error:
            continue
    return named or [child.pid for child in children]


def _children(pid: int) -> list[psutil.Process]:
    try:
        return psutil.Process(pid).children(recursive=True)
    except psutil.NoSuchProcess:
        return []


def _kill(pids: Iterable[int]) -> None:
    for pid in pids:
        try:
            psutil.Process(pid).kill()
        except psutil.NoSuchProcess:
            continue
