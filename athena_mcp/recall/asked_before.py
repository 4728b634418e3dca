"""Which questions were asked lately, and so may have an answer that is kept."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable


class AskedBefore:
    """The questions asked last, at most `capacity`; on one event loop.

    Of each only the hash is kept: questions may be long, and to take one for another costs a look at the versions.
    """

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._questions: OrderedDict[int, None] = OrderedDict()

    def note(self, question: Hashable) -> bool:
        """Note that a question is asked; whether it is one of the last."""
        mark = hash(question)
        known = mark in self._questions
        self._questions[mark] = None
        self._questions.move_to_end(mark)
        if len(self._questions) > self._capacity:
            self._questions.popitem(last=False)
        return known
