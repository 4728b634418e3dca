"""An event loop whose clock a test puts forward: a deadline passes when the test says so, however busy the machine."""

from __future__ import annotations

import asyncio


class LoopWithMovableClock(asyncio.SelectorEventLoop):
    """Runs on the usual clock, and ahead of it by as much as it was told."""

    ahead_s = 0.0

    def time(self) -> float:
        """The usual time in seconds, and what it was put forward."""
        return super().time() + self.ahead_s

    def put_forward(self, seconds: float) -> None:
        """Let so much time have passed at once."""
        self.ahead_s += seconds
