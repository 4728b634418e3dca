"""Calls over stdio to one server with many memories: how long each kind takes, taking turns."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import psutil

from athena_mcp.bench.failure import BenchFailed
from athena_mcp.bench.progress import Progress
from athena_mcp.bench.served.memory_use import MemoryUse, memory_of, with_descendants
from athena_mcp.bench.served.wire import Wire, started
from athena_mcp.bench.synthetic.fill import questions
from athena_mcp.bench.synthetic.grammar import Grammar
from athena_mcp.bench.timing import Latency, elapsed_ms
from athena_mcp.db.embedded import server_status
from athena_mcp.model import Layer
from athena_mcp.server.stdio_client import StdioServer

FLOOR_SECTION = "recall"
"""The section of `stats` that is read from the process's own counters: a call that does next to nothing."""
_WARM_CALLS = 10
_REMEMBER_WARM_CALLS = 5


@dataclass(frozen=True, slots=True)
class Conversation:
    """The figures, all from the same turns on one server. Times of calls are the client's."""

    floor: Latency
    """A call of `stats` for counters that the server has at hand."""
    recall: Latency
    """With default settings, but for the cache, which is off."""
    recall_depth_1: Latency
    recall_all_layers: Latency
    layers_alone: Mapping[Layer, Latency]
    """The layer's own time, by the server's clock, when it is the only one asked: its bare query."""
    remember: Latency
    degraded: int
    server_memory: MemoryUse
    postgresql_memory: MemoryUse

    @property
    def slowest_layer(self) -> tuple[Layer, Latency]:
        """The layer whose bare query takes longest, by the medians."""
        return max(self.layers_alone.items(), key=lambda item: item[1].p50_ms or 0.0)

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        return {
            "floor": self.floor.to_dict(),
            "recall": self.recall.to_dict(),
            "recall_depth_1": self.recall_depth_1.to_dict(),
            "recall_all_layers": self.recall_all_layers.to_dict(),
            "layers_alone": {layer.value: latency.to_dict() for layer, latency in self.layers_alone.items()},
            "slowest_layer": self.slowest_layer[0].value,
            "remember": self.remember.to_dict(),
            "degraded": self.degraded,
            "server_memory": self.server_memory.to_dict(),
            "postgresql_memory": self.postgresql_memory.to_dict(),
        }


class _Client:
    """Calls, timed."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire
        self.degraded = 0

    def timed(self, samples: list[float], tool: str, **arguments: Any) -> dict[str, Any]:
        began = time.perf_counter()
        answer = self._wire.call(tool, arguments)
        samples.append(elapsed_ms(began))
        if tool == "recall":
            self.degraded += bool(answer["degraded"])
        return answer


def hold_conversation(
    server: StdioServer, grammar: Grammar, stored: int, *, count: int, writes: int, progress: Progress
) -> Conversation:
    """Ask `count` questions, about memories all over the `stored` ones, and remember `writes` new ones."""
    asked = list(questions(grammar, stored, count))
    floor: list[float] = []
    default: list[float] = []
    depth_1: list[float] = []
    everywhere: list[float] = []
    remember: list[float] = []
    alone: dict[Layer, list[float]] = {layer: [] for layer in Layer}
    common = {"use_cache": False}
    with started(server.launch(), server.log) as wire:
        client = _Client(wire)
        wire.initialize()
        wire.wait_for_embedder()
        for question in asked[:_WARM_CALLS]:
            client.timed([], "recall", query=question, **common)
        with progress(f"Asking {stored:,} memories", len(asked)) as advance:
            for number, question in enumerate(asked):
                turns: list[tuple[list[float], dict[str, Any]]] = [
                    (default, {}),
                    (depth_1, {"cascade_depth": 1}),
                    (everywhere, {"layers": [layer.value for layer in Layer], "cascade_depth": 1}),
                ]
                # The first to ask a question finds the database's cache colder than the others.
                at = number % len(turns)
                for samples, arguments in turns[at:] + turns[:at]:
                    client.timed(samples, "recall", query=question, **common, **arguments)
                client.timed(floor, "stats", section=FLOOR_SECTION)
                for layer, samples in alone.items():
                    answer = client.timed([], "recall", query=question, layers=[layer.value], cascade_depth=1, **common)
                    samples.append(answer["layers"][layer.value]["elapsed_ms"])
                advance(1)
        with progress("Remembering", writes) as advance:
            for number in range(stored, stored + writes):
                # A server's first writes prepare their statements.
                samples = remember if number - stored >= min(_REMEMBER_WARM_CALLS, writes - 1) else []
                client.timed(samples, "remember", **grammar.memory(number).to_arguments())
                advance(1)
        postgres = server_status(server.data_dir).pid
        if postgres is None:
            raise BenchFailed("The embedded PostgreSQL cannot be found.")
        return Conversation(
            floor=Latency.of(floor),
            recall=Latency.of(default),
            recall_depth_1=Latency.of(depth_1),
            recall_all_layers=Latency.of(everywhere),
            layers_alone={layer: Latency.of(samples) for layer, samples in alone.items()},
            remember=Latency.of(remember),
            degraded=client.degraded,
            server_memory=memory_of([psutil.Process(wire.pid)]),
            postgresql_memory=memory_of(with_descendants(postgres)),
        )
