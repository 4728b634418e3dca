from __future__ import annotations

import dataclasses
import json
import threading
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import anyio
import anyio.to_thread
import pytest

from athena_mcp.app import App, open_app
from athena_mcp.config import Settings
from athena_mcp.embed.embedder import EmbedderHandle
from athena_mcp.embed.static import DIMENSION, NAME, StaticEmbedder
from athena_mcp.errors import DeadlineExceeded, EmbedderUnavailable, InvalidArgument
from athena_mcp.manager import MemoryManager
from athena_mcp.model import (
    EpisodicDetails,
    EpisodicKind,
    GraphDetails,
    Layer,
    Outcome,
    Priority,
    ProceduralDetails,
    ProspectiveDetails,
    SemanticDetails,
    SemanticKind,
    TaskStatus,
    Trigger,
    TriggerKind,
)
from athena_mcp.receipt import Receipt
from athena_mcp.remember.redact import Hints, Redacted, Redactor
from athena_mcp.remember.request import check_request
from tests.conftest import PROJECT
from tests.db.invariants import check_store
from tests.db.stores import ask, row_counts, whole_text

pytestmark = pytest.mark.anyio


async def test_each_layer_keeps_its_details_and_gives_them_back(shared: MemoryManager, project: str) -> None:
    asked: dict[str, tuple[dict[str, Any], object]] = {
        "episodic": (
            {"kind": "test_run", "outcome": "partial", "files": ["src/a.py", 'odd "name"{,}\\.py', "src/a.py"]},
            EpisodicDetails(EpisodicKind.TEST_RUN, Outcome.PARTIAL, ("src/a.py", 'odd "name"{,}\\.py')),
        ),
        "semantic": (
            {"kind": "decision", "confidence": 0, "source": "ADR 4"},
            SemanticDetails(SemanticKind.DECISION, 0.0, "ADR 4"),
        ),
        "procedural": (
            {"steps": ["build", "build", "push; drop"], "applies_when": "releasing"},
            ProceduralDetails(("build", "build", "push; drop"), "releasing"),
        ),
        "prospective": (
            {
                "status": "blocked", "priority": "critical", "due_at": "2031-02-03T04:05:06+01:00",
                "triggers": [
                    {"on": "time", "value": "2031-01-01"}, {"on": "file", "value": "src/*.py"},
                    {"on": "branch", "value": "release/*"}, {"on": "phrase", "value": " rate limit "},
                ],
            },
            ProspectiveDetails(
                TaskStatus.BLOCKED, Priority.CRITICAL, datetime(2031, 2, 3, 3, 5, 6, tzinfo=UTC),
                (
                    Trigger(TriggerKind.TIME, "2031-01-01T00:00:00Z"), Trigger(TriggerKind.FILE, "src/*.py"),
                    Trigger(TriggerKind.BRANCH, "release/*"), Trigger(TriggerKind.PHRASE, "rate limit"),
                ),
            ),
        ),
        "graph": ({}, GraphDetails()),
    }  # fmt: skip
    for layer, (details, kept) in asked.items():
        receipt = await shared.remember(f"Something for {layer}.", layer=layer, details=details, project=project)
        memory = await shared.get(receipt.id, project=project)
        assert (memory.layer, memory.details) == (Layer(layer), kept)


async def test_a_memory_comes_back_as_it_was_told(shared: MemoryManager, shared_app: App, project: str) -> None:
    receipt = await shared.remember(
        "  Größe 尺寸 🦉 \n\t'; DROP TABLE athena.memories; -- %s {}  ",
        layer="semantic",
        tags=[" api ", 'quote"d {tag},', "back\\slash", "api", "NULL"],
        importance=1,
        occurred_at="2026-01-31T10:00:00.123456+01:00",
        session_id="session-7",
        key="the key",
        relations=[{"subject": "A b", "relation": "knows", "object": "C"}],
        project=project,
    )
    memory = await shared.get(receipt.id, project=project)
    assert memory.content == "Größe 尺寸 🦉 \n\t'; DROP TABLE athena.memories; -- %s {}"
    assert memory.tags == ("api", 'quote"d {tag},', "back\\slash", "NULL")
    assert memory.importance == 1.0
    assert memory.occurred_at == datetime(2026, 1, 31, 9, 0, 0, 123456, tzinfo=UTC)
    assert (memory.session_id, memory.key, memory.project) == ("session-7", "the key", project)
    assert [edge.to_dict() for edge in memory.relations] == [{"subject": "A b", "relation": "knows", "object": "C"}]
    assert memory.superseded_by is None
    bare = await shared.get((await shared.remember("Bare.", layer="semantic", project=project)).id, project=project)
    assert bare.session_id == shared_app.session_id
    assert (bare.tags, bare.importance, bare.occurred_at, bare.key) == ((), 0.5, None, None)


