"""The loader over a store in memory that keeps the port's promises: batches, duplicates, ids."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, nullcontext
from dataclasses import dataclass, field, replace

import anyio
import pytest

from athena_mcp.errors import InvalidArgument, TransferError
from athena_mcp.remember.record import LoadReport, MemoryRecord
from athena_mcp.transfer.jsonl import BadLine
from athena_mcp.transfer.links import LinkOrder
from athena_mcp.transfer.loading import ImportReport, Loader
from athena_mcp.transfer.quick_turns import SWITCH_S

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@dataclass
class Store:
    """Memories by id; the content says what is a duplicate, `bad` content is refused."""

    memories: dict[int, MemoryRecord] = field(default_factory=dict)
    batches: list[int] = field(default_factory=list)
    fail_after: int | None = None
    unfinished: str | None = None

    def importing(self) -> AbstractAsyncContextManager[None]:
        return nullcontext()

    async def begin_import(self, mark: str) -> bool:
        if not self.memories:
            self.unfinished = mark
        return self.unfinished == mark

    async def end_import(self, mark: str) -> None:
        self.unfinished = None

    async def ahead(self, records: Sequence[MemoryRecord]) -> list[MemoryRecord]:
        return list(records)

    async def load(
        self, records: Sequence[MemoryRecord], *, keep_ids: bool = False, known_ids: Mapping[int, int] | None = None
    ) -> LoadReport:
        if self.fail_after is not None and len(self.batches) >= self.fail_after:
            raise KeyboardInterrupt
        for record in records:
            if record.content == "bad":
                raise InvalidArgument(f"line {record.line}: content", "is bad")
        ids = dict(known_ids or {})
        new: list[int] = []
        for record in records:
            found = next((id_ for id_, other in self.memories.items() if other.content == record.content), None)
            if found is None:
                found = record.id if keep_ids and record.id is not None else max(self.memories, default=0) + 1
                self.memories[found] = replace(record, id=found, line=None)
                new.append(found)
            if record.id is not None:
                ids[record.id] = found
        for found in new:
            record = self.memories[found]
            # A link that leads nowhere would be a foreign key that does.
            about = None if record.about is None else ids[record.about]
            by = None if record.superseded_by is None else ids[record.superseded_by]
            self.memories[found] = replace(record, about=about, superseded_by=by)
        stored = len(new)
        self.batches.append(len(records))
        mapped = {record.id: ids[record.id] for record in records if record.id is not None}
        return LoadReport(stored=stored, duplicates=len(records) - stored, redacted=0, ids=mapped)


def memory(
    id_: int | None, content: str | None = None, *, about: int | None = None, superseded_by: int | None = None
) -> MemoryRecord:
    return MemoryRecord(
        content=content or f"text {id_}", project="p", id=id_, line=id_, about=about, superseded_by=superseded_by
    )


async def load(
    store: Store, items: Iterable[MemoryRecord | BadLine], *, skip_bad: bool = False, batch_records: int = 2
) -> ImportReport:
    return await Loader(store, skip_bad=skip_bad, batch_records=batch_records).run(iter(items), mark="this file")


async def test_records_are_loaded_in_batches_and_counted() -> None:
    store = Store()
    report = await load(store, [memory(i) for i in range(1, 6)])
    assert store.batches == [2, 2, 1]
    assert (report.stored, report.duplicates) == (5, 0)


async def test_ids_are_kept_in_an_empty_store() -> None:
    store = Store()
    await load(store, [memory(10), memory(20), memory(30)])
    assert set(store.memories) == {10, 20, 30}


async def test_ids_are_mapped_in_a_store_with_memories_and_links_follow() -> None:
    store = Store({1: memory(1, "mine")})
    await load(store, [memory(1, "theirs"), memory(2, "report", about=1)], batch_records=1)
    assert store.memories[1].content == "mine"
    assert store.memories[2].content == "theirs"
    assert store.memories[3].about == 2


async def test_a_link_to_a_later_memory_arrives_across_batches() -> None:
    store = Store()
    await load(store, [memory(1, superseded_by=4), memory(2), memory(3, about=1), memory(4)])
    assert store.memories[1].superseded_by == 4
    assert store.memories[3].about == 1


async def test_a_chain_of_replacements_arrives_whole() -> None:
    store = Store()
    await load(store, [memory(i, superseded_by=i + 1) for i in range(1, 9)] + [memory(9)])
    assert [store.memories[i].superseded_by for i in range(1, 10)] == [2, 3, 4, 5, 6, 7, 8, 9, None]


async def test_a_link_to_nothing_is_dropped_and_counted() -> None:
    store = Store()
    report = await load(store, [memory(1, about=99), memory(2)])
    assert store.memories[1].about is None
    assert report.unlinked == 1


async def test_memories_that_point_at_each_other_are_loaded_once_each() -> None:
    store = Store()
    report = await load(store, [memory(1, about=2), memory(2, about=1)])
    assert (store.memories[1].about, store.memories[2].about) == (2, 1)
    assert (report.stored, report.unlinked) == (2, 0)


async def test_a_ring_of_memories_larger_than_a_batch_keeps_its_links() -> None:
    store = Store()
    report = await load(store, [memory(i, about=i % 5 + 1, superseded_by=7 if i == 2 else None) for i in range(1, 8)])
    assert [store.memories[i].about for i in range(1, 8)] == [2, 3, 4, 5, 1, 2, 3]
    assert (store.memories[2].superseded_by, report.stored, report.unlinked) == (7, 7, 0)


async def test_a_second_run_stores_nothing() -> None:
    store = Store()
    items = [memory(1, superseded_by=3), memory(2), memory(3)]
    await load(store, items)
    report = await load(store, items)
    assert (report.stored, report.duplicates) == (0, 3)


async def test_an_interrupted_import_goes_on_under_the_same_ids() -> None:
    items = [memory(i) for i in (10, 20, 30, 40, 50)]
    store = Store(fail_after=1)
    with pytest.raises(KeyboardInterrupt):
        await load(store, items)
    assert set(store.memories) == {10, 20}
    store.fail_after = None
    report = await load(store, items)
    assert (report.stored, report.duplicates) == (3, 2)
    assert set(store.memories) == {10, 20, 30, 40, 50}
    assert store.unfinished is None


async def test_another_import_into_what_an_interrupted_one_left_gets_ids_of_its_own() -> None:
    store = Store(fail_after=1)
    with pytest.raises(KeyboardInterrupt):
        await load(store, [memory(i) for i in (10, 20, 30)])
    store.fail_after = None
    await Loader(store, batch_records=2).run(iter([memory(7)]), mark="another file")
    assert set(store.memories) == {10, 20, 21}


async def test_a_bad_line_stores_nothing_of_its_batch_and_says_what_is_stored() -> None:
    store = Store()
    with pytest.raises(TransferError, match="line 4: tags: wrong") as caught:
        await load(store, [memory(1), memory(2), memory(3), BadLine(4, "tags: wrong")])
    assert set(store.memories) == {1, 2}
    assert "2 memories before it are" in str(caught.value)


async def test_a_bad_value_is_refused_with_its_line() -> None:
    store = Store()
    with pytest.raises(TransferError, match="line 4: content: is bad"):
        await load(store, [memory(1), memory(2), memory(3), memory(4, "bad")])
    assert set(store.memories) == {1, 2}


async def test_bad_lines_are_counted_and_passed_over_when_asked() -> None:
    store = Store()
    items: list[MemoryRecord | BadLine] = [
        memory(1),
        memory(2, "bad"),
        BadLine(3, "tags: wrong"),
        memory(4, about=2),
        memory(5),
    ]
    report = await load(store, items, skip_bad=True)
    assert set(store.memories) == {1, 4, 5}
    assert (report.stored, report.skipped, report.unlinked) == (3, 2, 1)
    assert len(report.problems) == report.skipped
    told = " ".join(report.problems)
    assert "line 2" in told
    assert "line 3" in told


async def test_progress_counts_what_was_taken() -> None:
    steps: list[int] = []
    await Loader(Store(), batch_records=2).run(iter([memory(1), memory(2), memory(3)]), progress=steps.append)
    assert steps == [2, 1]


@dataclass
class Busy(Store):
    """Takes a batch only when the one after it has been made ready."""

    ready: int = 0
    following: anyio.Event = field(default_factory=anyio.Event)

    async def ahead(self, records: Sequence[MemoryRecord]) -> list[MemoryRecord]:
        self.ready += 1
        if self.ready == 2:
            self.following.set()
        return list(records)

    async def load(
        self, records: Sequence[MemoryRecord], *, keep_ids: bool = False, known_ids: Mapping[int, int] | None = None
    ) -> LoadReport:
        with anyio.fail_after(10):
            await self.following.wait()
        return await Store.load(self, records, keep_ids=keep_ids, known_ids=known_ids)


async def test_a_batch_is_made_ready_while_the_one_before_is_stored() -> None:
    store = Busy()
    report = await load(store, [memory(1), memory(2), memory(3)])
    assert (report.stored, store.batches) == (3, [2, 1])


async def test_what_breaks_while_reading_on_comes_after_the_batch_before_it() -> None:
    def breaking() -> Iterator[MemoryRecord]:
        yield from (memory(1), memory(2))
        raise TransferError("the file ends in the middle")

    store = Store()
    with pytest.raises(TransferError, match="in the middle"):
        await Loader(store, batch_records=2).run(breaking())
    assert set(store.memories) == {1, 2}


async def test_an_import_leaves_the_threads_turns_as_they_were() -> None:
    before = sys.getswitchinterval()
    await load(Store(), [memory(1)])
    with pytest.raises(TransferError):
        await load(Store(), [memory(1, "bad")])
    assert sys.getswitchinterval() == before


async def test_imports_that_overlap_have_quick_turns_to_the_last_and_leave_them_as_they_were() -> None:
    before = sys.getswitchinterval()
    ends = [anyio.Event(), anyio.Event()]
    seen: list[float] = []

    class Slow(Store):
        def __init__(self, end: anyio.Event) -> None:
            super().__init__()
            self._end = end

        async def end_import(self, mark: str) -> None:
            await self._end.wait()

    async def run(end: anyio.Event) -> None:
        await Loader(Slow(end)).run(iter([memory(1)]), mark="a file")
        seen.append(sys.getswitchinterval())

    async with anyio.create_task_group() as imports:
        for end in ends:
            imports.start_soon(run, end)
        for end in ends:
            await anyio.wait_all_tasks_blocked()
            assert sys.getswitchinterval() == pytest.approx(SWITCH_S)
            end.set()
    assert seen == pytest.approx([SWITCH_S, before])
    assert sys.getswitchinterval() == before


def test_what_has_no_links_streams_through() -> None:
    order = LinkOrder()
    assert [list(order.place(memory(i))) for i in (1, 2)] == [[memory(1)], [memory(2)]]
    assert list(order.rest()) == []
