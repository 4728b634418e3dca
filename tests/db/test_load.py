from __future__ import annotations

import random
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import anyio
import pytest

from athena_mcp.app import open_app
from athena_mcp.config import Settings
from athena_mcp.embed.embedder import EmbedderHandle
from athena_mcp.embed.static import DIMENSION, NAME, StaticEmbedder
from athena_mcp.errors import InvalidArgument
from athena_mcp.manager import MemoryManager
from athena_mcp.model import EpisodicDetails, Layer, Memory, Outcome, ProceduralDetails, ProspectiveDetails, TaskStatus
from athena_mcp.remember.record import MemoryRecord
from athena_mcp.transfer.loading import Loader
from athena_mcp.transfer.rows import memory_to_row
from tests.db.edges import edge
from tests.db.invariants import check_store
from tests.db.stores import ask, row_counts

pytestmark = pytest.mark.anyio

PROJECT = "owner/project"


def record(content: str, **fields: Any) -> MemoryRecord:
    return MemoryRecord(**{"content": content, "project": PROJECT, "layer": "semantic", **fields})


def from_memory(memory: Memory, **fields: Any) -> MemoryRecord:
    """A memory as it comes back from an export."""
    row = memory_to_row(memory)
    return MemoryRecord(**{**row, **fields})


async def whole(manager: MemoryManager) -> list[Memory]:
    return [memory async for memory in manager.export()]


async def write_a_history(manager: MemoryManager) -> None:
    """Memories of every layer with all that links them."""
    old = await manager.remember("Port 5432.", layer="semantic", tags=["db"], key="port", importance=0.9)
    await manager.remember(
        "Port 5433.", layer="semantic", replaces=old.id, details={"confidence": 0.0, "source": "ADR"}
    )
    how = await manager.remember(
        "Release.", layer="procedural", details={"steps": ["a", "b"], "applies_when": "Friday"}
    )
    await manager.remember("It worked.", about=how.id, details={"outcome": "success"})
    task = await manager.remember(
        "Rotate.", layer="prospective", details={"due_at": "2030-01-01", "triggers": [{"on": "file", "value": "*.py"}]}
    )
    other = await manager.remember("Renew.", layer="prospective")
    for target in (task, other):
        await manager.remember("Done.", about=target.id, details={"status": "completed"}, occurred_at="2026-01-31")
    await manager.remember(
        "Deployed.", layer="episodic", occurred_at="2026-01-31T10:00:00.123456Z", details={"files": ["a.py"]}
    )
    for host in ("alpha", "beta", "gamma"):
        await manager.remember(f"Billing on {host}.", layer="graph", relations=[edge("Billing", "runs on", host)])
    await manager.remember("A rule.", layer="semantic", project="global")


def told(memory: Memory) -> dict[str, Any]:
    """What must survive a move: everything but the links, which are compared by what they lead to."""
    row = memory_to_row(memory)
    for link in ("id", "about", "superseded_by"):
        row.pop(link, None)
    return row


async def test_an_export_loaded_into_an_empty_store_is_the_same_store(
    manager: MemoryManager, database_url: str
) -> None:
    await write_a_history(manager)
    before = await whole(manager)
    for memory in reversed(before):
        await manager.forget(memory.id, project=memory.project)
    # What was replaced comes after what replaced it, as an import brings it.
    later_first = sorted(before, key=lambda memory: (memory.superseded_at is not None, memory.id))
    report = await manager.load([from_memory(memory) for memory in later_first], keep_ids=True)
    assert (report.stored, report.duplicates) == (len(before), 0)
    assert report.ids == {memory.id: memory.id for memory in before}
    assert await whole(manager) == before
    check_store(database_url)
    live = {memory.id: memory.relations for memory in await manager.list_memories() if memory.relations}
    assert [relations[0].object for relations in live.values()] == ["gamma"]
    fresh = await manager.remember("After all of them.", layer="semantic")
    assert fresh.id > max(memory.id for memory in before)
    assert ask(database_url, "SELECT count(*) FROM athena.vectors") == [(len(await manager.list_memories()) + 1,)]


