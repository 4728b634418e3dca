"""Loading records in batches: resumable, with ids kept or mapped, and links that survive either."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from functools import partial
from typing import Generic, Protocol, TypeVar

import anyio
import anyio.to_thread

from athena_mcp.beside import side_work
from athena_mcp.errors import InvalidArgument, TransferError
from athena_mcp.remember.record import LoadReport, MemoryRecord
from athena_mcp.transfer.jsonl import BadLine
from athena_mcp.transfer.links import LinkOrder, trim
from athena_mcp.transfer.quick_turns import quick_turns

T = TypeVar("T")

BATCH_RECORDS = 400
"""Memories in one transaction, some 0.2 s: enough that each term is counted once for many of them, few enough that
other writers of the project wait little, and that little is lost on an interrupt."""

MAX_PROBLEMS = 1_000
"""Of so many skipped lines it is told why."""


class Target(Protocol):
    """What is loaded into; `MemoryManager` is one."""

    async def ahead(self, records: Sequence[MemoryRecord]) -> list[MemoryRecord]:
        """The same records, made ready for `load` as far as can be done before their turn."""

    async def load(
        self, records: Sequence[MemoryRecord], *, keep_ids: bool = False, known_ids: Mapping[int, int] | None = None
    ) -> LoadReport:
        """Store a batch in one transaction."""

    def importing(self) -> AbstractAsyncContextManager[None]:
        """Held while the import runs; what is better done once for all its memories is done when it is left."""

    async def begin_import(self, mark: str) -> bool:
        """Whether the import that `mark` stands for may keep its ids."""

    async def end_import(self, mark: str) -> None:
        """Take note that it has come to its end."""


@dataclass(slots=True)
class ImportReport:
    """What became of an import; complete when the import returns, and true at every batch before."""

    stored: int = 0
    duplicates: int = 0
    redacted: int = 0
    skipped: int = 0
    unlinked: int = 0
    """Links that were dropped because what they lead to is not in the file."""
    problems: list[str] = field(default_factory=list)
    """The lines that were skipped, and why: the first `MAX_PROBLEMS` of them."""


class Loader:
    """One import. `report` tells how far it is."""

    def __init__(self, target: Target, *, skip_bad: bool = False, batch_records: int = BATCH_RECORDS) -> None:
        self.report = ImportReport()
        self._target = target
        self._skip_bad = skip_bad
        self._batch_records = batch_records
        self._ids: dict[int, int] = {}
        """Id in the file to id in the store, for all that was loaded so far."""
        self._keep_ids = False

    async def run(
        self,
        items: Iterator[MemoryRecord | BadLine],
        *,
        mark: str | None = None,
        progress: Callable[[int], None] = lambda _: None,
    ) -> ImportReport:
        """Load everything. `progress` is called after each batch with the number of records taken from `items`.

        `mark` tells the import from others: into an empty store, and into one that an interrupted run of it left
        behind, it keeps its ids. Without one, all ids are new.

        Raises TransferError naming the line and the field of the first bad one, unless bad ones are skipped; the
        batches before it are stored.
        """
        with quick_turns().held():
            async with self._target.importing():
                return await self._run(items, mark, progress)

    async def _run(
        self, items: Iterator[MemoryRecord | BadLine], mark: str | None, progress: Callable[[int], None]
    ) -> ImportReport:
        self._keep_ids = mark is not None and await self._target.begin_import(mark)
        order = LinkOrder()
        batch = await self._ready(items)
        while batch:
            # The next batch is read, checked and embedded while the database is busy with this one.
            async with side_work() as side:
                following = side.begin(partial(self._ready, items), "next batch")
                await self._place(batch, order)
                progress(len(batch))
                batch = await following.value()
        rest = order.rest()
        while held := list(itertools.islice(rest, self._batch_records)):
            await self._load(held)
        # Memories that point to each other know each other only within one batch.
        knots = order.knots()
        await self._load(knots, ahead=frozenset(record.id for record in knots if record.id is not None))
        if mark is not None:
            await self._target.end_import(mark)
        return self.report

    async def _ready(self, items: Iterator[MemoryRecord | BadLine]) -> list[MemoryRecord | BadLine]:
        """The next batch, as ready as can be."""
        batch = await _InThread(lambda: list(itertools.islice(items, self._batch_records))).result()
        ready = iter(await self._target.ahead([item for item in batch if not isinstance(item, BadLine)]))
        return [item if isinstance(item, BadLine) else next(ready) for item in batch]

    async def _place(self, batch: Sequence[MemoryRecord | BadLine], order: LinkOrder) -> None:
        await self._load(itertools.chain.from_iterable(order.place(record) for record in self._good(batch)))

    def _good(self, batch: Sequence[MemoryRecord | BadLine]) -> list[MemoryRecord]:
        good = []
        for item in batch:
            if isinstance(item, BadLine):
                self._refuse(f"line {item.line}: {item.problem}", None)
            else:
                good.append(item)
        return good

    async def _load(self, records: Iterable[MemoryRecord], *, ahead: frozenset[int] = frozenset()) -> None:
        batch = self._linked(records, ahead)
        if not batch:
            return
        try:
            await self._store(batch)
        except InvalidArgument as error:
            if not self._skip_bad:
                self._refuse(_complaint(batch, error), error)
            for record in batch:
                await self._load_alone(record)

    async def _load_alone(self, record: MemoryRecord) -> None:
        """Load one record of a batch that was refused; trimmed again, since its target may be what was refused."""
        try:
            await self._store(self._linked([record]))
        except InvalidArgument as error:
            self._refuse(_complaint([record], error), error)

    async def _store(self, batch: Sequence[MemoryRecord]) -> None:
        loaded = await self._target.load(batch, keep_ids=self._keep_ids, known_ids=self._ids)
        self._ids.update(loaded.ids)
        self.report.stored += loaded.stored
        self.report.duplicates += loaded.duplicates
        self.report.redacted += loaded.redacted

    def _linked(self, records: Iterable[MemoryRecord], ahead: frozenset[int] = frozenset()) -> list[MemoryRecord]:
        """The records with only those links that lead to something loaded before, earlier in the batch, or `ahead`."""
        within = set(ahead)
        linked = []
        for record in records:
            trimmed = trim(record, lambda target: target in within or target in self._ids)
            self.report.unlinked += trimmed.cut
            linked.append(trimmed.record)
            if record.id is not None:
                within.add(record.id)
        return linked

    def _refuse(self, problem: str, cause: Exception | None) -> None:
        if self._skip_bad:
            self.report.skipped += 1
            if len(self.report.problems) < MAX_PROBLEMS:
                self.report.problems.append(problem)
            return
        before = self.report.stored + self.report.duplicates
        raise TransferError(
            f"{problem}. Nothing of its batch was stored; {before:,} memories before it are. Correct it and import "
            "the file again (what is stored counts as duplicate), or pass --skip-bad."
        ) from cause


class _InThread(Generic[T]):
    """A call that runs in a thread of its own from the start; a pipe that it reads from may hold it for ever."""

    def __init__(self, call: Callable[[], T]) -> None:
        self._future: Future[T] = Future()
        # A daemon: nothing can wake it from its read, and an import that is broken off must not wait for it.
        threading.Thread(target=self._run, args=(call,), name="import", daemon=True).start()

    async def result(self) -> T:
        """What it returns, or raises."""
        return await anyio.to_thread.run_sync(self._future.result, abandon_on_cancel=True)

    def _run(self, call: Callable[[], T]) -> None:
        try:
            self._future.set_result(call())
        except BaseException as error:  # noqa: BLE001  # the border of the thread: `result` raises it again
            self._future.set_exception(error)


def _complaint(batch: Sequence[MemoryRecord], error: InvalidArgument) -> str:
    """What is wrong, with the line if the error does not say it."""
    text = str(error).removesuffix(".")
    lines = [record.line for record in batch if record.line is not None]
    if text.startswith("line ") or not lines:
        return text
    where = f"line {lines[0]}" if len(lines) == 1 else f"lines {min(lines)} to {max(lines)}"
    return f"{where}: {text}"
