"""`athena-mcp bench learning`: what was measured, as tables and as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from athena_mcp.bench.chart import Bars, Chart
from athena_mcp.bench.learning.choices import AT_ONCE, Bound, Usefulness, Waiting
from athena_mcp.bench.learning.deadlines import SLOW_S, BusyStore, HangingLayer
from athena_mcp.bench.machine import Machine
from athena_mcp.bench.report import Table, milliseconds, percent, share, times
from athena_mcp.bench.timing import ratio
from athena_mcp.recall.tier1_learning import EXPLORE_EVERY, LEAST_S, TIMES_SLOWEST


@dataclass(frozen=True, slots=True)
class LearningReport:
    """What learning gains and costs."""

    machine: Machine
    hanging: HangingLayer
    missed: int
    """Recalls without a layer that has become slow, until it was waited for."""
    busy: BusyStore
    bounds: tuple[Bound, ...]
    usefulness: Usefulness
    waiting: Waiting

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        useful, waiting = self.usefulness, self.waiting
        return {
            "bench": "learning",
            "machine": self.machine.to_dict(),
            "deadlines": {
                "one_layer_hangs": self.hanging.to_dict(),
                "recalls_that_miss_a_slow_layer": self.missed,
                "busy_store": self.busy.to_dict(),
            },
            "concurrency": [
                {"max_concurrent": row.max_concurrent, "recalls_per_second": round(row.per_second, 2)}
                for row in self.bounds
            ],
            "usefulness": {
                "layer_queries": useful.queries,
                "saved": useful.saved,
                "shown": useful.shown,
                "lost": useful.lost,
                "share_of_queries_that_reached_the_list": {
                    name: round(value, 3) for name, value in useful.share.items()
                },
            },
            "dependencies": {
                "five_together": waiting.together.to_dict(),
                "one_after_four": waiting.one_after.to_dict(),
            },
        }

    def tables(self) -> Sequence[Table]:
        """Deadlines first, which are learned; then what is not."""
        hanging, busy, useful, waiting = self.hanging, self.busy, self.usefulness, self.waiting
        best = max(self.bounds, key=lambda row: row.per_second)
        return (
            Table(
                "One of five layers hangs",
                ("deadlines", "recalls", "p50 ms", "p95 ms", "mean ms"),
                tuple(
                    (name, str(row.n), milliseconds(row.p50_ms), milliseconds(row.p95_ms), milliseconds(mean))
                    for name, row, mean in (
                        ("fixed", hanging.fixed, hanging.fixed_mean_ms),
                        ("learned", hanging.learned, hanging.learned_mean_ms),
                    )
                ),
            ),
            Table(
                "What learned deadlines cost",
                ("what", "figure"),
                (
                    (f"recalls without a layer that now takes {SLOW_S:g} s, until it is waited for", str(self.missed)),
                    (f"layers called late of a healthy store, {AT_ONCE} recalls at once", str(busy.late)),
                    ("of so many layer queries", f"{busy.layer_queries:,}"),
                    ("the slowest of them, ms", milliseconds(busy.slowest_ms)),
                    ("the shortest deadline learned, s", f"{busy.least_deadline_s:g}"),
                ),
            ),
            Table(
                f"Recalls a second, {AT_ONCE} at once, by the layers that may run together",
                ("max_concurrent", "recalls a second", "of the best"),
                tuple(
                    (str(row.max_concurrent), f"{row.per_second:.1f}", times(ratio(row.per_second, best.per_second)))
                    for row in self.bounds
                ),
            ),
            Table(
                "Leaving out layers by what reached the list",
                ("layer queries", "spared", "memories shown", "of which lost", "lost share"),
                (
                    (
                        f"{useful.queries:,}",
                        percent(ratio(useful.saved, useful.queries)),
                        f"{useful.shown:,}",
                        f"{useful.lost:,}",
                        share(ratio(useful.lost, useful.shown)),
                    ),
                ),
            ),
            Table(
                "Queries of which something reached the list",
                ("layer", "share"),
                tuple((name, percent(value)) for name, value in useful.share.items()),
            ),
            Table(
                "A layer that waits for the others' hits",
                ("layers", "p50 ms", "p95 ms"),
                (
                    ("five together", milliseconds(waiting.together.p50_ms), milliseconds(waiting.together.p95_ms)),
                    ("four, then one", milliseconds(waiting.one_after.p50_ms), milliseconds(waiting.one_after.p95_ms)),
                ),
            ),
        )

    def notes(self) -> Sequence[str]:
        """What the figures stand for."""
        return (
            f"A learned deadline is {TIMES_SLOWEST:g} times the slowest of a layer's last answers, at least "
            f"{LEAST_S:g} s; while a layer is late, every {EXPLORE_EVERY}th query gets the whole time.",
            "Only deadlines are learned; the other figures are why nothing else is.",
        )

    def charts(self) -> Sequence[Chart]:
        """The time of a recall beside a hanging layer."""
        hanging = self.hanging
        return (
            Bars(
                "A recall while one of five layers hangs",
                "ms",
                ("p50", "p95", "mean"),
                {
                    "fixed": (hanging.fixed.p50_ms, hanging.fixed.p95_ms, hanging.fixed_mean_ms),
                    "learned": (hanging.learned.p50_ms, hanging.learned.p95_ms, hanging.learned_mean_ms),
                },
            ),
        )
