"""Running a soak: the load in a thread, a look at the end of every window."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass, field

import anyio.to_thread
import psutil

from athena_mcp.bench.progress import Progress
from athena_mcp.bench.served.wire import Wire, started
from athena_mcp.bench.soak.mix import Mix
from athena_mcp.bench.soak.watch import Seen, look
from athena_mcp.bench.store import open_database
from athena_mcp.bench.synthetic.grammar import Grammar
from athena_mcp.bench.timing import Latency
from athena_mcp.config import Settings
from athena_mcp.server.stdio_client import StdioServer

WINDOWS = 24


@dataclass(frozen=True, slots=True)
class SoakPlan:
    """What to run: minutes altogether, and memories that are there before."""

    minutes: float
    memories: int
    windows: int = WINDOWS
    grammar: Grammar = field(default_factory=Grammar)


@dataclass(frozen=True, slots=True)
class Stretch:
    """One window: when it ended, what was called in it, and what was seen at its end."""

    minutes: float
    """Since the beginning."""
    recall: Latency
    write: Latency
    calls: int
    recalls: int
    seen: Seen


@dataclass(frozen=True, slots=True)
class Soaked:
    """All windows, and the calls that were refused, by what was said."""

    stretches: tuple[Stretch, ...]
    errors: Counter[str]


async def soak(server: StdioServer, settings: Settings, plan: SoakPlan, progress: Progress) -> Soaked:
    """Measure on the store of `settings`, filled as the plan says."""
    stretches: list[Stretch] = []
    errors: Counter[str] = Counter()
    async with open_database(settings, max_connections=1) as database:
        with started(server.launch(), server.log) as wire:
            await anyio.to_thread.run_sync(_get_ready, wire)
            process = psutil.Process(wire.pid)
            mix = Mix(wire, plan.grammar, plan.memories)
            began = time.perf_counter()
            with progress("Soaking", plan.windows) as advance:
                for number in range(1, plan.windows + 1):
                    ends_at = began + number * plan.minutes * 60 / plan.windows
                    window = await anyio.to_thread.run_sync(mix.work, ends_at)
                    errors += window.errors
                    stretches.append(
                        Stretch(
                            minutes=(time.perf_counter() - began) / 60,
                            recall=Latency.of(window.recall_ms),
                            write=Latency.of(window.write_ms),
                            calls=window.calls,
                            recalls=window.recalls,
                            seen=await look(process, settings.data_dir, database),
                        )
                    )
                    advance(1)
    return Soaked(tuple(stretches), errors)


def _get_ready(wire: Wire) -> None:
    wire.initialize()
    wire.wait_for_embedder()
