"""What a project may hold and be sent: generous limits, so that a loop that has gone wild does not fill a disk."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable

from athena_mcp.db.session import Session
from athena_mcp.errors import LimitReached
from athena_mcp.layers.projects import count_live
from athena_mcp.validation import short

LOOK_EVERY = 256
"""After so many memories of one process in a project its count is read anew, with what other processes stored."""
MAX_PROJECTS_KEPT = 1_000
"""Of so many projects the rate is kept; one that falls out starts with a full minute again."""


class WriteLimits:
    """The limits of one process, for every project: `max_memories` live ones, `per_minute` stored by this process."""

    def __init__(
        self, max_memories: int = 1_000_000, per_minute: int = 30_000, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._max_memories = max_memories
        self._per_minute = per_minute
        self._clock = clock
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()
        """By project: how many may come at once, as of when."""
        self._room: dict[int, int] = {}

    def take(self, project: str) -> None:
        """Count one memory towards the rate of a project. Raises LimitReached when it came too soon."""
        now = self._clock()
        left, as_of = self._left.pop(project, (float(self._per_minute), now))
        left = min(self._per_minute, left + (now - as_of) * self._per_minute / 60)
        self._left[project] = (max(0.0, left - 1), now)
        if len(self._left) > MAX_PROJECTS_KEPT:
            self._left.popitem(last=False)
        if left < 1:
            raise LimitReached(
                f"project {short(project)} was sent {self._per_minute:,} memories in a minute, the most that "
                f"ATHENA_MAX_WRITES_PER_MINUTE allows. Wait a moment; nothing was stored."
            )

    async def check_room(self, session: Session, project_id: int, project: str, count: int = 1) -> None:
        """See that a project may hold `count` more memories. Raises LimitReached when it may not."""
        room = self._room.get(project_id, 0) - count
        if room < 0:
            held = await count_live(session, project_id)
            if held + count > self._max_memories:
                raise LimitReached(
                    f"project {short(project)} holds {held:,} memories; ATHENA_MAX_MEMORIES allows "
                    f"{self._max_memories:,}. Forget some, or raise it; nothing was stored."
                )
            room = min(self._max_memories - held, LOOK_EVERY + count) - count
        self._room[project_id] = room
