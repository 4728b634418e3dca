"""Recalls at random, and what the executor should have counted of them, kept by the layers and their callers."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import anyio
import anyio.lowlevel

from athena_mcp.errors import StorageError
from athena_mcp.model import Layer
from athena_mcp.recall.parallel_tier1 import ParallelTier1Executor
from athena_mcp.recall.query_method import Context, QueryMethod
from athena_mcp.recall.selection import Selection

LAYERS = [layer.value for layer in Layer]
HANGS_S = 0.1
"""What a layer has in a recall in which one hangs."""

Ask = Callable[..., Awaitable[Any]]
"""Asks as the executor does, with the same arguments, and gives its answer."""
Wait = Callable[[float], Awaitable[None]]
"""Waits for so many seconds, in the database or on the loop."""


@dataclass
class Recall:
    """One recall: what each of its layers is to do, and what they have done."""

    plan: Mapping[str, str]
    cancelled: bool
    selected: bool
    parallel: bool
    started: list[str] = field(default_factory=list)
    ended: dict[str, str] = field(default_factory=dict)
    hits: Counter[str] = field(default_factory=Counter)
    cut_off: anyio.Event = field(default_factory=anyio.Event)

    def settled(self) -> bool:
        """Whether nothing more can happen before the recall is cancelled."""
        asked = self.plan if self.parallel and len(self.plan) > 1 else self.started
        stuck = [name for name in self.started if self.plan[name] == "block"]
        return bool(stuck) and len(self.ended) + len(stuck) == len(asked)

    def note(self, layer: str, status: str | None = None, hits: int = 0) -> None:
        """A layer has begun, or has ended."""
        if status is None:
            self.started.append(layer)
        else:
            self.ended[layer] = status
            self.hits[layer] += hits
        if self.cancelled and self.settled():
            self.cut_off.set()


class Reference:
    """The counts, in the executor's own names."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self.layers: dict[str, Counter[str]] = {name: Counter() for name in LAYERS}
        self.last_error: dict[str, str | None] = dict.fromkeys(LAYERS)

    def add(self, recall: Recall, answer: Any) -> None:
        """A recall that has ended; `answer` is None when it was cancelled."""
        self.counts["executions"] += 1
        for name in recall.started:
            row = self.layers[name]
            row["queries"] += 1
            row[recall.ended.get(name, "cancelled")] += 1
            row["hits"] += recall.hits[name]
            self.counts["layer_queries"] += 1
            self.counts["failed_tasks"] += recall.ended.get(name) == "errors"
            self.counts["timeouts"] += recall.ended.get(name) == "timeouts"
            if recall.ended.get(name) == "errors":
                self.last_error[name] = f"{name} is out of order"
            if recall.ended.get(name) == "timeouts":
                self.last_error[name] = answer.outcomes[name].reason
        if answer is None:
            self.counts["cancelled_queries"] += 1
            return
        self.counts["parallel_queries" if answer.parallel else "sequential_queries"] += 1
        self.counts["layers_executed_in_parallel"] += len(recall.started) if answer.parallel else 0
        for name in set(LAYERS) - set(recall.plan):
            self.layers[name]["skipped"] += 1
            self.counts["layers_skipped"] += 1
            self.counts["queries_saved"] += recall.selected
        slowest = max(recall.started, key=lambda name: answer.outcomes[name].elapsed_ms)
        self.layers[slowest]["bounded"] += 1

    def disagreements(self, counted: Mapping[str, Any]) -> dict[str, tuple[Any, Any]]:
        """What the executor counted differently: its number and ours."""
        names = (
            *("executions", "parallel_queries", "sequential_queries", "cancelled_queries", "layer_queries"),
            *("layers_executed_in_parallel", "failed_tasks", "timeouts", "layers_skipped", "queries_saved"),
        )
        pairs: dict[str, tuple[Any, Any]] = {name: (counted[name], self.counts[name]) for name in names}
        columns = ("queries", "ok", "empty", "errors", "timeouts", "cancelled", "skipped", "hits", "bounded")
        for layer, row in self.layers.items():
            pairs |= {f"{layer}.{column}": (counted["layers"][layer][column], row[column]) for column in columns}
            pairs[f"{layer}.last_error"] = (counted["layers"][layer]["last_error"], self.last_error[layer])
        pairs["fallbacks"] = (counted["fallbacks"], 0)
        return {name: pair for name, pair in pairs.items() if pair[0] != pair[1]}