async def test_loaded_into_another_store_ids_are_mapped_and_links_follow(
    manager: MemoryManager, database_url: str
) -> None:
    await write_a_history(manager)
    before = await whole(manager)
    moved = [from_memory(memory, project=f"{memory.project} moved") for memory in before]
    report = await manager.load(moved)
    assert report.stored == len(before)
    after = {memory.id: memory for memory in await whole(manager)}
    for memory in before:
        copy = after[report.ids[memory.id]]
        assert told(copy) == {**told(memory), "project": f"{memory.project} moved"}
        assert copy.about == (memory.about and report.ids[memory.about])
        assert copy.superseded_by == (memory.superseded_by and report.ids[memory.superseded_by])
    check_store(database_url)


async def test_what_is_there_already_counts_as_duplicate_and_is_not_changed(
    manager: MemoryManager, database_url: str
) -> None:
    await write_a_history(manager)
    before, counts = await whole(manager), row_counts(database_url)
    for keep_ids in (False, True):
        report = await manager.load([from_memory(memory) for memory in before], keep_ids=keep_ids)
        assert (report.stored, report.duplicates) == (0, len(before))
        assert report.ids == {memory.id: memory.id for memory in before}
    assert await whole(manager) == before
    assert row_counts(database_url) == counts


async def test_an_interrupted_import_can_be_resumed(manager: MemoryManager, database_url: str) -> None:
    records = [record(f"Fact {number}", id=number, key=f"k-{number}") for number in range(1, 41)]
    first = await manager.load(records[:25], keep_ids=True)
    again = await manager.load(records[:30], keep_ids=True, known_ids=first.ids)
    rest = await manager.load(records[30:], keep_ids=True, known_ids={**first.ids, **again.ids})
    assert (first.stored, again.stored, again.duplicates, rest.stored) == (25, 5, 25, 10)
    assert [memory.id for memory in await whole(manager)] == list(range(1, 41))
    check_store(database_url)


async def test_links_may_lead_to_an_earlier_batch(manager: MemoryManager) -> None:
    first = await manager.load([record("Task.", id=501, layer="prospective"), record("New.", id=502)])
    second = await manager.load(
        [
            record("Done.", id=503, layer="episodic", about=501),
            record("Old.", id=504, superseded_by=502, superseded_at="2026-01-01"),
            record("Lost.", id=505, layer="episodic", about=999),
        ],
        known_ids=first.ids,
    )
    assert (await manager.get(second.ids[503])).about == first.ids[501]
    old = await manager.get(second.ids[504])
    assert old.superseded_by == first.ids[502]
    assert old.superseded_at == datetime(2026, 1, 1, tzinfo=UTC)
    assert (await manager.get(second.ids[505])).about is None
    live = [memory.content for memory in await manager.list_memories()]
    assert "Old." not in live


async def test_history_does_not_end_what_holds_now(manager: MemoryManager) -> None:
    now = await manager.remember("Billing on beta.", layer="graph", relations=[edge("Billing", "runs on", "beta")])
    await manager.load(
        [
            record(
                "Billing on alpha.", layer="graph", relations=[edge("Billing", "runs on", "alpha")],
                superseded_at="2026-01-01",
            )
        ]
    )  # fmt: skip
    kept = await manager.get(now.id)
    assert kept.superseded_at is None
    assert [relation.object for relation in kept.relations] == ["beta"]


