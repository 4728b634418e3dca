"""Tier 1 of a recall: the selected layers are asked side by side, and none can harm another, the call or the server."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Generic, TypeVar, cast

import anyio
import anyio.abc
import anyio.lowlevel

from athena_mcp.config import LearningMode
from athena_mcp.errors import DeadlineExceeded, InvalidArgument
from athena_mcp.model import LayerOutcome, LayerStatus
from athena_mcp.recall.layer_failure import LayerStopped, failure_reason, root_failure, trail
from athena_mcp.recall.places import Places
from athena_mcp.recall.query_method import LAYER_DUE, Context, LayerQuery, QueryMethod, Stragglers
from athena_mcp.recall.selection import Selection, select_layers
from athena_mcp.recall.tier1_answer import Tier1Answer
from athena_mcp.recall.tier1_call import Asking, Tier1Call
from athena_mcp.recall.tier1_learning import LearnedDeadlines
from athena_mcp.recall.tier1_settings import Tier1Settings
from athena_mcp.recall.tier1_statistics import Tier1Statistics
from athena_mcp.telemetry.instruments import Instruments

logger = logging.getLogger(__name__)

T = TypeVar("T")

CANCEL_GRACE_S = 1.5
"""How long a cancelled layer may take to clean up before it is abandoned: more than the second that the database's
side has for cancelling a statement (22 ms when measured), less than the two in which the server has to be gone."""

_NOT_NAMED = LayerOutcome("skipped", reason="not asked: not among the layers named")


class ParallelTier1Executor(Tier1Settings, Generic[T]):
    """Asks layers concurrently on a task group that somebody else owns, each with its own deadline.

    `query_methods` maps a layer's name to `(query, context, k) -> rows`: coroutine functions are awaited, plain
    functions run in anyio's worker threads. The layers of a call run on `task_group`, the server's, which must outlive
    the calls; without one the call itself asks them, and waits for what cannot be stopped. Runs on asyncio. `clock`
    measures, in seconds; it times nothing out. `select` chooses the layers when a call names none.

    `max_concurrent` bounds the layers that all calls together ask at once; a layer that waits for a place waits outside
    of its own time. `timeout_seconds` is the time of each layer from the moment it starts to run; the layer learns it
    from the scope it runs in, or from `query_method.time_left_s`. After `recall_timeout_seconds` a call answers with
    what has come. `enable_parallel` is the switch for all calls. All four may be set at any time, and the next call
    obeys, as it does `learning` (see `LearnedDeadlines`). A value that cannot work raises InvalidArgument.
    """

    def __init__(
        self,
        query_methods: Mapping[str, QueryMethod[T]],
        max_concurrent: int = 5,
        timeout_seconds: float = 10.0,
        enable_parallel: bool = True,
        recall_timeout_seconds: float = 15.0,
        *,
        task_group: anyio.abc.TaskGroup | None = None,
        clock: Callable[[], float] = time.perf_counter,
        select: Callable[[str, Context | None], Selection] = select_layers,
        instruments: Instruments | None = None,
        learning: LearningMode = "off",
    ) -> None:
        if not query_methods:
            raise InvalidArgument("query_methods", "name at least one layer")
        self._stragglers = Stragglers()
        super().__init__(
            Places(1, self._stragglers), max_concurrent, timeout_seconds, enable_parallel, recall_timeout_seconds
        )
        self._layers = {name: LayerQuery(method, self._stragglers) for name, method in query_methods.items()}
        self._statistics = Tier1Statistics(self._layers)
        self._learned = LearnedDeadlines(self._layers, learning)
        self._task_group = task_group
        self._clock = clock
        self._select = select
        self._instruments = instruments or Instruments()

    @property
    def learning(self) -> LearningMode:
        """Whether layers get less than `timeout_seconds` by what their answers took; may be set at any time."""
        return self._learned.mode

    @learning.setter
    def learning(self, value: LearningMode) -> None:
        self._learned.mode = value

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
        time_left_s: float | None = None,
        partial: bool = False,
    ) -> Tier1Answer[T]:
        """Ask `layers`, or those that the selection names, for `k` rows each.

        A layer that fails or is late is in the answer's `outcomes`; it raises nothing and stops no other. Layers run
        side by side when there are at least two and `use_parallel`, `enable_parallel` and `max_concurrent` allow it,
        otherwise one after the other with the same deadlines. `context` reaches the layers as it is. `time_left_s` is
        what is left of `recall_timeout_seconds` when the recall began before this call. `partial`: the recall may ask
        further layers later, so what this call skips is left to `count_recall`.

        The answer goes out at the latest `tier1_call.LEAVE_S` after the last deadline. A layer that has not ended by
        then is cancelled, runs on only to tidy up, and is counted as a straggler until it has. A cancelled call cancels
        its layers, and waits up to `CANCEL_GRACE_S` for them to tidy up.

        Raises InvalidArgument for `layers` that are none, or unknown.
        """
        started = self._clock()
        selection = self._select(query, context) if layers is None else None
        asked = self._named(layers) if selection is None else self._registered(selection)
        call: Tier1Call[T] = Tier1Call(
            query,
            context,
            k,
            asked,
            timeouts_s={name: self._learned.give_s(name, self._timeout_s) for name in asked},
            recall_timeout_s=self._recall_timeout_s,
            ends_in_s=self._recall_timeout_s if time_left_s is None else min(time_left_s, self._recall_timeout_s),
            clock=self._clock,
            on_leave=self._left,
        )
        workers = min(len(asked), self.max_concurrent) if use_parallel and self._enable_parallel else 1
        parallel = workers > 1
        fallback = False
        try:
            # A lone worker too has a task of its own, which costs 30 to 40 µs: only a task can be left behind.
            if parallel or self._task_group is not None:
                await self._on_a_group(call, workers)
                if call.unanswered:
                    if parallel:
                        logger.warning(
                            "Parallel Tier 1 execution failed (task group closed or cancelled), falling back to "
                            "sequential"
                        )
                    parallel, fallback = False, parallel
                    call.resume()
            await self._serve(call)
        except BaseException:  # whatever it is: put in order, then raised again
            self._statistics.record_cancelled(call.outcomes, call.running, fallback=fallback, waited_ms=call.waited_ms)
            raise
        finally:
            call.close()
        elapsed_ms = (self._clock() - started) * 1000
        outcomes = {name: call.outcomes.get(name) or _skipped(name, selection) for name in self._layers}
        for name, outcome in call.outcomes.items():
            if not outcome.never_began:
                self._learned.observe(name, outcome)
        skipped = () if partial else [name for name in self._layers if name not in call.outcomes]
        self._statistics.record_call(
            call.outcomes,
            parallel=parallel,
            fallback=fallback,
            wall_ms=elapsed_ms,
            waited_ms=call.waited_ms,
            skipped=skipped,
            saved=0 if selection is None else len(skipped),
        )
        return Tier1Answer(
            rows=MappingProxyType({name: call.rows.get(name, ()) for name in self._layers}),
            outcomes=MappingProxyType(outcomes),
            parallel=parallel,
            elapsed_ms=elapsed_ms,
            selection=selection,
        )

    def count_recall(self, *, skipped: Collection[str], saved: int, reached: Mapping[str, int]) -> None:
        """Count what a recall made of partial calls comes to: the layers that it never asked, `saved` of them because
        the selection saw no use in them, and how many memories of each layer `reached` the final list.
        """
        self._statistics.record_recall(skipped, saved, reached)

    def get_statistics(self) -> dict[str, Any]:
        """What was done since the start or the last reset, as JSON-ready values; see `Tier1Statistics`.

        `running` and `waiting` are the layers that are being asked, and that wait for a place, at this moment;
        `stragglers_abandoned` counts the layers given up while they still ran, `stragglers_running` those of them that
        run now.
        """
        return {
            **self._statistics.snapshot(),
            "running": self._places.taken,
            "waiting": self._places.waiting,
            "stragglers_abandoned": self._stragglers.abandoned,
            "stragglers_running": self._stragglers.running,
            "max_concurrent": self.max_concurrent,
            "timeout_seconds": self._timeout_s,
            "recall_timeout_seconds": self._recall_timeout_s,
            "enable_parallel": self._enable_parallel,
            "learning": self._learned.snapshot(self._timeout_s),
        }

    def reset_statistics(self) -> None:
        """Count from nought again; a call under way is counted whole when it ends."""
        self._statistics.reset()
        self._stragglers.reset()
        self._learned.explored = 0

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

    async def _on_a_group(self, call: Tier1Call[T], workers: int) -> None:
        if self._task_group is not None:
            await self._on_group(call, workers, self._task_group)
            return
        async with anyio.create_task_group() as task_group:
            await self._on_group(call, workers, task_group)

    async def _on_group(self, call: Tier1Call[T], workers: int, task_group: anyio.abc.TaskGroup) -> None:
        """Ask the layers on the group, and wait. They stay unanswered only if the group is closed or was cancelled."""
        answered, ended = call.watch(anyio.current_effective_deadline(), task_group)
        # A worker asks one layer after the other, so that no task only waits for its turn.
        for _ in range(workers):
            if not self._start_worker(call, task_group):
                break
        if not call.workers:
            return
        try:
            await answered.wait()
        except BaseException:  # whatever it is, a cancellation most likely: the layers are stopped, then it goes on
            call.cancel()
            with anyio.move_on_after(CANCEL_GRACE_S, shield=True):
                await ended.wait()
            call.abandon()
            raise

    def _start_worker(self, call: Tier1Call[T], task_group: anyio.abc.TaskGroup) -> bool:
        call.workers += 1
        try:
            task_group.start_soon(self._work, call)
        except RuntimeError:  # the group is closed: the server is on its way out
            call.workers -= 1
            return False
        return True

    async def _work(self, call: Tier1Call[T]) -> None:
        try:
            await self._serve(call)
        except asyncio.CancelledError:
            # A task that ends cancelled makes anyio cancel its whole group, here the server's. So the cancellation
            # goes on only if it is the group's own.
            await anyio.lowlevel.checkpoint_if_cancelled()
        finally:
            call.worker_ended()

    def _left(self, call: Tier1Call[T]) -> None:
        """A layer goes on without anybody waiting for it: its place is a straggler's now, and so is its worker."""
        self._stragglers.abandon()
        self._places.give_back()
        if call.queue and call.task_group is not None:
            self._start_worker(call, call.task_group)

    async def _serve(self, call: Tier1Call[T]) -> None:
        """Ask the layers of the queue, each with a place of its own."""
        while call.queue:
            if call.loop.time() >= call.ends_at:
                call.expire()
                return
            if not self._places.take_nowait() and not await self._wait_for_place(call):
                continue
            if not call.queue:  # somebody else took the last one while this one waited
                self._places.give_back()
                return
            layer = call.queue.popleft()
            try:
                await self._ask(call, layer)
            finally:
                if call.end(layer):
                    self._places.give_back()
                else:
                    self._stragglers.ended()
                    self._places.admit()

    async def _wait_for_place(self, call: Tier1Call[T]) -> bool:
        """Whether a place was got before the call's time was over."""
        started = self._clock()
        with anyio.CancelScope(deadline=call.ends_at) as scope:
            call.waiting.add(scope)
            try:
                await self._places.take()
            finally:
                call.waiting.discard(scope)
                call.waited_ms.append((self._clock() - started) * 1000)
            return True
        return False

    async def _ask(self, call: Tier1Call[T], layer: str) -> None:
        """Ask one layer and note what became of it; all it raises ends here, except a cancellation from outside."""
        rows: tuple[T, ...] = ()
        failure: Exception | None = None
        outcome: LayerOutcome | None = None
        asking = call.begin(layer)
        due = LAYER_DUE.set(asking.due)
        span = self._instruments.layer_begins(layer)
        try:
            with asking.scope as scope:
                try:
                    rows = tuple(await self._layers[layer].ask(call.query, call.context, call.k))
                except asyncio.CancelledError as error:
                    if scope.cancel_called or _cancelled_from_outside():
                        raise
                    failure = LayerStopped("stopped by a cancellation of its own")
                    failure.__cause__ = error
                except Exception as error:  # noqa: BLE001  # border: a layer's failure is an outcome, not the call's end
                    failure = root_failure(error)
                except BaseExceptionGroup as error:  # of which one is a cancellation or the like
                    if scope.cancel_called or _cancelled_from_outside():
                        raise
                    failure = LayerStopped("stopped by a group of errors of its own")
                    failure.__cause__ = error
            if not call.cancelled or not (failure is not None or scope.cancelled_caught):
                outcome = self._judge(call, layer, asking, rows, failure)
                call.answer(layer, outcome, rows)
            # Else it stays among the running ones, which are counted as cut off.
        finally:
            LAYER_DUE.reset(due)
            self._instruments.layer_ended(layer, outcome, span)

    def _judge(
        self, call: Tier1Call[T], layer: str, asking: Asking, rows: tuple[T, ...], failure: Exception | None
    ) -> LayerOutcome:
        """What became of a layer that has ended."""
        elapsed_ms = (self._clock() - asking.started) * 1000
        scope = asking.scope
        if scope.cancelled_caught or (failure is not None and scope.cancel_called):
            reason = call.late_reason(asking)
            logger.warning("Layer %s was cancelled: %s", layer, reason)
            return LayerOutcome("timeout", 0, elapsed_ms, reason)
        if failure is not None:
            status: LayerStatus = "timeout" if isinstance(failure, DeadlineExceeded) else "error"
            logger.warning("Layer %s failed (%s): %s", layer, status, trail(failure))
            return LayerOutcome(status, 0, elapsed_ms, failure_reason(failure))
        return LayerOutcome("ok" if rows else "empty", len(rows), elapsed_ms)


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
