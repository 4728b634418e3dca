"""The command line as a user runs it: a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
TIMEOUT_S = 90


@dataclass(frozen=True, slots=True)
class Done:
    """A command that has ended."""

    code: int
    out: str
    err: str

    @property
    def text(self) -> str:
        """What a command that did well has printed."""
        assert self.code == 0, self.err
        return self.out

    @property
    def json(self) -> Any:
        """The same as a value."""
        return json.loads(self.text)


@dataclass(frozen=True, slots=True)
class Athena:
    """The command, on one data folder and in one project."""

    data_dir: Path
    project: str = "acme/shop"
    env: Mapping[str, str] | None = None

    def __call__(self, *arguments: str, data: bytes = b"") -> Done:
        """Run the command to its end."""
        done = subprocess.run(
            self.command(*arguments),
            env=self.environment,
            input=data,
            capture_output=True,
            timeout=TIMEOUT_S,
            check=False,
            cwd=self.data_dir.parent,
        )
        return Done(done.returncode, done.stdout.decode(), done.stderr.decode())

    def start(self, *arguments: str, **options: Any) -> subprocess.Popen[bytes]:
        """Start the command and leave it running; the caller ends it."""
        return subprocess.Popen(self.command(*arguments), env=self.environment, cwd=self.data_dir.parent, **options)

    @staticmethod
    def command(*arguments: str) -> Sequence[str]:
        return [sys.executable, "-m", "athena_mcp", *arguments]

    @property
    def environment(self) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("ATHENA_")}
        ours = {"PYTHONPATH": str(ROOT), "ATHENA_DATA_DIR": str(self.data_dir), "ATHENA_PROJECT": self.project}
        return {**kept, **ours, **(self.env or {})}
