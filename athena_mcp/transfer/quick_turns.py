"""How often Python lets threads take turns: more often for as long as at least one import runs."""

from __future__ import annotations

import functools
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

SWITCH_S = 0.0005
"""How long the thread that makes the next batch ready may keep the others waiting. With Python's 5 ms each of a batch's
statements would wait that long for its turn."""


class QuickTurns:
    """Counts those who want quick turns: the first sets the interval, the last sets it back to what it was."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._wanted = 0
        self._before_s = 0.0

    @contextmanager
    def held(self) -> Iterator[None]:
        """Let threads take turns every `SWITCH_S` for as long as this lasts; from any thread."""
        with self._lock:
            if not self._wanted:
                self._before_s = sys.getswitchinterval()
                sys.setswitchinterval(min(self._before_s, SWITCH_S))
            self._wanted += 1
        try:
            yield
        finally:
            with self._lock:
                self._wanted -= 1
                if not self._wanted:
                    sys.setswitchinterval(self._before_s)


@functools.cache
def quick_turns() -> QuickTurns:
    """The one count of this process, since the interval is the process's too."""
    return QuickTurns()