async def test_one_bad_line_is_named_and_its_batch_leaves_nothing(manager: MemoryManager, database_url: str) -> None:
    await manager.load([record("Fine.", line=1)])
    before = row_counts(database_url)
    bad: tuple[tuple[dict[str, Any], str], ...] = (
        ({"content": " "}, "content"),
        ({"layer": "party"}, "layer"),
        ({"details": {"outcome": "success"}}, "details.outcome"),
        ({"layer": "procedural", "details": {"successes": -1}}, "details.successes"),
        ({"layer": "procedural", "details": {"successes": 2**31}}, "details.successes"),
        ({"created_at": "soon"}, "created_at"),
        ({"superseded_at": "10000-01-01"}, "superseded_at"),
        ({"importance": 2}, "importance"),
        ({"id": 0}, "id"),
        ({"about": "x"}, "about"),
        ({"superseded_by": -1}, "superseded_by"),
        ({"relations": [{"subject": "a", "relation": "b"}]}, "relations[0].object"),
        ({"key": "ghp_" + "aB3dE5fG7hJ9kL1mN3pQ5rS7tU9vW1xY3zA5"}, "key"),
    )
    for fields, argument in bad:
        batch = [record("Good.", line=2), replace(record("Bad.", line=17), **fields), record("Good too.", line=18)]
        with pytest.raises(InvalidArgument) as raised:
            await manager.load(batch)
        assert raised.value.argument == f"line 17: {argument}"
        assert row_counts(database_url) == before


async def test_a_batch_repeats_nothing_of_itself(manager: MemoryManager, database_url: str) -> None:
    batch = [
        record("Same."), record("Same. "), record("Other.", key="k"), record("Third.", key="k"),
        record("Event.", layer="episodic", occurred_at="2026-01-01"),
        record("Event.", layer="episodic", occurred_at="2026-01-01"),
        record("Event.", layer="episodic", occurred_at="2026-01-02"),
        record("Event.", layer="episodic", created_at="2026-01-01T00:00:00Z"),
        record("Event.", layer="episodic", created_at="2026-01-01T00:00:30Z"),
        record("Event.", layer="episodic", created_at="2026-01-01T00:05:00Z"),
        record("Same.", project="owner/other"),
    ]  # fmt: skip
    report = await manager.load(batch)
    assert (report.stored, report.duplicates) == (7, 4)
    check_store(database_url)
    assert (await manager.load([])).stored == 0


async def test_ids_are_kept_only_where_they_are_free_and_stay_unique(manager: MemoryManager, database_url: str) -> None:
    report = await manager.load(
        [
            record("Without an id."),
            record("One.", id=1),
            record("Two.", id=2, project="owner/other"),
            record("Two again.", id=2),
            record("The highest there is.", id=2**63 - 1),
            record("Also without."),
        ],
        keep_ids=True,
    )
    assert report.stored == 6
    kept = {memory.content: memory.id for memory in await whole(manager)}
    assert (kept["One."], kept["Two."]) == (1, 2)
    assert len(set(kept.values())) == 6
    receipts = [await manager.remember(f"After {number}.", layer="semantic") for number in range(3)]
    assert not {receipt.id for receipt in receipts} & set(kept.values())
    check_store(database_url)


async def test_a_record_keeps_its_times_counts_and_status(manager: MemoryManager) -> None:
    report = await manager.load(
        [
            record(
                "How.", id=101, layer="procedural", created_at="2020-01-01T00:00:00Z", session_id="then",
                details={"steps": ["a"], "successes": 3, "failures": 1},
            ),
            record("Do.", id=102, layer="prospective", details={"status": "completed"}),
            record("Was.", id=103, layer="episodic", occurred_at="2020-01-01", details={"outcome": "failure"}),
            record("Chosen by its words: the build failed.", id=104, layer=None),
        ]
    )  # fmt: skip
    how, task, event, chosen = [await manager.get(report.ids[number]) for number in (101, 102, 103, 104)]
    assert how.details == ProceduralDetails(("a",), None, 3, 1)
    assert (how.created_at, how.session_id) == (datetime(2020, 1, 1, tzinfo=UTC), "then")
    assert isinstance(task.details, ProspectiveDetails)
    assert task.details.status is TaskStatus.COMPLETED
    assert event.details == EpisodicDetails(outcome=Outcome.FAILURE)
    assert chosen.layer is Layer.EPISODIC


