"""What a benchmark's plot shows, apart from how it is drawn."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Bars:
    """Groups of bars side by side."""

    title: str
    unit: str
    groups: tuple[str, ...]
    """The names below the groups."""
    bars: Mapping[str, tuple[float | None, ...]]
    """Of each kind, by its name in the legend, a bar a group; None where there is none."""


@dataclass(frozen=True, slots=True)
class Lines:
    """Lines through points."""

    title: str
    across: str
    """What the horizontal axis counts, with its unit."""
    unit: str
    """Of the vertical axis."""
    lines: Mapping[str, tuple[tuple[float, float], ...]]
    """Points by the line's name in the legend."""
    by_powers: bool = False
    """Whether equal factors are equally far apart across, for counts over several powers of ten."""


Chart = Bars | Lines
