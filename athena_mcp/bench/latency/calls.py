"""Calls to one server over stdio: a kept answer beside a trivial call, and five recalls at once."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from athena_mcp.bench.progress import Progress
from athena_mcp.bench.served.wire import Wire, started
from athena_mcp.bench.timing import Latency, elapsed_ms, ratio
from athena_mcp.server.stdio_client import StdioServer

AT_ONCE = 5
TRIVIAL = {"section": "recall"}
"""For `stats`: counters that the server has at hand."""


@dataclass(frozen=True, slots=True)
class Together:
    """AT_ONCE recalls one after the other, and the same number at once, in turns; nothing is kept."""

    alone: Latency
    """Of one recall while no other runs."""
    at_once: Latency
    """Of one recall among AT_ONCE."""
    one_by_one: Latency
    """Of all AT_ONCE, one after the other."""
    all_at_once: Latency
    """Of all AT_ONCE together, until the last answer."""

    @property
    def throughput(self) -> float | None:
        """How many times as many recalls a second at once as one after the other, by the medians."""
        return ratio(self.one_by_one.p50_ms, self.all_at_once.p50_ms)

    @property
    def worst(self) -> float | None:
        """The 95th percentile at once, over a lone recall's median."""
        return ratio(self.at_once.p95_ms, self.alone.p50_ms)

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        return {
            "recalls": AT_ONCE,
            "alone": self.alone.to_dict(),
            "at_once": self.at_once.to_dict(),
            "throughput_ratio": None if self.throughput is None else round(self.throughput, 3),
            "p95_over_lone_p50": None if self.worst is None else round(self.worst, 3),
        }


@dataclass(frozen=True, slots=True)
class Calls:
    """All from one server."""

    trivial: Latency
    hit: Latency
    miss: Latency
    together: Together

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        return {
            "trivial": self.trivial.to_dict(),
            "hit": self.hit.to_dict(),
            "miss": self.miss.to_dict(),
            "together": self.together.to_dict(),
        }


def measure_calls(server: StdioServer, questions: Sequence[str], rounds: int, progress: Progress) -> Calls:
    """Ask every question twice beside a trivial call, then `rounds` times AT_ONCE of them both ways."""
    with started(server.launch(), server.log) as wire:
        wire.initialize()
        wire.wait_for_embedder()
        trivial: list[float] = []
        hits: list[float] = []
        misses: list[float] = []

        def ask(question: str, samples: list[float], *, kept: bool) -> None:
            began = time.perf_counter()
            answer = wire.call("recall", {"query": question})
            took_ms = elapsed_ms(began)
            if answer["cache_hit"] is kept:
                samples.append(took_ms)

        def call_trivially() -> None:
            began = time.perf_counter()
            wire.call("stats", TRIVIAL)
            trivial.append(elapsed_ms(began))

        with progress("Calling over stdio", len(questions)) as advance:
            for number, question in enumerate(questions):
                ask(question, misses, kept=False)
                # In turns: what comes right after a recall finds the processor's caches full of other things.
                if number % 2:
                    call_trivially()
                ask(question, hits, kept=True)
                if not number % 2:
                    call_trivially()
                advance(1)
        together = _together(wire, questions, rounds, progress)
    return Calls(Latency.of(trivial), Latency.of(hits), Latency.of(misses), together)


def _together(wire: Wire, questions: Sequence[str], rounds: int, progress: Progress) -> Together:
    alone: list[float] = []
    at_once: list[float] = []
    one_by_one: list[float] = []
    all_at_once: list[float] = []

    def ask_in_turn(asked: Sequence[dict[str, Any]]) -> None:
        began = time.perf_counter()
        for arguments in asked:
            alone.extend(wire.call_together("recall", [arguments]))
        one_by_one.append(elapsed_ms(began))

    def ask_at_once(asked: Sequence[dict[str, Any]]) -> None:
        began = time.perf_counter()
        at_once.extend(wire.call_together("recall", asked))
        all_at_once.append(elapsed_ms(began))

    with progress(f"{AT_ONCE} recalls at once", rounds) as advance:
        for number in range(rounds):
            chosen = (questions[(number * AT_ONCE + i) % len(questions)] for i in range(AT_ONCE))
            asked = [{"query": question, "use_cache": False} for question in chosen]
            for ask in (ask_in_turn, ask_at_once) if number % 2 else (ask_at_once, ask_in_turn):
                ask(asked)
            advance(1)
    return Together(Latency.of(alone), Latency.of(at_once), Latency.of(one_by_one), Latency.of(all_at_once))