async def test_the_longest_of_everything_is_kept(shared: MemoryManager, project: str) -> None:
    receipt = await shared.remember(
        "尺" * 16_384,
        layer="procedural",
        tags=[f"{i:02}" + "ü" * 62 for i in range(32)],
        session_id="ß" * 200,
        key="ß" * 200,
        project=project,
        details={"steps": ["步" * 2_000] * 100, "applies_when": "時" * 2_000},
        relations=[{"subject": f"{i}" + "名" * 195, "relation": "系" * 200, "object": "物" * 200} for i in range(100)],
    )
    memory = await shared.get(receipt.id, project=project)
    assert len(memory.content) == 16_384
    assert len(memory.tags) == 32
    assert len(memory.relations) == 100
    assert receipt.status == "stored"


async def test_the_receipt_says_which_layer_was_chosen_and_why(shared: MemoryManager, project: str) -> None:
    chosen = (await shared.remember("The build failed because the disk was full.", project=project)).to_dict()
    assert list(chosen) == ["id", "layer", "status", "project", "layer_reason", "indexed"]
    assert (chosen["layer"], chosen["status"], chosen["project"]) == ("episodic", "stored", project)
    assert chosen["indexed"] == {"lexical": True, "vector": True}
    given = (
        await shared.remember("The build failed because the disk was full.", layer="semantic", project=project)
    ).to_dict()
    assert "layer_reason" not in given
    kind = await shared.remember("The parser is strict.", details={"kind": "test_run"}, project=project)
    assert kind.layer is Layer.EPISODIC
    kind = await shared.remember("The build is slow.", details={"kind": "preference"}, project=project)
    assert kind.layer is Layer.SEMANTIC


async def test_the_same_text_is_stored_once(shared: MemoryManager, project: str) -> None:
    first = await shared.remember("Caf\u00e9 opens at  nine.", layer="semantic", project=project)
    for same in ("Cafe\u0301 opens at nine.", "\nCaf\u00e9\topens at nine. "):
        again = await shared.remember(same, layer="semantic", project=project)
        assert (again.status, again.id, again.layer) == ("duplicate", first.id, Layer.SEMANTIC)
        assert not again.content_differs
        assert again.vector
    others = [
        await shared.remember("CAF\u00c9 opens at nine.", layer="semantic", project=project),
        await shared.remember("Caf\u00e9 opens at nine.", layer="procedural", project=project),
        await shared.remember("Caf\u00e9 opens at nine.", layer="semantic", project=f"{project}/other"),
    ]
    assert [other.status for other in others] == ["stored"] * 3
    assert len({first.id, *(other.id for other in others)}) == 4


async def test_an_event_is_the_same_only_at_the_same_time(shared: MemoryManager, shared_url: str, project: str) -> None:
    async def tell(occurred_at: str | None) -> tuple[str, int]:
        receipt = await shared.remember("Deployed.", layer="episodic", occurred_at=occurred_at, project=project)
        return receipt.status, receipt.id

    _, monday = await tell("2026-01-05T10:00:00Z")
    assert await tell("2026-01-05T11:00:00+01:00") == ("duplicate", monday)
    status, tuesday = await tell("2026-01-06T10:00:00Z")
    assert (status, tuesday != monday) == ("stored", True)
    status, now = await tell(None)
    assert status == "stored"
    assert await tell(None) == ("duplicate", now)
    ask(shared_url, "UPDATE athena.memories SET created_at = created_at - interval '61 seconds' WHERE id = %s", now)
    status, later = await tell(None)
    assert (status, later != now) == ("stored", True)


async def test_a_key_makes_a_retry_the_same_memory_and_says_when_the_text_is_not(
    shared: MemoryManager, project: str
) -> None:
    first = await shared.remember("Version one.", key="k-1", project=project)
    retry = await shared.remember("Version one.", key="k-1", project=project)
    assert (retry.status, retry.id, retry.content_differs) == ("duplicate", first.id, False)
    other = await shared.remember("Version two.", key="k-1", project=project)
    assert (other.status, other.id, other.content_differs) == ("duplicate", first.id, True)
    assert other.to_dict()["content_differs"] is True
    assert (await shared.get(first.id, project=project)).content == "Version one."
    elsewhere = await shared.remember("Version two.", key="k-1", project=f"{project}/other")
    assert elsewhere.status == "stored"
    newer = await shared.remember("Version three.", replaces=first.id, project=project)
    late = await shared.remember("Version one.", key="k-1", project=project)
    assert (late.status, late.id) == ("duplicate", first.id)
    assert newer.supersedes == (first.id,)


async def test_what_says_nearly_the_same_is_named_and_kept(shared: MemoryManager, project: str) -> None:
    first = await shared.remember("The staging database listens on port 5433.", layer="semantic", project=project)
    near = await shared.remember("The staging database listens on port 5433!", layer="semantic", project=project)
    assert near.status == "stored"
    assert near.near_duplicates == (first.id,)
    other_number = await shared.remember(
        "The staging database listens on port 5434.", layer="semantic", project=project
    )
    assert other_number.near_duplicates == (first.id,), "one of them is likely out of date"
    event = "Run 5433 of the nightly job took a long while."
    await shared.remember(event, layer="episodic", project=project)
    later = await shared.remember(event.replace("5433", "5434"), layer="episodic", project=project)
    assert later.near_duplicates == (), "events differ in their numbers"
    far = await shared.remember("Invoices are numbered by country.", layer="semantic", project=project)
    assert far.near_duplicates == ()


