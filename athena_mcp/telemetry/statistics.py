"""The statistics of one process, in one place and one JSON shape."""

from __future__ import annotations

import os
import platform
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

import anyio
import anyio.lowlevel

from athena_mcp.errors import InvalidArgument
from athena_mcp.jsonable import isoformat
from athena_mcp.telemetry.operations import ForgetCounters, RecallCounters, RememberCounters
from athena_mcp.telemetry.samples import ForgetSample, RecallSample, RememberSample

COUNTED: Final = ("server", "recall", "remember", "forget")
"""The sections that are counted here."""
ATTACHED: Final = ("executor", "cache", "database", "embedder", "store")
"""The sections that somebody else knows; `{}` until they are attached."""
SECTIONS: Final = (*COUNTED, *ATTACHED)
"""Every section of a snapshot, in its order."""

if TYPE_CHECKING:
    from athena_mcp.telemetry.instruments import Instruments


def _utc_now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class _Source:
    """Who knows a section."""

    read: Callable[[], Mapping[str, Any]]
    reset: Callable[[], None] | None


class Statistics:
    """Exact counters and latency percentiles of this process, since its start or the last reset.

    Recorded on the event loop; `snapshot` may be called from any thread. `version` is the program's own. `clock` is
    monotonic, in seconds, and public so that whoever records measures with the same one; `now` gives aware times.
    """

    def __init__(
        self,
        version: str,
        *,
        clock: Callable[[], float] = time.perf_counter,
        now: Callable[[], datetime] = _utc_now,
        pid: int | None = None,
        instruments: Instruments | None = None,
    ) -> None:
        self.clock = clock
        self._now = now
        self._version = version
        self._pid = os.getpid() if pid is None else pid
        self._started = clock()
        self._started_at = now()
        self._reset_at: datetime | None = None
        self._lock = threading.Lock()
        self._sources: dict[str, _Source] = {}
        self._revision = 0
        self._changed: anyio.Event | None = None
        self._instruments = instruments
        self._begin_counting()

    def _begin_counting(self) -> None:
        self._recall = RecallCounters()
        self._remember = RememberCounters()
        self._forget = ForgetCounters()

    @property
    def instruments(self) -> Instruments:
        """The spans and metrics of this process."""
        if self._instruments is None:
            # Imported when first needed, which is after the server has answered its host.
            from athena_mcp.telemetry.instruments import Instruments

            self._instruments = Instruments()
        return self._instruments

    @property
    def operations(self) -> int:
        """How many recalls, remembers and forgets have ended since the start or the last reset."""
        with self._lock:
            return self._recall.count + self._remember.count + self._forget.count

    @property
    def revision(self) -> int:
        """Grows with every recorded change and never goes back."""
        return self._revision

    def elapsed_ms(self, since: float) -> float:
        """Milliseconds since `since`, a reading of `clock`."""
        return (self.clock() - since) * 1000

    def record_recall(self, sample: RecallSample) -> None:
        """Count one recall that has ended."""
        with self._lock:
            self._recall.add(sample)
        self.instruments.recalled(sample)
        self.touch()

    def record_remember(self, sample: RememberSample) -> None:
        """Count one remember that has ended."""
        with self._lock:
            self._remember.add(sample)
        self.instruments.remembered(sample)
        self.touch()

    def record_forget(self, sample: ForgetSample) -> None:
        """Count one forget that has ended."""
        with self._lock:
            self._forget.add(sample)
        self.instruments.forgot(sample)
        self.touch()

    def attach(
        self, section: str, read: Callable[[], Mapping[str, Any]], reset: Callable[[], None] | None = None
    ) -> None:
        """Let `read` answer for one of the `ATTACHED` sections, in place of whoever did before.

        `read` gives JSON-ready values and is called by whichever thread takes a snapshot; `reset` joins in `reset()`.
        Its changes are seen by waiters when it calls `touch()`, or with the next recorded operation.
        """
        if section not in ATTACHED:
            raise InvalidArgument("section", f"{section!r} cannot be attached; use one of {', '.join(ATTACHED)}")
        self._sources[section] = _Source(read, reset)
        self.touch()

    def snapshot(self, section: str | None = None) -> dict[str, Any]:
        """All sections, or only the one named, as JSON-ready values; times in milliseconds have two digits.

        Raises InvalidArgument for a name that is not in `SECTIONS`.
        """
        if section is None:
            return {name: self._read(name) for name in SECTIONS}
        if section not in SECTIONS:
            raise InvalidArgument("section", f"unknown section {section!r}; use one of {', '.join(SECTIONS)}")
        return {section: self._read(section)}

    def reset(self) -> None:
        """Count from nought again, attached sections included; the start, the uptime and the revision stay."""
        with self._lock:
            self._begin_counting()
            self._reset_at = self._now()
        for source in self._sources.values():
            if source.reset is not None:
                source.reset()
        self.touch()

    def touch(self) -> None:
        """Make a change known: the revision grows and everybody who waits for one wakes. On the event loop only."""
        self._revision += 1
        if self._changed is not None:
            self._changed.set()
            self._changed = None

    async def wait_for_change(self, since: int) -> int:
        """The revision, as soon as it is beyond `since`; at once when it already is.

        Start with `since=statistics.revision`, go on with what came back, and no change is missed.
        """
        await anyio.lowlevel.checkpoint()
        while self._revision <= since:
            if self._changed is None:
                self._changed = anyio.Event()
            await self._changed.wait()
        return self._revision

    def _read(self, section: str) -> dict[str, Any]:
        with self._lock:
            match section:
                case "server":
                    return self._server()
                case "recall":
                    return self._recall.snapshot()
                case "remember":
                    return self._remember.snapshot()
                case "forget":
                    return self._forget.snapshot()
            source = self._sources.get(section)
        # Outside the lock: a source has one of its own, and may ask us something.
        return dict(source.read()) if source is not None else {}

    def _server(self) -> dict[str, Any]:
        row: dict[str, Any] = {
            "pid": self._pid,
            "version": self._version,
            "python": platform.python_version(),
            "started_at": isoformat(self._started_at),
            "uptime_s": round(self.clock() - self._started, 2),
        }
        if self._reset_at is not None:
            row["reset_at"] = isoformat(self._reset_at)
        return row
