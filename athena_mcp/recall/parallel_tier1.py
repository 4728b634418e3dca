"""Tier 1 of a recall: the selected layers are asked side by side, and none can harm another, the call or the server."""

from __future__ import annotations

import asyncio
import logging
import math
import time
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Generic, TypeVar, cast

import anyio
import anyio.abc
import anyio.lowlevel

from athena_mcp.errors import DeadlineExceeded, InvalidArgument
from athena_mcp.model import LayerOutcome, LayerStatus
from athena_mcp.recall.layer_failure import LayerStopped, failure_reason, root_failure, trail
from athena_mcp.recall.query_method import Context, LayerQuery, QueryMethod, Stragglers
from athena_mcp.recall.selection import Selection, select_layers
from athena_mcp.recall.tier1_answer import Tier1Answer
from athena_mcp.recall.tier1_call import Tier1Call
from athena_mcp.recall.tier1_statistics import Tier1Statistics

logger = logging.getLogger(__name__)

T = TypeVar("T")

CANCEL_GRACE_S = 1.5
"""How long a cancelled layer may take to clean up before it is abandoned: more than the second that the database's
side has for cancelling a statement (22 ms when measured), less than the two in which the server has to be gone."""

_NOT_NAMED = LayerOutcome("skipped", reason="not asked: not among the layers named")


