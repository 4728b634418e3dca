"""Filling one store further and further, and measuring it at each size."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from athena_mcp.bench.chart import Bars, Chart, Lines
from athena_mcp.bench.failure import BenchFailed
from athena_mcp.bench.machine import Machine
from athena_mcp.bench.report import Table, mebibytes, milliseconds
from athena_mcp.bench.scale.conversation import Conversation
from athena_mcp.bench.store import open_database
from athena_mcp.bench.synthetic.fill import Filled
from athena_mcp.bench.synthetic.grammar import SESSION_MEMORIES, Grammar
from athena_mcp.bench.timing import Latency
from athena_mcp.config import Settings

SMALLEST = 1_000


@dataclass(frozen=True, slots=True)
class ScalePlan:
    """What to run: the largest size, lines of the import, questions and new memories at each size."""

    up_to: int
    imported: int
    questions: int
    writes: int
    grammar: Grammar = field(default_factory=Grammar)

    def sizes(self) -> tuple[int, ...]:
        """SMALLEST, ten times that and so on, and the largest."""
        sizes = []
        size = SMALLEST
        while size < self.up_to:
            sizes.append(size)
            size *= 10
        return (*sizes, self.up_to)


@dataclass(frozen=True, slots=True)
class Size:
    """The store at one size."""

    memories: int
    filled: Filled
    """What was added since the size before."""
    conversation: Conversation
    database_bytes: int
    """Tables and indexes."""
    folder_bytes: int
    """The whole data folder, with the write-ahead log and what PostgreSQL brings itself."""

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        calls = self.conversation.to_dict()
        flat = {
            f"{name}_ms_{percentile}": calls[name][f"{percentile}_ms"]
            for name in ("recall", "recall_depth_1", "remember")
            for percentile in ("p50", "p95")
        }
        return {
            "memories": self.memories,
            **flat,
            "fill": self.filled.to_dict(),
            "database_bytes": self.database_bytes,
            "folder_bytes": self.folder_bytes,
            "calls": calls,
        }


async def database_bytes(settings: Settings) -> int:
    """What the database of a store takes on the disk."""
    async with open_database(settings, max_connections=1) as database, database.session() as session:
        row = await session.fetch_one("SELECT pg_database_size(current_database())")
    if row is None:
        raise BenchFailed("The database does not tell its size.")
    return int(row[0])


def folder_bytes(folder: Path) -> int:
    """What a folder takes on the disk; files that vanish meanwhile take nothing."""
    return sum(_file_bytes(path) for path in folder.rglob("*"))


def _file_bytes(path: Path) -> int:
    try:
        return path.lstat().st_size if path.is_file() else 0
    except OSError:
        return 0


@dataclass(frozen=True, slots=True)
class ScaleReport:
    """Everything that was measured."""

    machine: Machine
    imported: Filled
    """A file into an empty store."""
    sizes: tuple[Size, ...]

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        return {
            "bench": "scale",
            "machine": self.machine.to_dict(),
            "import": self.imported.to_dict(),
            "sizes": [size.to_dict() for size in self.sizes],
        }

    def tables(self) -> Sequence[Table]:
        """Calls by size, what they are made of, import and disk, and memory."""
        return (
            Table(
                "Calls over stdio",
                ("memories", *(f"{name} {of} ms" for name, _ in _CALLS for of in ("p50", "p95"))),
                tuple(
                    (
                        f"{size.memories:,}",
                        *(
                            milliseconds(value)
                            for _, latency in _CALLS
                            for value in _p50_p95(latency(size.conversation))
                        ),
                    )
                    for size in self.sizes
                ),
            ),
            Table(
                "In proportion, p50 ms",
                ("memories", "stats", "all five layers, depth 1", "slowest layer alone", "depth 1 beyond that"),
                tuple(self._proportions()),
            ),
            Table(
                "Filling and disk",
                ("memories", "added", "a second", "database", "a memory", "data folder"),
                tuple(
                    (
                        f"{size.memories:,}",
                        f"{size.filled.stored:,}",
                        f"{size.filled.per_second:,.0f}",
                        mebibytes(size.database_bytes),
                        f"{size.database_bytes / size.memories:,.0f} bytes",
                        mebibytes(size.folder_bytes),
                    )
                    for size in self.sizes
                ),
            ),
            Table(
                "Resident memory after the calls",
                ("memories", "server", "PostgreSQL", "processes", "as"),
                tuple(
                    (
                        f"{size.memories:,}",
                        mebibytes(size.conversation.server_memory.bytes),
                        mebibytes(size.conversation.postgresql_memory.bytes),
                        str(size.conversation.postgresql_memory.processes),
                        size.conversation.server_memory.kind,
                    )
                    for size in self.sizes
                ),
            ),
        )

    def _proportions(self) -> Iterator[tuple[str, ...]]:
        for size in self.sizes:
            calls = size.conversation
            layer, alone = calls.slowest_layer
            beyond = (
                None
                if calls.recall_depth_1.p50_ms is None or alone.p50_ms is None
                else calls.recall_depth_1.p50_ms - alone.p50_ms
            )
            yield (
                f"{size.memories:,}",
                milliseconds(calls.floor.p50_ms),
                milliseconds(calls.recall_all_layers.p50_ms),
                f"{milliseconds(alone.p50_ms)} ({layer.value})",
                milliseconds(beyond),
            )

    def notes(self) -> Sequence[str]:
        """The import, what was loaded, and what was missing."""
        return tuple(self._notes())

    def _notes(self) -> Iterator[str]:
        yield (
            f"Import of a file of {self.imported.stored:,} memories into an empty store: "
            f"{self.imported.load_s:.1f} s, {self.imported.per_second:,.0f} a second, redaction included."
        )
        yield f"Synthetic memories of the five layers in turn, in sessions of {SESSION_MEMORIES}. Recalls use no cache."
        for size in self.sizes:
            if size.conversation.degraded:
                yield f"{size.conversation.degraded} recalls of {size.memories:,} memories were degraded."

    def charts(self) -> Sequence[Chart]:
        """Latency and disk by size."""
        lines = {
            f"{name} {of}": tuple(
                (float(size.memories), value)
                for size in self.sizes
                if (value := _p50_p95(latency(size.conversation))[place]) is not None
            )
            for name, latency in _CALLS
            for place, of in enumerate(("p50", "p95"))
        }
        names = tuple(f"{size.memories:,}" for size in self.sizes)
        return (
            Lines("Calls over stdio", "memories", "ms", lines, by_powers=True),
            Bars("Filling", "memories a second", names, {"import": tuple(s.filled.per_second for s in self.sizes)}),
            Bars("Disk", "MiB", names, {"database": tuple(s.database_bytes / 2**20 for s in self.sizes)}),
        )


_CALLS: tuple[tuple[str, Callable[[Conversation], Latency]], ...] = (
    ("recall", lambda calls: calls.recall),
    ("recall at depth 1", lambda calls: calls.recall_depth_1),
    ("remember", lambda calls: calls.remember),
)


def _p50_p95(latency: Latency) -> tuple[float | None, float | None]:
    return (latency.p50_ms, latency.p95_ms)