async def test_secrets_are_taken_out_on_the_way_in(manager: MemoryManager, database_url: str) -> None:
    token = "ghp_" + "aB3dE5fG7hJ9kL1mN3pQ5rS7tU9vW1xY3zA5"
    report = await manager.load([record(f"Use {token}."), record("Harmless.")])
    assert (report.stored, report.redacted) == (2, 1)
    assert ask(database_url, "SELECT count(*) FROM athena.memories WHERE content LIKE %s", f"%{token}%") == [(0,)]


async def test_what_was_loaded_is_found_at_once(manager: MemoryManager) -> None:
    await manager.load([record(f"Invoice {number} was paid.") for number in range(50)])
    report = await manager.load([record("The staging database listens on port 5433.", id=900)])
    result = await manager.recall("staging database port", k=1)
    assert [hit.memory.id for hit in result.memories] == [report.ids[900]]


async def test_edges_end_each_other_in_a_batch_as_they_do_one_by_one(manager: MemoryManager, database_url: str) -> None:
    draw = random.Random(4)
    subjects = ("Billing", "the billing", "Login", "Search", "Mail", "Queue", "Cache", "Index")

    def stated(number: int) -> MemoryRecord:
        relations = [
            edge(draw.choice(subjects), draw.choice(("runs on", "status", "uses")), draw.choice("abc"))
            for _ in range(draw.randint(1, 3))
        ]
        at = "2026-01-01" if draw.random() < 0.2 else None
        layer = draw.choice(("graph", "graph", "semantic"))
        return record(f"Statement {number}.", layer=layer, relations=relations, superseded_at=at)

    records = [stated(number) for number in range(120)]
    for one in records:
        await manager.load([replace(one, project="owner/one by one")])
    for start in range(0, len(records), 40):
        await manager.load([replace(one, project="owner/by the batch") for one in records[start : start + 40]])
    outcomes = [
        ask(
            database_url,
            """SELECT m.content, m.superseded_at IS NOT NULL, b.content, s.name_key, r.relation_key, o.name_key,
                r.ended_at IS NOT NULL, e.content
            FROM athena.projects p
            JOIN athena.memories m ON m.project_id = p.id
            JOIN athena.relations r ON r.project_id = p.id AND r.memory_id = m.id
            JOIN athena.entities s ON s.project_id = p.id AND s.id = r.subject_id
            JOIN athena.entities o ON o.project_id = p.id AND o.id = r.object_id
            LEFT JOIN athena.memories b ON b.project_id = p.id AND b.id = m.superseded_by
            LEFT JOIN athena.memories e ON e.project_id = p.id AND e.id = r.ended_by
            WHERE p.name = %s ORDER BY m.id, r.id""",
            project,
        )
        for project in ("owner/one by one", "owner/by the batch")
    ]
    assert outcomes[0] == outcomes[1]
    assert len({row[2] for row in outcomes[0]}) > 5
    check_store(database_url)