async def test_a_replaced_memory_stays_in_history_and_names_its_successor(shared: MemoryManager, project: str) -> None:
    first = await shared.remember("Port 5432.", layer="semantic", project=project)
    second = await shared.remember("Port 5433.", layer="semantic", replaces=first.id, project=project)
    third = await shared.remember("Port 5434.", layer="semantic", replaces=second.id, project=project)
    assert (second.supersedes, third.supersedes) == ((first.id,), (second.id,))
    assert third.to_dict()["supersedes"] == [second.id]
    with pytest.raises(InvalidArgument, match=rf"already replaced by {second.id}; replace that one") as raised:
        await shared.remember("Port 5435.", layer="semantic", replaces=first.id, project=project)
    assert raised.value.argument == "replaces"
    old = await shared.get(first.id, project=project)
    assert old.superseded_by == second.id
    assert old.superseded_at is not None
    # What was said before may be true again.
    again = await shared.remember("Port 5432.", layer="semantic", replaces=third.id, project=project)
    assert again.status == "stored"
    live = await shared.list_memories(project=project)
    assert [memory.id for memory in live] == [again.id]
    assert len(await shared.list_memories(project=project, include_superseded=True)) == 4


async def test_a_replacement_that_exists_already_takes_the_old_ones_place(shared: MemoryManager, project: str) -> None:
    wrong = await shared.remember("Port 5432.", layer="semantic", project=project)
    right = await shared.remember("Port 5433.", layer="semantic", project=project)
    receipt = await shared.remember("Port 5433.", layer="semantic", replaces=wrong.id, project=project)
    assert (receipt.status, receipt.id, receipt.supersedes) == ("duplicate", right.id, (wrong.id,))
    assert (await shared.get(wrong.id, project=project)).superseded_by == right.id
    same = await shared.remember("Port 5433.", layer="semantic", replaces=right.id, project=project)
    assert (same.status, same.id, same.supersedes) == ("duplicate", right.id, ())
    assert (await shared.get(right.id, project=project)).superseded_at is None


async def test_replacing_reaches_global_memories_but_no_other_project(shared: MemoryManager, project: str) -> None:
    everywhere = await shared.remember(f"Old rule of {project}.", layer="semantic", project="global")
    receipt = await shared.remember("New rule.", layer="semantic", replaces=everywhere.id, project=project)
    assert (receipt.supersedes, receipt.project) == ((everywhere.id,), "global"), "what holds everywhere stays so"
    assert (await shared.get(receipt.id, project=f"{project}/other")).content == "New rule."
    mine = await shared.remember("Mine.", layer="semantic", project=project)
    points_to_it: tuple[dict[str, Any], ...] = ({"replaces": mine.id}, {"about": mine.id})
    for link in points_to_it:
        (argument,) = link
        with pytest.raises(InvalidArgument, match="recall it first") as raised:
            await shared.remember("Theirs.", project=f"{project}/other", **link)
        assert raised.value.argument == argument
        with pytest.raises(InvalidArgument) as raised:
            await shared.remember("Theirs.", project="global", **link)
        assert raised.value.argument == argument
    assert (await shared.get(mine.id, project=project)).superseded_at is None


async def test_two_who_replace_the_same_memory_at_once_cannot_both(manager: MemoryManager, database_url: str) -> None:
    old = await manager.remember("Port 5432.", layer="semantic")
    outcomes: list[object] = []

    async def replace_it(number: int) -> None:
        try:
            outcomes.append((await manager.remember(f"Port {number}.", layer="semantic", replaces=old.id)).id)
        except InvalidArgument as error:
            outcomes.append(error)

    async with anyio.create_task_group() as tasks:
        for number in range(8):
            tasks.start_soon(replace_it, number)
    stored = [outcome for outcome in outcomes if isinstance(outcome, int)]
    assert len(stored) == 1
    assert all(f"replaced by {stored[0]}" in str(outcome) for outcome in outcomes if not isinstance(outcome, int))
    assert ask(database_url, "SELECT count(*) FROM athena.memories") == [(2,)]
    check_store(database_url)


async def test_a_report_gives_a_task_its_status(shared: MemoryManager, project: str) -> None:
    task = await shared.remember("Migrate billing to the timer.", layer="prospective", project=project)
    report = await shared.remember(
        "Billing now runs as a timer.",
        about=task.id,
        details={"status": "completed", "outcome": "success"},
        project=project,
    )
    assert report.layer is Layer.EPISODIC
    assert report.updated == {"id": task.id, "status": "completed"}
    assert report.to_dict()["updated"] == {"id": task.id, "status": "completed"}
    details = (await shared.get(task.id, project=project)).details
    assert isinstance(details, ProspectiveDetails)
    assert details.status is TaskStatus.COMPLETED
    kept = await shared.get(report.id, project=project)
    assert kept.about == task.id
    assert kept.details == EpisodicDetails(outcome=Outcome.SUCCESS)
    plain = await shared.remember("Billing looks fine.", about=task.id, project=project)
    assert plain.updated is None


