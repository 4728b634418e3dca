"""Reports on tasks and procedures."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from athena_mcp.errors import InvalidArgument
from athena_mcp.manager import MemoryManager
from athena_mcp.model import (
    EpisodicDetails,
    Layer,
    Outcome,
    Priority,
    ProceduralDetails,
    ProspectiveDetails,
    TaskStatus,
)
from athena_mcp.receipt import Receipt
from tests.db.stores import row_counts

pytestmark = pytest.mark.anyio


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


async def test_a_task_that_is_put_off_is_not_due_by_an_earlier_trigger(shared: MemoryManager, project: str) -> None:
    triggers = [{"on": "time", "value": value} for value in ("2026-01-01", "2090-06-01")]
    triggers.append({"on": "phrase", "value": "audit table"})
    task = await shared.remember("Prune it.", layer="prospective", details={"triggers": triggers}, project=project)
    assert [row.memory.id for row in (await shared.recall("lunch", project=project)).due] == [task.id]
    await shared.remember("Not before 2090.", about=task.id, details={"due_at": "2090-01-01"}, project=project)
    assert (await shared.recall("lunch", project=project)).due == ()
    assert [row.memory.id for row in (await shared.recall("the audit table", project=project)).due] == [task.id]
    left = (await shared.get(task.id, project=project)).details
    assert isinstance(left, ProspectiveDetails)
    assert left.due_at == datetime(2090, 1, 1, tzinfo=UTC)
    assert sorted(trigger.on.value for trigger in left.triggers) == ["phrase", "time"]


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
