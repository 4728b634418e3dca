"""Which questions were asked lately, and so may have an answer that is kept."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable


class AskedBefore:
    """The questions asked last, at most `capacity`; on one event loop."""

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._questions: OrderedDict[Hashable, None] = OrderedDict()

    def note(self, question: Hashable) -> bool:
        """Note that a question is asked; whether it is one of the last."""
        known = question in self._questions
        self._questions[question] = None
        self._questions.move_to_end(question)
        if len(self._questions) > self._capacity:
            self._questions.popitem(last=False)
        return known