async def test_two_imports_of_the_same_at_once_and_who_remembers_beside_them_store_everything_once(
    manager: MemoryManager, settings: Settings, static_embedder: StaticEmbedder, database_url: str
) -> None:
    texts = [f"The {name} listens on port {port}." for port in range(30) for name in ("billing", "login", "search")]
    records = [
        record(
            text,
            layer=list(Layer)[number % 5].value,
            occurred_at="2026-01-01",
            relations=[edge(text.split()[1], "uses", f"port {number % 7}")],
        )
        for number, text in enumerate(texts)
    ]
    reports = []

    async def load(into: MemoryManager, seed: int) -> None:
        shuffled = random.Random(seed).sample(records, len(records))
        reports.append(await Loader(into, batch_records=7).run(iter(shuffled)))

    async def remember() -> None:
        for text in texts[::9]:
            await manager.remember(f"{text} It was told.", layer="semantic")
            found = await manager.recall(f"{text} It was told.", k=1, use_cache=False)
            assert found.memories[0].memory.content == f"{text} It was told."

    handle = EmbedderHandle(lambda: static_embedder, name=NAME, dimension=DIMENSION)
    async with open_app(settings, embedder=lambda: handle) as app:
        other = await app.manager()
        await app.warmed()
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(load, manager, 1)
            tasks.start_soon(load, other, 2)
            tasks.start_soon(remember)
    assert sum(report.stored for report in reports) == len(texts)
    assert sum(report.duplicates for report in reports) == len(texts)
    told = len(texts[::9])
    assert ask(database_url, "SELECT count(*), count(DISTINCT content) FROM athena.memories") == [
        (len(texts) + told, len(texts) + told)
    ]
    assert ask(database_url, "SELECT count(*) FROM athena.vectors") == [(len(texts) + told,)]
    check_store(database_url)


async def test_an_older_export_brings_nothing_back_that_was_put_right_since(
    manager: MemoryManager, database_url: str
) -> None:
    old = await manager.remember("The cache TTL is 15 minutes.", layer="semantic")
    owned = {"subject": "billing", "relation": "owned by"}
    await manager.remember("billing owned by Falcon", relations=[{**owned, "object": "Falcon"}])
    event = await manager.remember("The deploy of billing failed.", layer="episodic")
    exported = [from_memory(memory) for memory in await whole(manager)]
    new = await manager.remember("The cache TTL is 30 minutes.", layer="semantic", replaces=old.id)
    eagle = await manager.remember("billing owned by Eagle", relations=[{**owned, "object": "Eagle"}])
    report = await manager.load(exported)
    assert (report.stored, report.duplicates) == (0, 3)
    assert {memory.id for memory in await manager.list_memories()} == {event.id, new.id, eagle.id}
    check_store(database_url)


async def test_what_is_told_again_after_it_was_replaced_is_a_memory_of_its_own_in_an_export(
    manager: MemoryManager, database_url: str
) -> None:
    first = await manager.remember("The cache TTL is 15 minutes.", layer="semantic")
    second = await manager.remember("The cache TTL is 30 minutes.", layer="semantic", replaces=first.id)
    third = await manager.remember("The cache TTL is 15 minutes.", layer="semantic", replaces=second.id)
    before = await whole(manager)
    for memory in reversed(before):
        await manager.forget(memory.id)
    report = await manager.load([from_memory(memory) for memory in before], keep_ids=True)
    assert report.stored == 3
    assert [memory.id for memory in await manager.list_memories()] == [third.id]
    assert (await manager.load([from_memory(memory) for memory in before])).duplicates == 3
    check_store(database_url)


async def test_lines_without_times_are_the_same_whenever_they_are_imported(
    manager: MemoryManager, database_url: str
) -> None:
    lines = [
        MemoryRecord("payments runs on eu-1", "owner/project", layer="graph", relations=[runs_on("eu-1")]),
        MemoryRecord("payments runs on eu-2", "owner/project", layer="graph", relations=[runs_on("eu-2")]),
        MemoryRecord("The job 7 failed on runner 2.", "owner/project", layer="episodic"),
    ]
    assert (await manager.load(lines)).stored == 3
    live = [memory.content for memory in await manager.list_memories()]
    ask(database_url, "UPDATE athena.memories SET created_at = created_at - interval '1 hour'")
    for _ in range(2):
        report = await manager.load(lines)
        assert (report.stored, report.duplicates) == (0, 3)
        assert [memory.content for memory in await manager.list_memories()] == live
    assert "payments runs on eu-2" in live
    check_store(database_url)


def runs_on(host: str) -> dict[str, str]:
    return {"subject": "payments", "relation": "runs on", "object": host}
