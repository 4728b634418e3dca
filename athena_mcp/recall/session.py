"""What each session last said it was at, so that a recall need not say it again."""

from __future__ import annotations

import math
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from athena_mcp.errors import InvalidArgument
from athena_mcp.recall.request import RecallContext

DEFAULT_IDLE_S = 3600.0
DEFAULT_MAX_SESSIONS = 200

KEPT: Final = ("task", "phase", "files", "branch")
"""The fields that a session keeps. Which session it is, is no part of what it said."""


@dataclass(frozen=True, slots=True)
class _Said:
    """The fields last given, each on its own, and the second of the clock at which the session was last heard of."""

    context: RecallContext
    at_s: float


class SessionContexts:
    """The contexts of the sessions heard of within `idle_s` seconds, at most `max_sessions`; the quietest make room.

    Held in this process and written nowhere. `clock` is monotonic, in seconds. Not locked: one event loop is its user.
    """

    def __init__(
        self,
        *,
        idle_s: float = DEFAULT_IDLE_S,
        max_sessions: int = DEFAULT_MAX_SESSIONS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        if not 0 < idle_s < math.inf:
            raise InvalidArgument("idle_s", "must be a number of seconds above 0")
        if max_sessions < 1:
            raise InvalidArgument("max_sessions", "must be at least 1")
        self._idle_s = idle_s
        self._max_sessions = max_sessions
        self._clock = clock
        # The one heard of longest ago leads, hence the idle ones are together at the front.
        self._said: OrderedDict[str, _Said] = OrderedDict()

    @property
    def size(self) -> int:
        """How many sessions are held that are not idle."""
        self._drop_idle(self._clock())
        return len(self._said)

    def recall(
        self, context: RecallContext, session_id: str, *, given: Mapping[str, Any] | None = None
    ) -> RecallContext:
        """The context to answer with: what the caller says, and for the rest what the session last said; remembered.

        The session is the context's own, else `session_id`. `given` is the mapping that the caller passed: only there
        an empty text or list, which clears the field, differs from none. Without it, what is empty was not said.
        """
        now = self._clock()
        self._drop_idle(now)
        session = context.session_id or session_id
        before = self._said.get(session)
        known = RecallContext() if before is None else before.context
        said = {name for name in KEPT if getattr(context, name) or (given or {}).get(name) is not None}
        effective = replace(context, **{name: getattr(known, name) for name in KEPT if name not in said})
        self._remember(session, _Said(replace(effective, session_id=None), now))
        return effective

    def forget(self, session_id: str) -> None:
        """Drop what a session said; one that is not known is no error."""
        self._said.pop(session_id, None)

    def _remember(self, session: str, said: _Said) -> None:
        if said.context == RecallContext():
            self._said.pop(session, None)  # a session that says nothing must not push out one that did
            return
        self._said[session] = said
        self._said.move_to_end(session)
        if len(self._said) > self._max_sessions:
            self._said.popitem(last=False)

    def _drop_idle(self, now: float) -> None:
        while self._said:
            session, said = next(iter(self._said.items()))
            if now - said.at_s < self._idle_s:
                return
            del self._said[session]
