"""Kills while a command works on the store; the same command, run again, has to bring its work to the end."""

from __future__ import annotations

import random
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import anyio
import anyio.to_thread

import athena_mcp
from athena_mcp.bench.crash.store import Account, CrashStore, disagreements
from athena_mcp.bench.crash.victims import Victim, strike
from athena_mcp.bench.failure import BenchFailed
from athena_mcp.bench.store import PROJECT
from athena_mcp.db.embedded import server_status
from athena_mcp.server.stdio_client import host_environment

END_S = 120.0
"""After so long a command counts as one that hangs."""
TRIES = 5
"""How often a kill is tried again when the command had ended before it."""
LOOK_S = 0.003
_LOG_TAIL_CHARS = 600


class Job(Protocol):
    """What a command does, and how it is seen that it did."""

    @property
    def name(self) -> str:
        """For the report."""

    @property
    def arguments(self) -> Sequence[str]:
        """The command line, without the data folder."""

    @property
    def environment(self) -> Mapping[str, str]:
        """What the command needs besides."""

    async def ready(self, data_dir: Path) -> CrashStore:
        """A store on which the work is still to be done, stopped."""

    async def check(self, store: CrashStore) -> Account:
        """What the finished work has come to."""


@dataclass(slots=True)
class Commanded:
    """What the kills did."""

    account: Account = field(default_factory=Account)
    recover_ms: dict[Victim, list[float]] = field(default_factory=dict)
    kills: dict[Victim, int] = field(default_factory=dict)


async def command_through_kills(
    job: Job, folder: Path, victims: Sequence[Victim], draw: random.Random, advance: Callable[[int], None]
) -> Commanded:
    """Kill each of `victims` in the middle of the job, run it again, and look at what it came to."""
    result = Commanded()
    runner = _Runner(job, folder)
    span_s = await runner.undisturbed()
    for victim in victims:
        store, recover_ms = await runner.killed(victim, span_s, draw)
        again = await runner.to_the_end(store)
        account = await job.check(store) if again else Account(helpless=1, examples=(runner.log_tail(),))
        result.account = result.account.plus(account).plus(disagreements(await store.violations()))
        result.kills[victim] = result.kills.get(victim, 0) + 1
        result.recover_ms.setdefault(victim, []).append(recover_ms)
        advance(1)
    return result


class _Runner:
    def __init__(self, job: Job, folder: Path) -> None:
        self._job = job
        self._data_dir = folder / "data"
        self._log = folder / "command.log"

    async def undisturbed(self) -> float:
        """Do the job once without a kill; how long it took from when PostgreSQL was up. It must come out right."""
        store = await self._job.ready(self._data_dir)
        process = self._start(store)
        await self._until_up(process)
        began = time.monotonic()
        if await self._end(process) != 0:
            raise BenchFailed(f"{self._job.name} failed without any kill: {self.log_tail()}")
        span_s = time.monotonic() - began
        account = await self._job.check(store)
        if not account.holds:
            raise BenchFailed(f"{self._job.name} went wrong without any kill: {'; '.join(account.examples)}")
        return span_s

    async def killed(self, victim: Victim, span_s: float, draw: random.Random) -> tuple[CrashStore, float]:
        """A store in which the job was cut off by a kill, and how long it took until it answered a newcomer."""
        for _ in range(TRIES):
            store = await self._job.ready(self._data_dir)
            process = self._start(store)
            await self._until_up(process)
            await anyio.sleep(draw.uniform(0, span_s))
            if process.poll() is not None:
                await self._end(process)
                continue
            await anyio.to_thread.run_sync(strike, victim, process.pid, self._data_dir, draw)
            recover_ms = await store.recover()
            await self._end(process)
            return store, recover_ms
        raise BenchFailed(f"{self._job.name} always ended before it could be killed.")

    async def to_the_end(self, store: CrashStore) -> bool:
        """Do the job again; whether it says that it succeeded."""
        return await self._end(self._start(store)) == 0

    def log_tail(self) -> str:
        """The end of what the commands said."""
        return self._log.read_text(encoding="utf-8", errors="replace")[-_LOG_TAIL_CHARS:].strip()

    def _start(self, store: CrashStore) -> subprocess.Popen[bytes]:
        where = ("--data-dir", str(store.data_dir), "--project", PROJECT)
        with self._log.open("ab") as log:
            return subprocess.Popen(
                [sys.executable, "-m", "athena_mcp", *self._job.arguments, *where],
                cwd=Path(athena_mcp.__file__).parents[1],
                env=host_environment(dict(self._job.environment)),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )

    async def _until_up(self, process: subprocess.Popen[bytes]) -> None:
        """Wait until PostgreSQL takes clients, or the command has ended."""
        # Looked for again and again, since the event is in another process.
        while process.poll() is None and server_status(self._data_dir).state != "ready":  # noqa: ASYNC110
            await anyio.sleep(LOOK_S)

    @staticmethod
    async def _end(process: subprocess.Popen[bytes]) -> int:
        try:
            return await anyio.to_thread.run_sync(process.wait, END_S)
        except subprocess.TimeoutExpired as error:
            process.kill()
            process.wait()
            raise BenchFailed(f"A command did not end within {END_S:.0f} s.") from error
