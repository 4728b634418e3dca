"""An export imported into an empty store is the same store, whatever was in it and however often it broke off."""

from __future__ import annotations

import io
import itertools
import json
import os
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from athena_mcp.app import open_app
from athena_mcp.config import Settings
from athena_mcp.embed.embedder import EmbedderHandle
from athena_mcp.embed.static import DIMENSION, NAME, StaticEmbedder
from athena_mcp.errors import InvalidArgument
from athena_mcp.harmless import says_nothing
from athena_mcp.manager import MemoryManager
from athena_mcp.remember.record import LoadReport, MemoryRecord
from athena_mcp.transfer.export import write_export
from athena_mcp.transfer.jsonl import Source
from athena_mcp.transfer.loading import Loader
from tests.conftest import PROJECT
from tests.db.invariants import check_store
from tests.db.stores import ask, new_database

EXAMPLES = int(os.environ.get("ATHENA_TEST_EXAMPLES", "12"))
"""How many stores are drawn; CONTRIBUTING.md says when to draw more."""

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(120 + 3 * EXAMPLES)]

_EMPTY = (
    "DELETE FROM athena.memories",
    "DELETE FROM athena.entities",
    "DELETE FROM athena.terms",
    "DELETE FROM athena.layer_totals",
    "DELETE FROM athena.projects",
    "DELETE FROM athena.settings WHERE name = 'unfinished import'",
)


@dataclass
class Store:
    """A memory and the address of its database."""

    manager: MemoryManager
    url: str

    def clear(self) -> None:
        for statement in _EMPTY:
            ask(self.url, statement)

    async def export(self) -> str:
        text = io.StringIO()
        await write_export(self.manager, text, version="test", now=datetime(2026, 1, 1, tzinfo=UTC))
        return text.getvalue()


