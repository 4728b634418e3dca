"""Running PostgreSQL's programs: as the right account, cut off from our terminal, pipes and environment."""

from __future__ import annotations

import os
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from athena_mcp.db.embedded.account import Account
from athena_mcp.db.embedded.binaries import Binaries
from athena_mcp.errors import EmbeddedServerError

_ENVIRONMENT = ("PATH", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "SYSTEMROOT", "SYSTEMDRIVE", "TEMP", "TMP")
"""What a program inherits. The rest stays here: a host's keys, and the PG… variables of the user's other databases."""

LOOK_S = 0.1
"""How often to look whether a program shall be given up; its end is noticed at once."""


@dataclass(frozen=True, slots=True)
class Result:
    """How a program ended, and what it said."""

    code: int
    output: str

    @property
    def reason(self) -> str:
        """The line that most likely says why it failed."""
        lines = [line.strip() for line in self.output.splitlines() if line.strip()]
        for mark in ("PANIC:", "FATAL:", "error:", "ERROR:", "could not"):
            for line in lines:
                if mark in line:
                    return line
        return lines[-1] if lines else f"it ended with code {self.code} and said nothing"


@dataclass(frozen=True, slots=True)
class Programs:
    """PostgreSQL's programs, to be run in `home` as `account` (None: as this process's own user)."""

    binaries: Binaries
    account: Account | None
    home: Path

    def run(
        self, tool: str, *arguments: str, cluster: Path, timeout_s: float, give_up: threading.Event | None = None
    ) -> Result:
        """Run `tool` on `cluster` and wait. Raises EmbeddedServerError when it cannot run or does not end in time.

        It is killed when its time is over, and when `give_up` is set.
        The cluster is named by the environment, because `pg_ctl` would put it into a shell command line unescaped.
        """
        prefix = self.account.prefix if self.account else ()
        program = self.binaries.tool(tool)
        # A file and not a pipe: a server that this program leaves behind must not hold on to anything of ours.
        with tempfile.TemporaryFile(dir=self.home) as said:
            try:
                process = subprocess.Popen(
                    [*prefix, str(program), *arguments],
                    stdin=subprocess.DEVNULL,
                    stdout=said,
                    stderr=subprocess.STDOUT,
                    cwd=self.home,
                    env=_environment(os.environ, cluster),
                    **_detached(),
                )
            except OSError as error:
                raise EmbeddedServerError(f"{program} could not be run: {error.strerror}.") from error
            with process:
                code = _wait(process, timeout_s, give_up)
            if code is None and give_up is not None and give_up.is_set():
                raise given_up()
            if code is None:
                raise EmbeddedServerError(
                    f"{tool} did not end within {timeout_s:.0f} s for the embedded PostgreSQL in {self.home}. "
                    "The machine or its disk may be overloaded; try again."
                )
            said.seek(0)
            return Result(code, said.read(100_000).decode("utf-8", "replace"))


def given_up() -> EmbeddedServerError:
    """What a start says that was told to end."""
    return EmbeddedServerError("The embedded PostgreSQL was stopped while it was starting.")


def _environment(ours: Mapping[str, str], cluster: Path) -> dict[str, str]:
    """English messages and the C locale, so that nothing depends on the machine's settings."""
    kept = {name: ours[name] for name in _ENVIRONMENT if name in ours}
    return {**kept, "LC_ALL": "C", "TZ": "UTC", "PGDATA": str(cluster)}


def _detached() -> dict[str, Any]:
    """A session of its own: an interrupt typed at our terminal is not for PostgreSQL."""
    if os.name == "posix":
        return {"start_new_session": True}
    return {
        "creationflags": getattr(subprocess, "CREATE_NO_WINDOW", 0) | getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0)
    }


def _wait(process: subprocess.Popen[bytes], timeout_s: float, give_up: threading.Event | None) -> int | None:
    """The exit code of `process`; None when it had to be killed."""
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline and not (give_up is not None and give_up.is_set()):
        try:
            return process.wait(LOOK_S)
        except subprocess.TimeoutExpired:
            continue
    _kill(process)
    return None


def _kill(process: subprocess.Popen[bytes]) -> None:
    if os.name == "posix":
        os.killpg(process.pid, signal.SIGKILL)
    else:
        process.kill()