async def test_a_report_puts_a_task_off(shared: MemoryManager, project: str) -> None:
    task = await shared.remember(
        "Renew the certificate.",
        layer="prospective",
        details={"due_at": "2026-01-01", "priority": "high"},
        project=project,
    )

    async def due() -> list[int]:
        return [row.memory.id for row in (await shared.recall("certificate", project=project)).due]

    async def report(text: str, **details: str) -> Receipt:
        return await shared.remember(text, about=task.id, details=details, project=project)

    assert await due() == [task.id]
    later = await report("Put off until the new CA is there.", due_at="2090-01-31T12:00:00+02:00")
    assert (later.layer, later.updated) == (Layer.EPISODIC, {"id": task.id, "due_at": "2090-01-31T10:00:00Z"})
    assert await due() == []
    moved = (await shared.get(task.id, project=project)).details
    assert isinstance(moved, ProspectiveDetails)
    assert (moved.due_at, moved.priority, moved.status) == (
        datetime(2090, 1, 31, 10, tzinfo=UTC), Priority.HIGH, TaskStatus.PENDING
    )  # fmt: skip
    # What was told a moment ago is not told twice; that the time is another one is not kept quiet.
    again = await report("Put off until the new CA is there.", due_at="2090-01-31T12:00:00+02:00")
    assert (again.status, again.not_stored) == ("duplicate", ())
    other = await report("Put off until the new CA is there.", due_at="2091-01-31")
    assert (other.status, other.not_stored) == ("duplicate", ("details",))
    both = await report("The CA is there, on it.", due_at="2026-02-01", status="in_progress")
    assert both.updated == {"id": task.id, "status": "in_progress", "due_at": "2026-02-01T00:00:00Z"}
    assert await due() == [task.id]
    await report("Renewed.", status="completed")
    with pytest.raises(InvalidArgument, match="is finished") as raised:
        await report("In a year again.", due_at="2091-01-01")
    assert raised.value.argument == "details.due_at"
    reopened = await report("In a year again.", due_at="2026-03-01", status="pending")
    assert reopened.updated == {"id": task.id, "status": "pending", "due_at": "2026-03-01T00:00:00Z"}
    assert await due() == [task.id]


async def test_who_wants_more_of_a_task_changed_is_told_one_way_there(shared: MemoryManager, project: str) -> None:
    task = await shared.remember("Renew the domain.", layer="prospective", project=project)
    with pytest.raises(InvalidArgument) as raised:
        await shared.remember("More urgent now.", about=task.id, details={"priority": "high"}, project=project)
    assert f"replaces={task.id}" in str(raised.value)
    assert "give layer" not in str(raised.value)
    with pytest.raises(InvalidArgument, match="replaces instead of about"):
        await shared.remember("Renew the domain.", about=task.id, layer="prospective", project=project)
    replacing = await shared.remember(
        "Renew the domain.", replaces=task.id, layer="prospective", details={"priority": "high"}, project=project
    )
    assert (replacing.status, replacing.supersedes) == ("stored", (task.id,))


async def test_a_task_that_recurs_states_its_relations_anew(manager: MemoryManager) -> None:
    relations = [{"subject": "backup", "relation": "depends on", "object": "S3"}]
    first = await manager.remember("Check the backup.", layer="prospective", relations=relations)
    await manager.remember("Done.", about=first.id, details={"status": "completed"})
    again = await manager.remember("Check the backup.", layer="prospective", relations=relations)
    assert (again.status, again.supersedes) == ("stored", (first.id,))
    stored = await manager.get(again.id)
    assert [relation.to_dict() for relation in stored.relations] == relations


async def test_the_same_report_about_two_tasks_is_two_reports(shared: MemoryManager, project: str) -> None:
    tasks = [
        await shared.remember(text, layer="prospective", project=project)
        for text in ("Rotate the key.", "Renew the certificate.", "Bump the driver.", "Drop the view.")
    ]
    for occurred_at, pair in ((None, tasks[:2]), ("2026-01-31", tasks[2:])):
        for task in pair:
            report = await shared.remember(
                "Done.", about=task.id, details={"status": "completed"}, occurred_at=occurred_at, project=project
            )
            assert report.status == "stored"
            assert report.updated == {"id": task.id, "status": "completed"}
            again = await shared.remember(
                "Done.", about=task.id, details={"status": "completed"}, occurred_at=occurred_at, project=project
            )
            assert (again.status, again.id) == ("duplicate", report.id)
    for task in tasks[2:]:
        assert (await shared.forget(task.id, project=project)).ids == (task.id,)


