"""How much memory processes take."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from athena_mcp.bench.failure import BenchFailed


@dataclass(frozen=True, slots=True)
class MemoryUse:
    """Resident memory of some processes together.

    `kind` is `pss` (a page that several share counts in parts, so that sums are true; Linux only) or `rss` (it counts
    for each of them, so that PostgreSQL's shared buffers count many times).
    """

    bytes: int
    kind: str
    processes: int

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        return {"bytes": self.bytes, "kind": self.kind, "processes": self.processes}


def memory_of(processes: Iterable[psutil.Process]) -> MemoryUse:
    """What these processes take now; those that have ended meanwhile take nothing."""
    pss: list[int] = []
    rss: list[int] = []
    for process in processes:
        try:
            rss.append(process.memory_info().rss)
            found = getattr(process.memory_full_info(), "pss", None)
            if found is not None:
                pss.append(int(found))
        except (psutil.AccessDenied, PermissionError):
            continue
        except psutil.NoSuchProcess:
            if len(rss) > len(pss):
                rss.pop()
    if len(pss) == len(rss):
        return MemoryUse(sum(pss), "pss", len(pss))
    return MemoryUse(sum(rss), "rss", len(rss))


def with_descendants(pid: int) -> list[psutil.Process]:
    """A process and all that it started."""
    process = psutil.Process(pid)
    return [process, *process.children(recursive=True)]


def child_serving(data_dir: Path) -> psutil.Process:
    """The server that this process started on a data folder."""
    for child in psutil.Process(os.getpid()).children(recursive=True):
        try:
            if str(data_dir) in child.cmdline() and "athena_mcp" in child.cmdline():
                return child
        except psutil.Error:
            continue
    raise BenchFailed("The server's process cannot be found.")
