"""The running servers as tables: what each did, and what became of each layer over all of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from athena_mcp.cli.output import one_line, table, terminal_width, visible
from athena_mcp.model import Layer

if TYPE_CHECKING:
    from athena_mcp.layers.totals import PublishedSnapshot

_SERVER = {
    "pid": "pid",
    "up": "uptime_s",
    "recalls": "recalls",
    "p50 ms": "recall_p50_ms",
    "p95 ms": "recall_p95_ms",
    "errors": "recall_errors",
    "degraded": "degraded",
    "cache hits": "cache_hits",
    "remembered": "remembered",
    "layer queries": "layer_queries",
    "failed or late": "layer_failures",
    "saved": "queries_saved",
    "speedup": "speedup",
}
"""Columns, and the fields of a server's row they show."""
_SUMMED = ("recalls", "errors", "degraded", "cache hits", "remembered", "layer queries", "failed or late", "saved")
_LAYER = ("queries", "hits", "reached", "empty", "errors", "timeouts", "cancelled", "skipped", "bounded")
_PERCENTILES = ("p50", "p95", "p99")


def servers_text(published: Sequence[PublishedSnapshot]) -> str:
    """Both tables, for the servers that are connected; a line for those that have ended."""
    running = [server for server in published if server.alive]
    parts = []
    if running:
        parts += [servers_table([server.row() for server in running]), layers_table([row.snapshot for row in running])]
    if len(published) > len(running):
        ended = len(published) - len(running)
        parts.append(f"{ended} more server{'s have' if ended > 1 else ' has'} ended within a day.")
    return "\n\n".join(parts)


def servers_table(rows: Sequence[Mapping[str, Any]]) -> str:
    """A row a server; with several, a row of their sums."""
    cells = [[_shown(column, row.get(field)) for column, field in _SERVER.items()] for row in rows]
    if len(rows) > 1:
        sums = [
            _shown(column, sum(row.get(field) or 0 for row in rows)) if column in _SUMMED else ""
            for column, field in _SERVER.items()
        ]
        cells.append(["all", *sums[1:]])
    return f"Servers that run ({len(rows)})\n" + table(list(_SERVER), cells)


def layers_table(snapshots: Sequence[Mapping[str, Any]]) -> str:
    """A row a layer: counts over all servers, percentiles of the server where they are greatest, the latest error."""
    cells = []
    for layer in Layer:
        rows = [row for one in snapshots if (row := one.get("executor", {}).get("layers", {}).get(layer.value))]
        counts = [str(sum(row.get(name, 0) for row in rows)) for name in _LAYER]
        error = next((row["last_error"] for row in rows if row.get("last_error")), "")
        cells.append([layer.value, *counts, *(_greatest(rows, name) for name in _PERCENTILES), error])
    headings = ["layer", *_LAYER, *_PERCENTILES, "last error"]
    # What the columns before it leave of the line.
    taken = sum(max(len(cell[column]) for cell in [headings, *cells]) + 2 for column in range(len(headings) - 1))
    room = max(20, terminal_width() - taken)
    lines = [[*cell[:-1], one_line(visible(cell[-1]), room)] for cell in cells]
    return "Layers, over all of them (ms: of the slowest server)\n" + table(headings, lines)


def _greatest(rows: Sequence[Mapping[str, Any]], percentile: str) -> str:
    known = [ms for row in rows if (ms := row.get("latency_ms", {}).get(percentile)) is not None]
    return _shown(percentile, max(known, default=None))


def _shown(column: str, value: Any) -> str:
    if value is None:
        return "-"
    if column == "up":
        return _span(float(value))
    if isinstance(value, float):
        return f"{value:,.1f}"
    return str(value)


def _span(seconds: float) -> str:
    """A span of time in its two greatest units."""
    minutes, hours, days = int(seconds // 60), int(seconds // 3600), int(seconds // 86400)
    if days:
        return f"{days}d {hours % 24}h"
    if hours:
        return f"{hours}h {minutes % 60}m"
    return f"{minutes}m {int(seconds % 60)}s" if minutes else f"{int(seconds)}s"