async def test_a_report_counts_a_procedures_runs(shared: MemoryManager, project: str) -> None:
    how = await shared.remember("Deploy by tag.", layer="procedural", project=project)

    async def run(text: str, outcome: str) -> object:
        return (await shared.remember(text, about=how.id, details={"outcome": outcome}, project=project)).updated

    assert await run("It worked.", "success") == {"id": how.id, "successes": 1, "failures": 0}
    assert await run("It worked again.", "success") == {"id": how.id, "successes": 2, "failures": 0}
    assert await run("Broke.", "failure") == {"id": how.id, "successes": 2, "failures": 1}
    assert await run("Half of it.", "partial") is None
    assert await run("It worked.", "success") is None  # told twice within a minute
    details = (await shared.get(how.id, project=project)).details
    assert details == ProceduralDetails((), None, 2, 1)


async def test_a_report_that_cannot_be_applied_is_refused_whole(manager: MemoryManager, database_url: str) -> None:
    fact = await manager.remember("Port 5432.", layer="semantic")
    task = await manager.remember("Move the port.", layer="prospective")
    before = row_counts(database_url)
    for about, details, argument in (
        (fact.id, {"status": "completed"}, "details.status"),
        (fact.id, {"due_at": "2030-01-01"}, "details.due_at"),
        (task.id, {"due_at": "soon"}, "details.due_at"),
        (task.id, {"status": "finished"}, "details.status"),
        (task.id, {"outcome": "great"}, "details.outcome"),
        (task.id, {"priority": "high"}, "details.priority"),
        (task.id, {"steps": ["one"]}, "details.steps"),
        (10**6, {"status": "completed"}, "about"),
    ):
        with pytest.raises(InvalidArgument) as raised:
            await manager.remember("A report.", about=about, details=details)
        assert raised.value.argument == argument
    with pytest.raises(InvalidArgument) as raised:
        await manager.remember("A report.", about=task.id, layer="semantic")
    assert raised.value.argument == "layer"
    with pytest.raises(InvalidArgument) as raised:
        await manager.remember("A report.", about=task.id, replaces=fact.id)
    assert raised.value.argument == "replaces"
    assert row_counts(database_url) == before


def edge(subject: str, relation: str, to: str) -> dict[str, str]:
    return {"subject": subject, "relation": relation, "object": to}


async def test_an_entity_is_recognised_in_every_spelling(shared: MemoryManager, shared_url: str, project: str) -> None:
    for number, name in enumerate(("AuthService", "auth-service", "the auth service", "AUTH_SERVICE")):
        await shared.remember(f"Edge {number}.", relations=[edge(name, "calls", f"backend {number}")], project=project)
    found = ask(
        shared_url,
        "SELECT e.name FROM athena.entities e JOIN athena.projects p ON p.id = e.project_id"
        " WHERE p.name = %s AND e.name_key = 'auth service'",
        project,
    )
    assert found == [("AuthService",)]


async def test_stating_a_single_valued_relation_anew_ends_the_former(shared: MemoryManager, project: str) -> None:
    async def tell(text: str, *edges: dict[str, str], layer: str = "graph") -> Any:
        return await shared.remember(text, layer=layer, relations=edges, project=project)

    first = await tell("Billing runs on alpha.", edge("Billing", "runs on", "alpha"))
    both = await tell(
        "Search runs on alpha, owned by Ada.", edge("Search", "runs_on", "alpha"), edge("Search", "owned by", "Ada")
    )
    fact = await tell("As a fact.", edge("Queue", "runs on", "alpha"), layer="semantic")
    many = await tell("Billing calls Search.", edge("Billing", "calls", "Search"))

    moved = await tell("Billing moved to beta.", edge("the billing", "runsOn", "beta"))
    assert moved.supersedes == (first.id,)
    assert (await shared.get(first.id, project=project)).superseded_by == moved.id

    half = await tell("Search moved to beta.", edge("search", "RUNS-ON", "beta"))
    assert half.supersedes == ()
    left = await shared.get(both.id, project=project)
    assert left.superseded_at is None
    assert [relation.relation for relation in left.relations] == ["owned by"]
    whole = await tell("Grace owns Search.", edge("Search", "owned by", "Grace"))
    assert whole.supersedes == (both.id,)

    elsewhere = await tell("Queue moved to beta.", edge("Queue", "runs on", "beta"))
    assert elsewhere.supersedes == ()
    queue = await shared.get(fact.id, project=project)
    assert (queue.superseded_at, queue.relations) == (None, ())

    more = await tell("Billing calls Ledger.", edge("Billing", "calls", "Ledger"))
    assert more.supersedes == ()
    assert (await shared.get(many.id, project=project)).superseded_at is None

    same = await tell("Billing is on beta, as said.", edge("Billing", "runs on", "Beta"))
    assert same.supersedes == ()


