"""Draws charts into an SVG or PNG file, with matplotlib, which the extra `bench` brings."""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from athena_mcp.bench.chart import Bars, Chart, Lines
from athena_mcp.bench.failure import BenchFailed

SUFFIXES = (".svg", ".png")
_WIDTH_INCHES = 8.0
_HEIGHT_INCHES = 4.0
"""Of one chart; several stand below each other."""


def check_plot(path: Path) -> None:
    """Whether a plot could be drawn to `path`; raises BenchFailed before any work is done for it."""
    if path.suffix.lower() not in SUFFIXES:
        raise BenchFailed(f"--plot: {path.name} must end in {' or '.join(SUFFIXES)}.")
    # Found, not imported: that takes a second.
    if importlib.util.find_spec("matplotlib") is None:
        raise BenchFailed(
            "--plot needs matplotlib; install it with `pip install 'athena-mcp[bench]'`, or in a checkout "
            "`pip install -e '.[bench]'`."
        )


def draw(charts: Sequence[Chart], title: str, path: Path) -> None:
    """Draw `charts` below each other under `title`, in the format that the suffix of `path` names."""
    check_plot(path)
    # Not pyplot, which keeps every figure and looks for a screen.
    figure_class = importlib.import_module("matplotlib.figure").Figure
    figure = figure_class(figsize=(_WIDTH_INCHES, _HEIGHT_INCHES * len(charts)), layout="constrained")
    figure.suptitle(title, fontsize="small")
    for axes, chart in zip(figure.subplots(len(charts), squeeze=False)[:, 0], charts, strict=True):
        _bars(axes, chart) if isinstance(chart, Bars) else _lines(axes, chart)
        axes.set_title(chart.title)
        axes.set_ylabel(chart.unit)
        axes.set_ylim(bottom=0)
        axes.grid(axis="y", alpha=0.3)
        axes.legend()
    figure.savefig(path, format=path.suffix[1:].lower())


def _bars(axes: Any, chart: Bars) -> None:
    width = 0.8 / max(1, len(chart.bars))
    for number, (name, heights) in enumerate(chart.bars.items()):
        places = [group - 0.4 + (number + 0.5) * width for group in range(len(chart.groups))]
        axes.bar(places, [height or 0.0 for height in heights], width, label=name)
    axes.set_xticks(range(len(chart.groups)), chart.groups, rotation=0 if len(chart.groups) < 7 else 30, ha="center")


def _lines(axes: Any, chart: Lines) -> None:
    for name, points in chart.lines.items():
        axes.plot([x for x, _ in points], [y for _, y in points], marker="o", markersize=3, label=name)
    axes.set_xlabel(chart.across)
    if chart.by_powers:
        axes.set_xscale("log")
