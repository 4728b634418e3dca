"""The outcome of a quality run: every row, averaged over all questions, over each case and over each category."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from athena_mcp.bench.chart import Bars, Chart
from athena_mcp.bench.machine import Machine
from athena_mcp.bench.quality.scoring import Asked, Summary, summarise
from athena_mcp.bench.report import ABSENT, Table, milliseconds, percent, share

HEADINGS = ("row", "n", "frac@5", "frac@10", "any@10", "MRR", "p50 ms", "p95 ms", "saved", "depth")


@dataclass(frozen=True, slots=True)
class LoadedCase:
    """What was stored of a case."""

    name: str
    memories: int
    duplicates: int
    queries: int
    unanswerable: int
    """Questions without a relevant memory, which are not scored here."""
    layers: Mapping[str, int]
    load_s: float

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        return {
            "name": self.name,
            "memories": self.memories,
            "duplicates": self.duplicates,
            "queries": self.queries,
            "unanswerable": self.unanswerable,
            "layers": dict(self.layers),
            "load_s": round(self.load_s, 2),
        }

    def sentence(self) -> str:
        """The same for people."""
        layers = ", ".join(f"{name} {count:,}" for name, count in sorted(self.layers.items()))
        extra = f", {self.duplicates:,} of them duplicates" if self.duplicates else ""
        skipped = f", {self.unanswerable:,} more without an answer left out" if self.unanswerable else ""
        return (
            f"{self.name}: {self.memories:,} memories{extra} ({layers}) stored in {self.load_s:.1f} s; "
            f"{self.queries:,} questions{skipped}"
        )


@dataclass(frozen=True, slots=True)
class Row:
    """All questions, asked one way."""

    name: str
    reference: bool
    asked: tuple[Asked, ...]
    degraded: int = 0
    """Answers that said that a part was missing."""

    def by_case(self) -> dict[str, Summary]:
        """The averages over each case."""
        return {case: summarise(part) for case, part in _parts(self.asked, [row.case for row in self.asked])}

    def by_category(self) -> dict[str, Summary]:
        """The averages over each category, of all cases; empty when no question has one."""
        named = [row for row in self.asked if row.category is not None]
        return {name: summarise(part) for name, part in _parts(named, [str(row.category) for row in named])}

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        return {
            "name": self.name,
            "reference": self.reference,
            "degraded": self.degraded,
            "all": summarise(self.asked).to_dict(),
            "by_case": {name: summary.to_dict() for name, summary in self.by_case().items()},
            "by_category": {name: summary.to_dict() for name, summary in self.by_category().items()},
        }


@dataclass(frozen=True, slots=True)
class QualityReport:
    """Everything about one run; each row holds the same questions in the same order."""

    machine: Machine
    through: str
    k: int
    pooled: bool
    cases: tuple[LoadedCase, ...]
    rows: tuple[Row, ...]
    remarks: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        return {
            "bench": "quality",
            "machine": self.machine.to_dict(),
            "through": self.through,
            "k": self.k,
            "pooled": self.pooled,
            "cases": [case.to_dict() for case in self.cases],
            "rows": [row.to_dict() for row in self.rows],
            "notes": list(self.notes()),
        }

    def tables(self) -> Sequence[Table]:
        """A table for each case and each category, where there are several, and one for all questions."""
        cases = [(row.name, row.by_case()) for row in self.rows]
        categories = [(row.name, row.by_category()) for row in self.rows]
        tables = [*_grouped("case", cases), *_grouped("category", categories)]
        lines = tuple(_line(row.name, summarise(row.asked)) for row in self.rows)
        return (*tables, Table("all questions, in one project" if self.pooled else "all questions", HEADINGS, lines))

    def notes(self) -> Sequence[str]:
        """What was stored, and what else a reader must know."""
        degraded = [
            f"{row.name}: {row.degraded} of {len(row.asked)} answers were degraded" for row in self.rows if row.degraded
        ]
        return (*(case.sentence() for case in self.cases), *degraded, *self.remarks)

    def charts(self) -> Sequence[Chart]:
        """Every row over all questions."""
        found = [summarise(row.asked) for row in self.rows]
        return (
            Bars(
                "all questions",
                "share",
                tuple(row.name for row in self.rows),
                {
                    "frac@10": tuple(summary.frac_10 for summary in found),
                    "MRR": tuple(summary.mrr for summary in found),
                },
            ),
        )


def _parts(asked: Sequence[Asked], keys: Sequence[str]) -> Iterator[tuple[str, list[Asked]]]:
    groups: dict[str, list[Asked]] = {key: [] for key in keys}
    for row, key in zip(asked, keys, strict=True):
        groups[key].append(row)
    yield from groups.items()


def _grouped(kind: str, rows: Sequence[tuple[str, Mapping[str, Summary]]]) -> list[Table]:
    """A table a group; one group alone says nothing that the table of all does not."""
    names = list(rows[0][1]) if rows else []
    if len(names) < 2:
        return []
    return [Table(f"{kind} {name}", HEADINGS, tuple(_line(row, found[name]) for row, found in rows)) for name in names]


def _line(name: str, found: Summary) -> tuple[str, ...]:
    return (
        name,
        f"{found.n:,}",
        *(share(value) for value in (found.frac_5, found.frac_10, found.any_10, found.mrr)),
        milliseconds(found.latency.p50_ms),
        milliseconds(found.latency.p95_ms),
        percent(found.saved),
        ABSENT if found.depth is None else f"{found.depth:.2f}",
    )