SECRETS = {
    "aws": "AKIAIOSFODNN7EXAMPLF",
    "github": "ghp_" + "aB3dE5fG7hJ9kL1mN3pQ5rS7tU9vW1xY3zA5",
    "password": "s3cr3t-Tr0ub4dor",
}


async def test_no_secret_reaches_any_table(manager: MemoryManager, database_url: str) -> None:
    aws, github = SECRETS["aws"], SECRETS["github"]
    receipts = [
        await manager.remember(
            f"The key is {aws} and the URL postgresql://ada:{SECRETS['password']}@db/app.",
            layer="semantic",
            tags=[f"t {aws}"],
            details={"source": f"mail with {github}"},
            relations=[edge(f"key {aws}", "belongs to", f"token {github}")],
        ),
        await manager.remember(
            "A run.", layer="episodic", details={"files": [f"dump-{github}.txt"]},
        ),
        await manager.remember(
            "A way.", layer="procedural", details={"steps": [f"export TOKEN={github}"], "applies_when": aws},
        ),
        await manager.remember(
            "A task.", layer="prospective", details={"triggers": [{"on": "phrase", "value": f"use {github}"}]},
        ),
    ]  # fmt: skip
    stored = whole_text(database_url)
    for name, secret in SECRETS.items():
        assert secret not in stored, name
        assert secret.lower() not in stored.lower(), name
    assert "[redacted:" in stored
    for receipt in receipts:
        assert sum(receipt.redactions.values()) > 0
    assert sum(receipts[0].redactions.values()) >= 5
    assert sum(receipts[0].to_dict()["redactions"].values()) >= 5
    again = await manager.remember("A run.", layer="episodic", details={"files": [f"dump-{github}.txt"]})
    assert again.status == "duplicate"
    assert again.redactions
    names: tuple[dict[str, Any], ...] = ({"key": github}, {"session_id": github}, {"project": github})
    for name_given in names:
        (argument,) = name_given
        with pytest.raises(InvalidArgument) as raised:
            await manager.remember("Named.", **name_given)
        assert raised.value.argument == argument
        assert github not in str(raised.value)
    assert github not in whole_text(database_url)


async def test_a_marker_longer_than_its_secret_breaks_no_limit(manager: MemoryManager, database_url: str) -> None:
    before = row_counts(database_url)
    secret = "password=hunter2x"
    filler = "x" * (200 - len(secret) - 1)
    cases: tuple[tuple[dict[str, Any], str], ...] = (
        ({"content": "x" * (16_384 - len(secret) - 1) + " " + secret}, "content"),
        ({"content": "c", "tags": ["x" * (64 - len(secret) - 1) + " " + secret]}, "tags"),
        ({"content": "c", "relations": [edge(f"{filler} {secret}", "is", "b")]}, "relations"),
        ({"content": "c", "relations": [edge("a", "is", f"{filler} {secret}")]}, "relations"),
        ({"content": "c", "details": {"source": "x" * 1_980 + " " + secret}}, "details.source"),
    )
    for arguments, argument in cases:
        try:
            await manager.remember(layer="semantic", **arguments)
        except InvalidArgument as error:
            assert error.argument.startswith(argument)  # noqa: PT017  # either is fine, an accident is not
            assert row_counts(database_url)["memories"] == before["memories"]
        else:
            await manager.forget((await manager.list_memories())[0].id)


async def test_a_store_without_an_embedder_catches_up_when_there_is_one(
    settings: Settings, static_embedder: StaticEmbedder, database_url: str
) -> None:
    def broken() -> StaticEmbedder:
        raise EmbedderUnavailable("It is not installed.")

    handle = EmbedderHandle(broken, name=NAME, dimension=DIMENSION)
    async with open_app(settings, embedder=lambda: handle) as app:
        manager = await app.manager()
        await app.warmed()
        receipt = await manager.remember("The staging database listens on port 5433.")
        how = await manager.remember("Release.", layer="procedural", details={"steps": ["drain the connection pool"]})
        assert receipt.to_dict()["indexed"] == {"lexical": True, "vector": False}
        assert not (await manager.remember("The staging database listens on port 5433.")).vector
    assert ask(database_url, "SELECT count(*) FROM athena.vectors") == [(0,)]

    warm = EmbedderHandle(lambda: static_embedder, name=NAME, dimension=DIMENSION)
    async with open_app(settings, embedder=lambda: warm) as app:
        manager = await app.manager()
        with anyio.fail_after(20):
            while ask(database_url, "SELECT count(*) FROM athena.vectors") != [(2,)]:  # noqa: ASYNC110  # seen from outside
                await anyio.sleep(0.01)  # between two looks from outside
        assert (await manager.remember("The staging database listens on port 5433.")).vector
        text = "Release.\ndrain the connection pool"
        (vector,) = await static_embedder.embed([text])
        cosine = ask(
            database_url,
            "SELECT 1 - (embedding::vector <=> %s::vector) FROM athena.vectors WHERE memory_id = %s",
            json.dumps([float(value) for value in vector]),
            how.id,
        )
        assert cosine[0][0] > 0.999  # what was embedded is what `remember` embeds
    check_store(database_url)


