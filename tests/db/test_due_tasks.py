"""Tasks that a recall brings up: because they are due, or because somebody asks for what is open."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from athena_mcp.layers.due import MAX_DUE, MAX_PATTERNS
from athena_mcp.manager import MemoryManager
from tests.db.five_layers import ids

pytestmark = pytest.mark.anyio


async def test_a_task_is_due_by_its_time_file_branch_or_phrase_until_it_is_done(
    shared: MemoryManager, project: str
) -> None:
    past, future = "2020-01-01T00:00:00Z", (datetime.now(UTC) + timedelta(days=30)).isoformat()

    async def task(text: str, **details: object) -> int:
        return (await shared.remember(text, layer="prospective", project=project, details=details)).id

    def on(kind: str, value: str) -> dict[str, Any]:
        return {"triggers": [{"on": kind, "value": value}]}

    overdue = await task("Overdue.", due_at=past, priority="low")
    timed = await task("Timed.", **on("time", past), priority="critical")
    filed = await task("Filed.", **on("file", "src/billing/*.py"))
    branched = await task("Branched.", **on("branch", "release/*"))
    phrased = await task("Phrased.", **on("phrase", "Rate Limit"))
    umlaut = await task("Umlaut.", **on("phrase", "Über Größe"))
    folds = [await task(f"In {place}.", **on("phrase", place)) for place in ("İstanbul", "ΟΔΟΣ", "Straße", "CAFÉ")]
    await task("Later.", due_at=future)
    await task("Later too.", **on("time", future))
    await task("Done long ago.", due_at=past, status="completed")

    async def due(query: str = "unrelated", **context: object) -> list[int]:
        # A session of its own each time: within one, what was said before would still hold.
        given = {"session_id": uuid.uuid4().hex, **context}
        result = await shared.recall(query, given, project=project)
        return [row.memory.id for row in result.due]

    assert await due() == [timed, overdue]
    assert filed in await due(files=["/home/dev/shop/src/billing/ledger.py"])
    assert filed not in await due(files=["src/billing.py"])
    assert branched in await due(branch="release/2.0")
    assert branched not in await due(branch="main")
    assert phrased in await due("where is the rate limit set?")
    assert phrased in await due(task="Raise the RATE LIMIT")
    assert phrased not in await due("rate of the limit")
    for folded, asked in zip(folds, ("istanbul office", "η οδος", "die STRASSE", "cafe\u0301"), strict=True):
        assert folded in await due(asked)
        assert folded not in await due("somewhere else")
    assert umlaut in await due("wir reden über größe")
    result = await shared.recall("unrelated", {"branch": "release/2.0"}, project=project)
    reasons = {row["id"]: row["because"] for row in result.to_dict()["due"]}
    assert reasons[overdue] == "due since 2020-01-01T00:00:00Z"
    assert reasons[timed] == "time has come: 2020-01-01T00:00:00Z"
    assert reasons[branched] == "branch: release/2.0"

    await shared.remember("It is done.", about=overdue, details={"status": "completed"}, project=project)
    await shared.remember("It is started.", about=timed, details={"status": "in_progress"}, project=project)
    assert await due() == [timed]
    await shared.forget(timed, project=project)
    assert await due() == []


async def test_a_word_within_a_word_is_no_phrase(shared: MemoryManager, project: str) -> None:
    details = {"triggers": [{"on": "phrase", "value": "art"}]}
    await shared.remember("Hang the picture.", layer="prospective", project=project, details=details)
    assert (await shared.recall("how does it start?", project=project)).due == ()
    assert len((await shared.recall("is it art?", project=project)).due) == 1


async def test_an_empty_text_clears_what_the_session_said_before(shared: MemoryManager, project: str) -> None:
    details = {"triggers": [{"on": "branch", "value": "release/*"}]}
    await shared.remember("Freeze the changelog.", layer="prospective", project=project, details=details)
    session = f"{project}/session"
    at = {"session_id": session, "branch": "release/4"}
    assert len((await shared.recall("anything at all", at, project=project)).due) == 1
    assert len((await shared.recall("anything at all", {"session_id": session}, project=project)).due) == 1
    assert (await shared.recall("anything at all", {"session_id": session, "branch": ""}, project=project)).due == ()
    assert (await shared.recall("anything at all", {"session_id": session}, project=project)).due == ()


async def test_due_tasks_displace_no_memory(shared: MemoryManager, project: str) -> None:
    for number in range(12):
        details = {"due_at": "2020-01-01", "priority": "high"}
        await shared.remember(f"Task {number}.", layer="prospective", project=project, details=details)
    facts = [(await shared.remember(f"Fact {number}.", layer="semantic", project=project)).id for number in range(3)]
    result = await shared.recall("fact", project=project, k=3, layers=["semantic", "prospective"])
    assert len(result.memories) == 3
    assert set(facts) & set(ids(result))
    assert len(result.due) == 10


async def test_a_long_task_that_is_due_is_cut_and_says_so(shared: MemoryManager, project: str) -> None:
    long = await shared.remember(
        "the runner's disk is full. " * 600, layer="prospective", project=project, details={"due_at": "2020-01-01"}
    )
    (due,) = (await shared.recall("runner", project=project)).to_dict()["due"]
    assert (due["id"], due["truncated"]) == (long.id, True)


async def test_thousands_of_phrases_do_not_hide_what_is_overdue(shared: MemoryManager, project: str) -> None:
    async def task(text: str, **details: object) -> None:
        await shared.remember(text, layer="prospective", project=project, details=details)

    for number in range(MAX_PATTERNS // 100 + 1):
        triggers = [{"on": "phrase", "value": f"词{number}组{place}。"} for place in range(100)]
        await task(f"Check {number}.", priority="high", triggers=triggers)
    await task("Pay the hosting bill.", due_at="2020-01-01", priority="low")
    asked = await shared.recall("weather", project=project)
    assert [row.memory.content for row in asked.due] == ["Pay the hosting bill."]
    said = await shared.recall("about 词7组31。 and more", project=project)
    assert [row.memory.content for row in said.due] == ["Check 7.", "Pay the hosting bill."]
    assert said.due[0].because == "phrase: 词7组31。"


async def test_what_is_long_overdue_does_not_hide_what_waits_for_the_work_at_hand(
    shared: MemoryManager, project: str
) -> None:
    async def task(text: str, **details: object) -> int:
        return (await shared.remember(text, layer="prospective", project=project, details=details)).id

    overdue = [await task(f"Chore {number}.", due_at="2020-01-01") for number in range(MAX_DUE + 3)]
    filed = await task("Check the links.", triggers=[{"on": "file", "value": "docs"}], priority="low")
    branched = await task("Write the notes.", triggers=[{"on": "branch", "value": "release/*"}], priority="high")
    context = {"files": ["docs/x.md"], "branch": "release/2"}
    due = [row.memory.id for row in (await shared.recall("edit the page", context, project=project)).due]
    assert due == [branched, *overdue[: MAX_DUE - 2], filed]
    assert [row.memory.id for row in (await shared.recall("lunch", {"branch": ""}, project=project)).due][:1] != [filed]


async def test_a_task_that_is_due_does_not_hide_that_nothing_fits(shared: MemoryManager, project: str) -> None:
    await shared.remember("The web server listens on port 8080.", layer="semantic", project=project)
    await shared.remember("CI runs the tests on every push to a branch.", layer="semantic", project=project)
    unfit = "Which painter won the tournament?"
    assert (await shared.recall(unfit, project=project)).nothing_relevant
    details = {"due_at": "2026-01-01", "triggers": [{"on": "phrase", "value": "tournament"}]}
    await shared.remember("Ask Tom for the contract.", layer="prospective", project=project, details=details)
    asked_for = await shared.recall(unfit, project=project)
    assert (len(asked_for.due), asked_for.nothing_relevant) == (1, False), "its phrase is in the question"
    by_time = await shared.recall("Who painted the ceiling of the chapel?", project=project)
    assert (len(by_time.due), by_time.nothing_relevant) == (1, True)


@pytest.mark.parametrize(
    "query",
    [
        *("What is left to do?", "what's next?", "open tasks", "Which tasks are pending?", "anything urgent?"),
        *("list all open tasks by priority", "what is still open?", "pending work"),
    ],
)
async def test_who_asks_for_the_open_tasks_gets_them_whatever_their_words(
    shared: MemoryManager, project: str, query: str
) -> None:
    kept = {
        name: (
            await shared.remember(
                text, layer="prospective", details={"priority": priority, "status": status}, project=project
            )
        ).id
        for name, text, priority, status in (
            ("minor", "Tidy the list of open tasks that are left to do.", "low", "pending"),
            ("later", "Order new badges.", "high", "pending"),
            ("urgent", "Rotate the signing certificate.", "critical", "blocked"),
            ("done", "Archive the old dashboards.", "high", "completed"),
        )
    }
    await shared.remember("The dashboards moved to the new cluster.", layer="semantic", project=project)
    result = await shared.recall(query, project=project)
    assert ids(result) == [kept["urgent"], kept["later"], kept["minor"]], "the most urgent first, and nothing else"
    assert not result.nothing_relevant
    assert {hit.confidence for hit in result.memories} == {result.confidence}


async def test_who_asks_for_some_of_the_tasks_gets_those(shared: MemoryManager, project: str) -> None:
    async def task(text: str, **details: object) -> None:
        await shared.remember(text, layer="prospective", project=project, details=details)

    for number in range(6):
        await task(f"Pending {number}.", priority="high")
    await task("Blocked.", status="blocked", priority="low")
    await task("Overdue.", due_at="2020-01-01", priority="low")
    await task("Far off.", due_at="2090-01-01", priority="critical")
    await task("Finished.", status="completed")

    async def listed(query: str) -> list[str]:
        return [hit.memory.content for hit in (await shared.recall(query, project=project)).memories]

    assert await listed("which tasks are blocked?") == ["Blocked."]
    assert await listed("what are my overdue tasks?") == ["Overdue."]
    assert await listed("what is due today?") == ["Overdue."]
    assert await listed("which tasks are due next?") == ["Overdue.", "Far off."]
    assert await listed("which tasks are done already?") == ["Finished."]
    assert await listed("completed tasks") == ["Finished."]
    assert (await listed("open tasks"))[:2] == ["Far off.", "Pending 5."]


async def test_a_question_about_something_does_not_list_all_open_tasks(shared: MemoryManager, project: str) -> None:
    await shared.remember("Tidy the changelog.", layer="prospective", project=project)
    wanted = await shared.remember("Finish the billing migration.", layer="prospective", project=project)
    result = await shared.recall("What is left to do on the billing migration?", project=project, k=1)
    assert ids(result) == [wanted.id]
