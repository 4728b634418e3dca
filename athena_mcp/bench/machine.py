"""What a benchmark ran on. Figures without it cannot be compared."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import psutil

from athena_mcp.version import own_version


@dataclass(frozen=True, slots=True)
class Machine:
    """The facts that figures depend on; None where one cannot be found out."""

    cores: int
    """Those that this process may use."""
    cpu: str | None
    memory_gb: float
    load: float | None
    """Runnable tasks over the last minute: above 0 somebody else worked too."""
    system: str
    python: str
    postgresql: str | None
    athena: str

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        return asdict(self)

    def sentence(self) -> str:
        """The facts on one line."""
        return ", ".join(self._parts())

    def _parts(self) -> Iterator[str]:
        yield f"athena-mcp {self.athena}"
        yield f"Python {self.python}"
        if self.postgresql is not None:
            yield f"PostgreSQL {self.postgresql}"
        yield self.system
        yield f"{self.cores} cores" + (f" ({self.cpu})" if self.cpu else "")
        yield f"{self.memory_gb:g} GB"
        if self.load is not None:
            yield f"load {self.load:g} at the start"


def describe_machine(postgresql: str | None) -> Machine:
    """This machine; `postgresql` is the version of the server that was measured."""
    return Machine(
        cores=_usable_cores(),
        cpu=_processor(),
        memory_gb=round(psutil.virtual_memory().total / 1e9, 1),
        load=round(psutil.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None,
        system=f"{platform.system()} {platform.machine()}",
        python=platform.python_version(),
        postgresql=postgresql,
        athena=own_version(),
    )


def _usable_cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _processor() -> str | None:
    """The processor's name; Linux tells it in a file only."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or None
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, None)
