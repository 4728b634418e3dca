"""The places that all calls of one process share: so many layers run at once, and who comes later waits its turn."""

from __future__ import annotations

from collections import deque

import anyio

from athena_mcp.recall.query_method import Stragglers


class Places:
    """A bound that may be changed at any time, on one event loop; those who wait are let in in the order they came.

    Work that was given up and still runs (`stragglers`) keeps its place, but never the last one: a layer that hangs in
    its thread for ever must not stop all others with it.
    """

    __slots__ = ("_bound", "_stragglers", "_waiting", "taken")

    def __init__(self, bound: int, stragglers: Stragglers) -> None:
        self._bound = bound
        self._stragglers = stragglers
        self._waiting: deque[anyio.Event] = deque()
        self.taken = 0
        """Places held by layers that somebody waits for."""

    @property
    def bound(self) -> int:
        """The most layers at once."""
        return self._bound

    @bound.setter
    def bound(self, value: int) -> None:
        self._bound = value
        self.admit()

    @property
    def waiting(self) -> int:
        """How many layers wait for a place."""
        return len(self._waiting)

    def take_nowait(self) -> bool:
        """Take a place if one is free and nobody waits for it."""
        if self._waiting or not self._free():
            return False
        self.taken += 1
        return True

    async def take(self) -> None:
        """Take a place as soon as it is one's turn."""
        if self.take_nowait():
            return
        turn = anyio.Event()
        self._waiting.append(turn)
        try:
            await turn.wait()
        except BaseException:  # whatever it is: put in order, then raised again
            if turn.is_set():
                self.give_back()
            else:
                self._waiting.remove(turn)
            raise

    def give_back(self) -> None:
        """Leave a place to the next."""
        self.taken -= 1
        self.admit()

    def admit(self) -> None:
        """Let in whoever there is room for."""
        while self._waiting and self._free():
            self.taken += 1
            self._waiting.popleft().set()

    def _free(self) -> bool:
        # Who waits is let in by the next to leave at the latest, since there is always one who has a place.
        return self.taken < max(1, self._bound - self._stragglers.running)
