"""Filling a store with synthetic memories by the way that `athena-mcp import` takes."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from athena_mcp.app import open_app
from athena_mcp.bench.progress import Progress
from athena_mcp.bench.synthetic.grammar import Grammar
from athena_mcp.bench.timing import elapsed_ms
from athena_mcp.config import Settings
from athena_mcp.transfer.jsonl import open_source
from athena_mcp.transfer.loading import Loader


@dataclass(frozen=True, slots=True)
class Filled:
    """How many memories were stored, and how long that took once the store and the embedder were up."""

    stored: int
    load_s: float

    @property
    def per_second(self) -> float:
        """Memories a second."""
        return self.stored / self.load_s if self.load_s else 0.0

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        return {
            "stored": self.stored,
            "load_s": round(self.load_s, 3),
            "memories_per_second": round(self.per_second, 1),
        }


async def fill(settings: Settings, grammar: Grammar, start: int, stop: int, progress: Progress) -> Filled:
    """Load the memories from number `start` up to `stop`, and let go of the store."""
    async with open_app(settings) as app:
        manager = await app.manager()
        await app.warmed()
        records = (grammar.memory(number).to_record(settings.project) for number in range(start, stop))
        with progress("Filling", stop - start) as advance:
            began = time.perf_counter()
            report = await Loader(manager).run(records, progress=advance)
            return Filled(report.stored, elapsed_ms(began) / 1000)


def write_import(path: Path, grammar: Grammar, count: int) -> None:
    """Write the first `count` memories as a file for `athena-mcp import`."""
    with path.open("w", encoding="utf-8") as file:
        file.writelines(json.dumps(grammar.memory(number).to_arguments()) + "\n" for number in range(count))


async def import_file(settings: Settings, path: Path, count: int, progress: Progress) -> Filled:
    """Import a file of `count` lines, as the command does: read, checked, redacted, embedded, indexed."""
    async with open_app(settings) as app:
        manager = await app.manager()
        await app.warmed()
        with open_source(path) as source, progress("Importing", count) as advance:
            began = time.perf_counter()
            report = await Loader(manager).run(source.records(settings.project), progress=advance)
            return Filled(report.stored, elapsed_ms(began) / 1000)


def spread(stored: int, count: int) -> Sequence[int]:
    """`count` numbers below `stored`, evenly apart and of all layers."""
    # A step that shares no factor with the layers' turn, so that it does not always meet the same one.
    step = max(1, stored // max(1, count))
    step -= step % 5 == 0 and step > 1
    return [number * step % stored for number in range(count)]


def questions(grammar: Grammar, stored: int, count: int) -> Iterator[str]:
    """`count` questions about memories all over the first `stored` ones."""
    return (grammar.memory(number).question for number in spread(stored, count))
