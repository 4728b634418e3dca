"""What every benchmark hands back: tables for people, and the same as JSON for programs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from athena_mcp.bench.chart import Chart
from athena_mcp.bench.machine import Machine


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of text under headings."""

    title: str
    headings: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


class Report(Protocol):
    """The outcome of a benchmark."""

    @property
    def machine(self) -> Machine:
        """What it ran on."""
        ...

    def to_dict(self) -> dict[str, Any]:
        """Everything, JSON-ready; fractions are 0 to 1, times are in milliseconds unless the name says otherwise."""
        ...

    def tables(self) -> Sequence[Table]:
        """What is worth reading, in the order to read it."""
        ...

    def notes(self) -> Sequence[str]:
        """What a reader must know to judge the figures."""
        ...

    def charts(self) -> Sequence[Chart]:
        """The same to look at; at least one."""
        ...


ABSENT = "-"


def share(value: float | None) -> str:
    """A fraction with three digits."""
    return ABSENT if value is None else f"{value:.3f}"


def percent(value: float | None) -> str:
    """A fraction as whole per cent."""
    return ABSENT if value is None else f"{100 * value:.0f} %"


def milliseconds(value: float | None) -> str:
    """A time, to a hundredth while that says something."""
    if value is None:
        return ABSENT
    return f"{value:.2f}" if value < 100 else f"{value:,.0f}"


def times(value: float | None) -> str:
    """A ratio."""
    return ABSENT if value is None else f"{value:.2f} x"


def mebibytes(value: int | None) -> str:
    """A size in MiB."""
    return ABSENT if value is None else f"{value / 2**20:,.0f} MiB"