async def test_the_receipt_tells_the_truth_about_a_text_that_cannot_be_embedded(
    shared: MemoryManager, shared_url: str, project: str
) -> None:
    receipt = await shared.remember("\u2042\u2042", layer="semantic", project=project)
    stored = ask(shared_url, "SELECT count(*) FROM athena.vectors WHERE memory_id = %s", receipt.id)
    assert receipt.vector is (stored == [(1,)])


async def test_two_servers_that_write_at_once_lose_and_double_nothing(
    settings: Settings, static_embedder: StaticEmbedder, database_url: str
) -> None:
    handle = EmbedderHandle(lambda: static_embedder, name=NAME, dimension=DIMENSION)
    statuses: list[str] = []
    ids: set[int] = set()

    async def write(manager: MemoryManager, texts: list[str]) -> None:
        for text in texts:
            receipt = await manager.remember(
                text, layer="semantic", relations=[edge("Billing", "calls", text)] if text.endswith("7") else ()
            )
            statuses.append(receipt.status)
            ids.add(receipt.id)

    async with (
        open_app(settings, embedder=lambda: handle) as one,
        open_app(replace(settings, project="owner/project"), embedder=lambda: handle) as other,
    ):
        with anyio.fail_after(60):
            async with anyio.create_task_group() as tasks:
                for name, app in (("one", one), ("other", other)):
                    manager = await app.manager()
                    await app.warmed()
                    texts = [f"Fact {number} of {name}" for number in range(100)]
                    shared_texts = [f"Fact {number} of both" for number in range(50)]
                    for part in range(4):
                        tasks.start_soon(write, manager, texts[part::4])
                    tasks.start_soon(write, manager, shared_texts)
    assert statuses.count("stored") == 250
    assert statuses.count("duplicate") == 50
    assert len(ids) == 250
    assert ask(database_url, "SELECT sum(memories)::bigint FROM athena.layer_totals") == [(250,)]
    check_store(database_url)


async def test_a_cancelled_remember_leaves_nothing_or_everything(manager: MemoryManager, database_url: str) -> None:
    await manager.remember("Warm.", layer="semantic")
    for number in range(40):
        with anyio.move_on_after(number / 4000), suppress(DeadlineExceeded):
            await manager.remember(
                f"Memory {number} of an impatient caller.",
                layer="procedural",
                details={"steps": ["one", "two"]},
                relations=[edge("Caller", "runs on", f"host {number}")],
            )
    check_store(database_url)
    assert (await manager.remember("Still working.", layer="semantic")).status == "stored"


async def test_writers_of_one_project_and_of_global_memories_never_wait_for_each_other_in_a_ring(
    manager: MemoryManager, database_url: str
) -> None:
    """Forgetting a global memory touches those of a project that stand for it, while others write to both."""
    mine = "acme/app"
    await manager.remember("First, so that this project comes before the global one.", project=mine)
    with anyio.fail_after(60):
        for number in range(6):
            texts = [f"Global {number} {i}." for i in range(6)]
            ids = [(await manager.remember(text, layer="semantic", project="global")).id for text in texts]
            for memory_id in ids[:3]:
                await manager.remember(f"About {memory_id}.", about=memory_id, project=mine)
            async with anyio.create_task_group() as tasks:
                for memory_id in ids[:3]:
                    tasks.start_soon(partial(manager.forget, memory_id, project=mine))
                for memory_id in ids[3:]:
                    text = f"Instead of {memory_id}."
                    tasks.start_soon(partial(manager.remember, text, replaces=memory_id, project=mine))
                    tasks.start_soon(partial(manager.remember, f"More of {memory_id}.", about=memory_id, project=mine))
    check_store(database_url)
    # The first one and eighteen reports on what was forgotten; what replaces a global memory is global.
    of_project = "SELECT project_id, count(*) FROM athena.memories WHERE about_id IS NULL GROUP BY 1 ORDER BY 1"
    assert ask(database_url, of_project) == [(1, 19), (2, 36)]


async def test_a_report_on_a_task_that_was_replaced_is_refused_and_names_its_successor(
    shared: MemoryManager, project: str
) -> None:
    old = await shared.remember("Renew the certificate.", layer="prospective", project=project)
    new = await shared.remember("Renew both certificates.", layer="prospective", replaces=old.id, project=project)
    with pytest.raises(InvalidArgument, match=f"was replaced by {new.id}; report on that one") as raised:
        await shared.remember("Done.", about=old.id, details={"status": "completed"}, project=project)
    assert raised.value.argument == "about"
    report = await shared.remember("Done.", about=new.id, details={"status": "completed"}, project=project)
    assert report.updated == {"id": new.id, "status": "completed"}