@pytest.fixture(scope="module")
async def stores(
    admin_url: str, template: str, static_embedder: StaticEmbedder, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[tuple[Store, Store]]:
    folder = tmp_path_factory.mktemp("data")

    def handle() -> EmbedderHandle:
        return EmbedderHandle(lambda: static_embedder, name=NAME, dimension=DIMENSION)

    with new_database(admin_url, template) as first, new_database(admin_url, template) as second:
        async with (
            open_app(Settings(folder, PROJECT, database_url=first), embedder=handle) as one,
            open_app(Settings(folder, PROJECT, database_url=second), embedder=handle) as two,
        ):
            pair = Store(await one.manager(), first), Store(await two.manager(), second)
            await one.warmed()
            await two.warmed()
            yield pair


class Interrupted(Exception):
    """Stands for a process that was killed."""


@dataclass
class Breaking:
    """A store whose process is killed before, or after, its n-th batch."""

    manager: MemoryManager
    batches: int
    after_commit: bool
    seen: int = field(default=0)

    def importing(self) -> AbstractAsyncContextManager[None]:
        return self.manager.importing()

    async def begin_import(self, mark: str) -> bool:
        return await self.manager.begin_import(mark)

    async def end_import(self, mark: str) -> None:
        await self.manager.end_import(mark)

    async def ahead(self, records: Sequence[MemoryRecord]) -> list[MemoryRecord]:
        return await self.manager.ahead(records)

    async def load(
        self, records: Sequence[MemoryRecord], *, keep_ids: bool = False, known_ids: Mapping[int, int] | None = None
    ) -> LoadReport:
        self.seen += 1
        if self.seen == self.batches and not self.after_commit:
            raise Interrupted
        report = await self.manager.load(records, keep_ids=keep_ids, known_ids=known_ids)
        if self.seen == self.batches:
            raise Interrupted
        return report


_names = st.sampled_from(["Billing", "billing", "auth service", "db-1", "db-2", "Ünïcode 名"])
_edges = st.fixed_dictionaries(
    {"subject": _names, "relation": st.sampled_from(["runs on", "uses", "owned by", "calls"]), "object": _names}
)
_texts = st.one_of(
    st.sampled_from(["The port is 80.", "The port is 81.", "It works.", "Restart it."]),
    st.text(st.characters(exclude_categories=["Cs", "Cc", "Cf", "Zs", "Zl", "Zp"]), min_size=1, max_size=30).filter(
        lambda text: not says_nothing(text)
    ),
)
_moments = st.datetimes(datetime(1990, 1, 1), datetime(2090, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001  zone below
_details = {
    "episodic": st.fixed_dictionaries(
        {},
        optional={
            "kind": st.sampled_from(["error", "test_run", "decision"]),
            "outcome": st.sampled_from(["success", "failure", "partial"]),
            "files": st.lists(st.sampled_from(["a.py", "src/b.py", "ü/c.md"]), max_size=3),
        },
    ),
    "semantic": st.fixed_dictionaries(
        {}, optional={"confidence": st.floats(0, 1), "source": st.just("ADR 7"), "kind": st.just("preference")}
    ),
    "procedural": st.fixed_dictionaries(
        {},
        optional={"steps": st.lists(st.sampled_from(["tag", "push"]), max_size=3), "applies_when": st.just("Friday")},
    ),
    "prospective": st.fixed_dictionaries(
        {},
        optional={
            "priority": st.sampled_from(["low", "critical"]),
            "status": st.sampled_from(["pending", "blocked"]),
            "due_at": _moments.map(datetime.isoformat),
            "triggers": st.lists(
                st.one_of(
                    st.fixed_dictionaries({"on": st.just("file"), "value": st.sampled_from(["*.py", "src/**"])}),
                    st.fixed_dictionaries({"on": st.just("time"), "value": _moments.map(datetime.isoformat)}),
                ),
                max_size=3,
            ),
        },
    ),
    "graph": st.just({}),
}


@st.composite
def _memories(draw: st.DrawFn) -> dict[str, Any]:
    layer = draw(st.sampled_from(sorted(_details)))
    call: dict[str, Any] = {
        "content": draw(_texts),
        "layer": layer,
        "details": draw(_details[layer]),
        "tags": draw(st.lists(st.sampled_from(["ci", "db", "Ω"]), max_size=2, unique=True)),
        "importance": draw(st.floats(0, 1)),
        "relations": draw(st.lists(_edges, max_size=2)),
        "project": draw(st.sampled_from([PROJECT, "owner/other", "global"])),
        "occurred_at": draw(st.none() | _moments),
        "key": draw(st.none() | st.sampled_from(["k1", "k2"])),
        "session_id": draw(st.none() | st.just("s-1")),
    }
    link = draw(st.none() | st.tuples(st.sampled_from(["replaces", "about"]), st.integers(0, 20)))
    if link is not None:
        call["link"] = link
        if link[0] == "about":
            call["layer"] = None
            outcome = st.sampled_from([{"outcome": "success"}, {"outcome": "failure"}, {"status": "completed"}, {}])
            call["details"] = draw(outcome)
    return call


_writes = st.lists(st.one_of(_memories(), _memories(), _memories(), st.integers(0, 20)), min_size=1, max_size=14)


async def write(manager: MemoryManager, writes: Sequence[dict[str, Any] | int]) -> None:
    """Do what was drawn; a number forgets the so-manieth memory, and what is refused changes nothing."""
    known: list[tuple[int, str]] = []
    for one in writes:
        if isinstance(one, int):
            if known:
                memory_id, project = known.pop(one % len(known))
                await manager.forget(memory_id, project=project)
            continue
        call = dict(one)
        link = call.pop("link", None)
        if link is not None and known:
            target, project = known[link[1] % len(known)]
            call |= {link[0]: target, "project": project}
        elif link is not None and link[0] == "about":
            continue
        try:
            receipt = await manager.remember(**call)
        except InvalidArgument:
            continue
        if receipt.status == "stored":
            known.append((receipt.id, receipt.project))


def memories(export: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in export.splitlines()[1:]]


def differences(before: list[dict[str, Any]], after: list[dict[str, Any]]) -> list[tuple[str, object, object]]:
    """What a reader has to see of two exports that should be the same: field by field, before and after."""
    fields = {row["id"]: row for row in before}, {row["id"]: row for row in after}
    return [
        (f"{memory_id}.{name}", one.get(name), other.get(name))
        for memory_id in sorted(fields[0].keys() | fields[1].keys())
        for one, other in [(fields[0].get(memory_id, {}), fields[1].get(memory_id, {}))]
        for name in sorted(one.keys() | other.keys())
        if one.get(name) != other.get(name)
    ]


def records(export: str) -> Iterator[Any]:
    return Source(io.BytesIO(export.encode())).records(PROJECT)


@settings(
    max_examples=EXAMPLES,
    deadline=None,
    # Each try writes a store: making a failing one smaller would take minutes.
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    writes=_writes,
    batch_records=st.integers(1, 6),
    breaks=st.lists(st.tuples(st.integers(1, 6), st.booleans()), max_size=2),
)
async def test_export_import_export_is_the_identity_even_if_interrupted(
    stores: tuple[Store, Store],
    writes: list[dict[str, Any] | int],
    batch_records: int,
    breaks: list[tuple[int, bool]],
) -> None:
    source, target = stores
    source.clear()
    target.clear()
    await write(source.manager, writes)
    exported = await source.export()
    for number, after_commit in breaks:
        try:
            breaking = Breaking(target.manager, number, after_commit)
            await Loader(breaking, batch_records=batch_records).run(records(exported), mark="one")
        except Interrupted:
            continue
    report = await Loader(target.manager, batch_records=batch_records).run(records(exported), mark="one")
    assert differences(memories(exported), memories(await target.export())) == []
    assert (report.skipped, report.unlinked) == (0, 0)
    check_store(target.url)


async def test_an_export_is_the_store_at_one_moment(stores: tuple[Store, Store]) -> None:
    """What is stored, replaced and forgotten while it streams is not in it."""
    source, _ = stores
    source.clear()
    first = [await source.manager.remember(f"Fact {number}.", layer="semantic") for number in range(4)]
    before = memories(await source.export())
    found: list[tuple[int, int | None]] = []
    streaming = source.manager.export()
    async for memory in streaming:
        if not found:
            await source.manager.forget(first[3].id)
            await source.manager.remember("Another.", layer="semantic", replaces=first[2].id)
        found.append((memory.id, memory.superseded_by))
    assert found == [(row["id"], None) for row in before]
    assert len(memories(await source.export())) == 4


async def test_what_a_file_says_later_replaces_what_it_said_before(stores: tuple[Store, Store]) -> None:
    """Lines of one's own, without a history: a relation with one object at a time goes by the last line."""
    _, target = stores
    target.clear()
    lines = [
        {"content": f"Billing runs on {host}.", "layer": "graph", "id": number,
         "relations": [{"subject": "Billing", "relation": "runs on", "object": host}]}
        for number, host in enumerate(["alpha", "beta", "gamma"], 1)
    ]  # fmt: skip
    text = "".join(json.dumps(line) + "\n" for line in lines)
    await Loader(target.manager, batch_records=2).run(Source(io.BytesIO(text.encode())).records(PROJECT), mark="own")
    after = memories(await target.export())
    assert [row.get("superseded_by") for row in after] == [2, 3, None]
    assert ["ended_at" in edge for edge in itertools.chain(*(row["relations"] for row in after))] == [True, True, False]
    check_store(target.url)
