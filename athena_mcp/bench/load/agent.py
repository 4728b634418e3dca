"""One agent: a server process of its own, asked one call after the other as fast as it answers."""

from __future__ import annotations

import random
import time
from collections import Counter
from dataclasses import dataclass, field

from athena_mcp.bench.served.wire import ToolRefused, Wire
from athena_mcp.bench.synthetic.grammar import Grammar
from athena_mcp.bench.timing import elapsed_ms

WRITES = 0.2
"""The share of calls that remember something; the others recall."""
NUMBERS_APART = 10_000_000
"""Agents make their memories from numbers so far apart that no two make the same."""


@dataclass(slots=True)
class Done:
    """What an agent did."""

    recall_ms: list[float] = field(default_factory=list)
    remember_ms: list[float] = field(default_factory=list)
    stored: int = 0
    """Memories whose receipt says that they are stored."""
    errors: Counter[str] = field(default_factory=Counter)
    """Refused calls, by what was said."""


class Agent:
    """Recalls what is in the store and remembers new things, by a generator of its own."""

    def __init__(self, number: int, wire: Wire, grammar: Grammar, memories: int) -> None:
        self._wire = wire
        self._grammar = grammar
        self._memories = memories
        self._next = memories + (number + 1) * NUMBERS_APART
        self._random = random.Random(number)  # noqa: S311  a choice that must be the same in every run

    def get_ready(self) -> None:
        """Up to the first answer with vectors."""
        self._wire.initialize()
        self._wire.wait_for_embedder()
        self._wire.call("recall", {"query": self._grammar.memory(0).question})

    def work(self, seconds: float) -> Done:
        """Call for so long."""
        done = Done()
        ends_at = time.perf_counter() + seconds
        while time.perf_counter() < ends_at:
            began = time.perf_counter()
            try:
                if self._random.random() < WRITES:
                    receipt = self._wire.call("remember", self._grammar.memory(self._next).to_arguments())
                    self._next += 1
                    done.stored += receipt["status"] == "stored"
                    done.remember_ms.append(elapsed_ms(began))
                else:
                    question = self._grammar.memory(self._random.randrange(self._memories)).question
                    self._wire.call("recall", {"query": question})
                    done.recall_ms.append(elapsed_ms(began))
            except ToolRefused as error:
                done.errors[str(error)] += 1
        return done
