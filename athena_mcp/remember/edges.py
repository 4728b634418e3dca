"""The edges of a batch: stored by few statements, to the same end as one memory after the other."""

from __future__ import annotations

from athena_mcp.db.session import Session
from athena_mcp.layers import graph
from athena_mcp.layers.history import supersede_each


class EdgeBatch:
    """Takes what memories state in their order, and stores as much at once as leaves the outcome the same.

    Edges wait until one comes that a waiting memory would end, and until `flush`.
    """

    def __init__(self, session: Session) -> None:
        self._session = session
        self._stated: list[graph.Stated] = []
        self._ending: list[graph.Stated] = []
        self._replaced: set[graph.Slot] = set()
        """The slots of waiting memories that end what is in them: nothing else is put there before they have."""

    async def add(self, stated: graph.Stated, *, ends: bool) -> None:
        """The edges of a memory that is stored; `ends`: where one of a kind holds at a time, they end earlier ones."""
        if not self._replaced.isdisjoint(stated.slots):
            await self.flush()
        self._stated.append(stated)
        if ends and stated.single_valued:
            self._ending.append(stated)
            self._replaced |= stated.slots

    async def flush(self) -> None:
        """Store what waits, end what it replaces, and take the memories that nothing is left of out of recall."""
        await graph.relate(self._session, self._stated)
        await supersede_each(self._session, await graph.end_replaced_by_each(self._session, self._ending))
        self._stated, self._ending, self._replaced = [], [], set()