async def test_a_duplicate_takes_the_key_so_that_a_retry_finds_it(shared: MemoryManager, project: str) -> None:
    first = await shared.remember("The frontend uses pnpm.", layer="semantic", project=project)
    again = await shared.remember("The frontend uses pnpm.", layer="semantic", key="fe", project=project)
    assert (again.status, again.id, again.updated) == ("duplicate", first.id, {"id": first.id, "key": "fe"})
    retry = await shared.remember("Something else entirely.", layer="semantic", key="fe", project=project)
    assert (retry.status, retry.id) == ("duplicate", first.id)
    other = await shared.remember("The frontend uses pnpm.", layer="semantic", key="other", project=project)
    assert (other.status, other.id, other.not_stored) == ("duplicate", first.id, ("key",))
    assert (await shared.get(first.id, project=project)).key == "fe"


async def test_a_time_of_the_caller_is_kept_to_the_microsecond(shared: MemoryManager, project: str) -> None:
    moment = datetime.now(UTC) - timedelta(days=400)
    receipt = await shared.remember("Precisely.", layer="episodic", occurred_at=moment, project=project)
    assert (await shared.get(receipt.id, project=project)).occurred_at == moment


async def test_a_memory_told_again_takes_over_tags_and_relations_and_names_the_rest(
    manager: MemoryManager, database_url: str
) -> None:
    first = await manager.remember("Billing runs somewhere.", layer="semantic", tags=["a"])
    other = await manager.remember(
        "Billing runs on alpha.",
        layer="graph",
        relations=[{"subject": "Billing", "relation": "runs on", "object": "alpha"}],
    )
    told: dict[str, Any] = {
        "tags": ["a", "kubernetes"],
        "relations": [{"subject": "billing", "relation": "Runs on", "object": "beta"}],
        "importance": 0.9,
        "details": {"confidence": 0.3},
    }
    again = await manager.remember("Billing  runs somewhere.", layer="semantic", **told)
    assert (again.status, again.id) == ("duplicate", first.id)
    assert again.updated == {"id": first.id, "tags": ["kubernetes"], "relations": 1}
    # A relation with one object at a time ends the former, and so replaces what stated nothing else.
    assert again.supersedes == (other.id,)
    assert again.not_stored == ("importance", "details")
    stored = await manager.get(first.id)
    assert stored.tags == ("a", "kubernetes")
    assert [edge.object for edge in stored.relations] == ["beta"]
    assert stored.importance == 0.5
    assert [hit.memory.id for hit in (await manager.recall("kubernetes", k=1)).memories] == [first.id]
    check_store(database_url)

    repeated = await manager.remember("Billing runs somewhere.", layer="semantic", tags=["kubernetes"])
    assert (repeated.status, repeated.updated, repeated.not_stored) == ("duplicate", None, ())


async def test_what_is_the_same_by_its_key_only_or_was_replaced_takes_over_nothing(manager: MemoryManager) -> None:
    first = await manager.remember("One text.", layer="semantic", key="k")
    other = await manager.remember("Another text.", layer="semantic", key="k", tags=["new"])
    assert (other.status, other.updated, other.content_differs) == ("duplicate", None, True)
    await manager.remember("A newer text.", layer="semantic", replaces=first.id)
    late = await manager.remember("One text.", layer="semantic", key="k", tags=["new"])
    assert (late.status, late.id, late.updated) == ("duplicate", first.id, None)
    assert (await manager.get(first.id)).tags == ()


async def test_the_same_text_with_other_details_can_take_the_old_ones_place(
    shared: MemoryManager, project: str
) -> None:
    text = "Renew the certificate of the mail relay."
    old = await shared.remember(text, layer="prospective", details={"due_at": "2026-01-01"}, project=project)
    same = await shared.remember(text, layer="prospective", replaces=old.id, project=project)
    assert (same.status, same.id) == ("duplicate", old.id), "it says nothing else"
    new = await shared.remember(
        text, layer="prospective", details={"due_at": "2027-01-01"}, replaces=old.id, project=project
    )
    assert (new.status, new.supersedes) == ("stored", (old.id,))
    assert (await shared.get(old.id, project=project)).superseded_by == new.id
    heavier = await shared.remember(text, layer="prospective", importance=0.9, replaces=new.id, project=project)
    assert (heavier.status, heavier.supersedes) == ("stored", (new.id,))


async def test_a_long_text_is_searched_for_secrets_beside_the_event_loop(app: App) -> None:
    manager = await app.manager()
    called, went_on = threading.Event(), threading.Event()

    class Waiting(Redactor):
        def redact(self, text: str, hints: Hints | None = None) -> Redacted:
            called.set()
            assert went_on.wait(30), "the event loop waits for it"
            return super().redact(text, hints)

    slow = dataclasses.replace(manager._pipeline, redactor=Waiting())
    request = check_request("A long story. " * 600, project=PROJECT, layer="semantic")

    async def others() -> None:
        await anyio.to_thread.run_sync(called.wait, 30)
        went_on.set()

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(others)
        receipt = await slow.remember(request, session_id="s")
    assert receipt.status == "stored"