class ParallelTier1Executor(Generic[T]):
    """Asks layers concurrently on a task group that somebody else owns, each with its own deadline.

    `query_methods` maps a layer's name to `(query, context, k) -> rows`: coroutine functions are awaited, plain
    functions run in anyio's worker threads. The layers of a call run on `task_group`, the server's, which must outlive
    the calls; without one, on a group of the call. Runs on asyncio. `clock` measures, in seconds; it times nothing out.
    `select` chooses the layers when a call names none.

    `max_concurrent` bounds the layers that one call asks at once, `timeout_seconds` is the time of each layer from the
    moment it starts, `enable_parallel` is the switch for all calls. All three may be set at any time; a call obeys what
    they are when it begins. A value that cannot work raises InvalidArgument.
    """

    def __init__(
        self,
        query_methods: Mapping[str, QueryMethod[T]],
        max_concurrent: int = 5,
        timeout_seconds: float = 10.0,
        enable_parallel: bool = True,
        *,
        task_group: anyio.abc.TaskGroup | None = None,
        clock: Callable[[], float] = time.perf_counter,
        select: Callable[[str, Context | None], Selection] = select_layers,
    ) -> None:
        if not query_methods:
            raise InvalidArgument("query_methods", "name at least one layer")
        self._stragglers = Stragglers()
        self._layers = {name: LayerQuery(method, self._stragglers) for name, method in query_methods.items()}
        self._statistics = Tier1Statistics(self._layers)
        self._task_group = task_group
        self._clock = clock
        self._select = select
        self.max_concurrent = max_concurrent
        self.timeout_seconds = timeout_seconds
        self.enable_parallel = enable_parallel

    @property
    def max_concurrent(self) -> int:
        """The most layers that one call asks at the same time."""
        return self._max_concurrent

    @max_concurrent.setter
    def max_concurrent(self, value: int) -> None:
        if not _is_whole_number(value) or value < 1:
            raise InvalidArgument("max_concurrent", "must be a whole number of at least 1")
        self._max_concurrent = value

    @property
    def timeout_seconds(self) -> float:
        """The seconds that one layer has."""
        return self._timeout_s

    @timeout_seconds.setter
    def timeout_seconds(self, value: float) -> None:
        if not _is_number(value) or not 0 < value < math.inf:
            raise InvalidArgument("timeout_seconds", "must be a number of seconds above 0")
        self._timeout_s = float(value)

    @property
    def enable_parallel(self) -> bool:
        """Whether calls may ask layers side by side."""
        return self._enable_parallel

    @enable_parallel.setter
    def enable_parallel(self, value: bool) -> None:
        if not isinstance(value, bool):
            raise InvalidArgument("enable_parallel", "must be true or false")
        self._enable_parallel = value

    def select_layers_for_query(self, query: str, context: Context | None = None) -> list[str]:
        """The registered layers that the selection would ask."""
        return self._registered(self._select(query, context))

    async def execute_tier_1_parallel(
        self,
        query: str,
        context: Context | None = None,
        k: int = 5,
        use_parallel: bool = True,
        *,
        layers: Sequence[str] | None = None,
    ) -> Tier1Answer[T]:
        """Ask `layers`, or those that the selection names, for `k` rows each.

        A layer that fails or is late is in the answer's `outcomes`; it raises nothing and stops no other. Layers run
        side by side when there are at least two and `use_parallel`, `enable_parallel` and `max_concurrent` allow it,
        otherwise one after the other with the same deadlines. `context` reaches the layers as it is. A cancelled call
        cancels its layers, and waits up to `CANCEL_GRACE_S` for them to clean up; so does a parallel call whose layers
        ignore their deadlines. What then still runs is left to the task group and counted as a straggler.

        Raises InvalidArgument for `layers` that are none, or unknown.
        """
        started = self._clock()
        selection = self._select(query, context) if layers is None else None
        asked = self._named(layers) if selection is None else self._registered(selection)
        call: Tier1Call[T] = Tier1Call(query, context, k, asked, self._timeout_s)
        workers = min(len(asked), self._max_concurrent) if use_parallel and self._enable_parallel else 1
        parallel = workers > 1
        fallback = False
        try:
            if parallel:
                await self._side_by_side(call, workers)
                if call.unanswered:
                    logger.warning(
                        "Parallel Tier 1 execution failed (task group closed or cancelled), falling back to sequential"
                    )
                    parallel, fallback = False, True
                    call.resume()
            await self._one_by_one(call)
        except BaseException:  # whatever it is: put in order, then raised again
            self._statistics.record_cancelled(call.outcomes, call.running, fallback=fallback)
            raise
        elapsed_ms = (self._clock() - started) * 1000
        outcomes = {name: call.outcomes.get(name) or _skipped(name, selection) for name in self._layers}
        self._statistics.record_call(
            outcomes, parallel=parallel, fallback=fallback, selected=selection is not None, wall_ms=elapsed_ms
        )
        return Tier1Answer(
            rows=MappingProxyType({name: call.rows.get(name, ()) for name in self._layers}),
            outcomes=MappingProxyType(outcomes),
            parallel=parallel,
            elapsed_ms=elapsed_ms,
            selection=selection,
        )

    def get_statistics(self) -> dict[str, Any]:
        """What was done since the start or the last reset, as JSON-ready values; see `Tier1Statistics`.

        `stragglers_abandoned` counts the layers given up that could not be stopped, `stragglers_running` those of them
        that still run.
        """
        return {
            **self._statistics.snapshot(),
            "stragglers_abandoned": self._stragglers.abandoned,
            "stragglers_running": self._stragglers.running,
            "max_concurrent": self._max_concurrent,
            "timeout_seconds": self._timeout_s,
            "enable_parallel": self._enable_parallel,
        }

    def reset_statistics(self) -> None:
        """Count from nought again; a call under way is counted whole when it ends."""
        self._statistics.reset()
        self._stragglers.reset()

    def _registered(self, selection: Selection) -> list[str]:
        return [layer.value for layer in selection.layers if layer in self._layers]

    def _named(self, layers: Sequence[str] | None) -> list[str]:
        known = ", ".join(self._layers)
        if not layers or isinstance(layers, str):
            raise InvalidArgument("layers", f"must be a list of at least one of {known}")
        for name in layers:
            if name not in self._layers:
                raise InvalidArgument("layers", f"unknown layer {name!r}; use {known}")
        return [str(name) for name in dict.fromkeys(layers)]

    async def _side_by_side(self, call: Tier1Call[T], workers: int) -> None:
        if self._task_group is not None:
            await self._on_group(call, workers, self._task_group)
            return
        async with anyio.create_task_group() as task_group:
            await self._on_group(call, workers, task_group)

    async def _on_group(self, call: Tier1Call[T], workers: int, task_group: anyio.abc.TaskGroup) -> None:
        """Ask the layers on the group, and wait. They stay unanswered only if the group is closed or was cancelled."""
        call.heed(anyio.current_effective_deadline())
        # A worker asks one layer after the other, so that the queue is the bound and no task only waits for its turn.
        turns = math.ceil(len(call.queue) / workers)
        for _ in range(workers):
            call.workers += 1
            try:
                task_group.start_soon(self._work, call)
            except RuntimeError:  # the group is closed: the server is on its way out
                call.workers -= 1
                break
        if not call.workers:
            return
        try:
            with anyio.move_on_after(turns * (call.scope_s + CANCEL_GRACE_S)):
                await call.done.wait()
        except BaseException:
            call.cancel()
            with anyio.move_on_after(CANCEL_GRACE_S, shield=True):
                await call.done.wait()
            self._stragglers.abandon(call.abandon())
            raise
        self._stragglers.abandon(call.abandon())

    async def _work(self, call: Tier1Call[T]) -> None:
        try:
            await self._one_by_one(call)
        except asyncio.CancelledError:
            # A task that ends cancelled makes anyio cancel its whole group, here the server's. So the cancellation
            # goes on only if it is the group's own.
            await anyio.lowlevel.checkpoint_if_cancelled()
        finally:
            call.workers -= 1
            if call.abandoned:
                self._stragglers.ended()
            if not call.workers:
                call.done.set()

    async def _one_by_one(self, call: Tier1Call[T]) -> None:
        while call.queue:
            await self._ask(call, call.queue.popleft())

    async def _ask(self, call: Tier1Call[T], layer: str) -> None:
        """Ask one layer and note what became of it; all it raises ends here, except a cancellation from outside."""
        rows: tuple[T, ...] = ()
        failure: Exception | None = None
        started = self._clock()
        with anyio.CancelScope(deadline=min(anyio.current_time() + call.scope_s, call.ask_until)) as scope:
            call.running[layer] = scope
            try:
                rows = tuple(await self._layers[layer].ask(call.query, call.context, call.k))
            except asyncio.CancelledError as error:
                if scope.cancel_called or _cancelled_from_outside():
                    raise
                failure = LayerStopped("stopped by a cancellation of its own")
                failure.__cause__ = error
            except Exception as error:  # noqa: BLE001  # border: a layer's failure is an outcome, not the call's end
                failure = root_failure(error)
        if call.cancelled and (failure is not None or scope.cancelled_caught):
            return  # stays among the running ones, which are counted as cut off
        elapsed_ms = (self._clock() - started) * 1000
        if scope.cancelled_caught or (failure is not None and scope.cancel_called):
            logger.warning("Layer %s did not answer within %g s and was cancelled", layer, call.timeout_s)
            outcome = LayerOutcome("timeout", 0, elapsed_ms, f"no answer within {call.timeout_s:g} s")
        elif failure is not None:
            status: LayerStatus = "timeout" if isinstance(failure, DeadlineExceeded) else "error"
            logger.warning("Layer %s failed (%s): %s", layer, status, trail(failure))
            outcome = LayerOutcome(status, 0, elapsed_ms, failure_reason(failure))
        else:
            outcome = LayerOutcome("ok" if rows else "empty", len(rows), elapsed_ms)
        call.answer(layer, outcome, rows)


def _is_whole_number(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_number(value: object) -> bool:
    return isinstance(value, float) or _is_whole_number(value)


def _cancelled_from_outside() -> bool:
    """Whether somebody asked the current task to stop, as opposed to a layer that awaited something cancelled."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


def _skipped(layer: str, selection: Selection | None) -> LayerOutcome:
    if selection is None:
        return _NOT_NAMED
    # A Layer is a str and hashes like one; a layer that the selection knows nothing of is never selected.
    reason = cast("Mapping[str, str]", selection.reasons).get(layer, "not asked: not among the layers of the selection")
    return LayerOutcome("skipped", reason=reason)