class RandomRecalls:
    """Makes recalls of an executor of its own, from one seed, and keeps the reference."""

    def __init__(self, seed: int, wait: Wait) -> None:
        self._dice = random.Random(seed)
        self._wait = wait
        self.reference = Reference()

    def methods(self) -> dict[str, QueryMethod[str]]:
        """The five layers."""
        return {name: self._layer(name) for name in LAYERS}

    def select(self, query: str, context: Context | None) -> Selection:
        """The layers of the recall's own plan."""
        assert context is not None
        chosen = tuple(layer for layer in Layer if layer.value in context["recall"].plan)
        return Selection(chosen, dict.fromkeys(Layer, "by lot"))

    async def run(self, executor: ParallelTier1Executor[str], count: int, at_once: int, ask: Ask | None = None) -> None:
        """Make `count` recalls, `at_once` side by side, of the executor or of `ask`, which has it do the work."""
        self._ask = ask or executor.execute_tier_1_parallel
        turns = iter(range(count))

        async def client() -> None:
            for _ in turns:
                await self._one(executor)

        async with anyio.create_task_group() as clients:
            for _ in range(at_once):
                clients.start_soon(client)

    async def _one(self, executor: ParallelTier1Executor[str]) -> None:
        recall = self._deal()
        # Read by the call when it begins, which is before anything else can run.
        executor.timeout_seconds = HANGS_S if "hang" in recall.plan.values() else 60.0
        answer = None
        async with anyio.create_task_group() as watch:
            if recall.cancelled:
                watch.start_soon(self._cut_off, recall, watch.cancel_scope)
            answer = await self._ask(
                "q", {"recall": recall}, 5, recall.parallel, layers=None if recall.selected else list(recall.plan)
            )
            watch.cancel_scope.cancel()
        self.reference.add(recall, answer)

    async def _cut_off(self, recall: Recall, scope: anyio.CancelScope) -> None:
        await recall.cut_off.wait()
        scope.cancel()

    def _deal(self) -> Recall:
        dice = self._dice
        chosen = dice.sample(LAYERS, dice.randint(1, 5))
        cancelled = dice.random() < 0.15
        kinds = ["ok", "ok", "empty", "fail", "slow", *(["block"] if cancelled else [])]
        plan = {name: dice.choice(kinds) for name in chosen}
        if cancelled:
            plan[dice.choice(chosen)] = "block"
        elif dice.random() < 0.05:
            plan[dice.choice(chosen)] = "hang"
        return Recall(plan, cancelled, selected=dice.random() < 0.5, parallel=dice.random() < 0.7)

    def _layer(self, name: str) -> QueryMethod[str]:
        async def method(query: str, context: Context | None, k: int) -> list[str]:
            assert context is not None
            recall: Recall = context["recall"]
            recall.note(name)
            match recall.plan[name]:
                case "fail":
                    await anyio.lowlevel.checkpoint()
                    recall.note(name, "errors")
                    raise StorageError(f"{name} is out of order")
                case "hang":
                    try:
                        await self._wait(60.0)
                    finally:
                        recall.note(name, "timeouts")
                case "block":
                    await self._wait(60.0)
                case "slow":
                    await self._wait(0.002)
                case "empty":
                    recall.note(name, "empty")
                    return []
            rows = [name] * (1 + len(recall.plan) % k)
            recall.note(name, "ok", len(rows))
            return rows

        return method
