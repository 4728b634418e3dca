from __future__ import annotations

import copy
import uuid
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import anyio
import psycopg
import pytest

from athena_mcp.app import App, open_app
from athena_mcp.config import Settings
from athena_mcp.embed.embedder import EmbedderHandle
from athena_mcp.embed.static import DIMENSION, NAME, StaticEmbedder
from athena_mcp.errors import EmbedderUnavailable, RecallFailed
from athena_mcp.manager import MemoryManager
from athena_mcp.model import Layer, RecallResult
from tests.db.stores import ask, row_counts

pytestmark = pytest.mark.anyio

ALL = [layer.value for layer in Layer]


def ids(result: RecallResult) -> list[int]:
    return [hit.memory.id for hit in result.memories]


def statuses(result: RecallResult) -> dict[str, str]:
    return {layer.value: outcome.status for layer, outcome in result.layers.items()}


async def fill(manager: MemoryManager, project: str) -> dict[str, int]:
    """A memory in each layer, by the layer's name."""
    kept = {
        "episodic": "The nightly build failed because the runner was out of disk.",
        "semantic": "The build cache lives on the runner's disk.",
        "procedural": "To free the runner's disk, prune the build cache.",
        "prospective": "Add an alert for the runner's disk.",
        "graph": "The runner builds the billing service.",
    }
    edge = {"subject": "Runner", "relation": "builds", "object": "Billing Service"}
    return {
        layer: (
            await manager.remember(
                text, layer=layer, project=project, relations=[edge] if layer == "graph" else ()
            )
        ).id
        for layer, text in kept.items()
    }  # fmt: skip


async def test_the_answer_has_the_shape_of_the_contract(shared: MemoryManager, project: str) -> None:
    kept = await fill(shared, project)
    query = "why did the build fail on the runner's disk?"
    result = await shared.recall(query, project=project, k=3, layers=ALL, cascade_depth=1)
    answer = result.to_dict()
    assert [name for name in answer if name != "confidence"] == [
        "memories", "due", "layers", "degraded", "cascade_depth", "cache_hit", "elapsed_ms", "scope",
    ]  # fmt: skip
    assert len(answer["memories"]) == 3
    assert set(ids(result)) <= set(kept.values())
    assert set(answer["layers"]) == set(ALL)
    assert answer["scope"] == {"project": project, "with": ["global"]}
    assert (answer["cascade_depth"], answer["cache_hit"], answer["degraded"]) == (1, False, [])
    assert answer["elapsed_ms"] > 0
    for row in result.layers.values():
        assert row.status in ("ok", "skipped")
        assert row.reason or row.status == "ok"


async def test_a_memory_is_found_at_once_by_some_of_its_words_whatever_else_is_asked(
    shared: MemoryManager, project: str
) -> None:
    await fill(shared, project)
    wanted = await shared.remember("The staging database listens on port 5433.", layer="semantic", project=project)
    queries = (
        "staging database port",
        "which port did we choose for postgres on the staging machine, and why?",
        "STAGING",
        "databases listening",
    )
    for query in queries:
        assert ids(await shared.recall(query, project=project))[0] == wanted.id, query


async def test_a_memory_is_found_without_a_word_in_common(shared: MemoryManager, project: str) -> None:
    await fill(shared, project)
    wanted = await shared.remember("The automobile's engine overheats.", layer="semantic", project=project)
    result = await shared.recall("hot car motor", project=project, explain_reasoning=True)
    assert ids(result)[0] == wanted.id
    assert result.explanation is not None
    assert result.explanation["scores"][0]["lexical"] == 0
    assert result.explanation["scores"][0]["cosine"] > 0


async def test_filters_never_cost_a_hit(shared: MemoryManager, project: str) -> None:
    """However many others fit the query better, the one that also passes the filter is found."""
    wanted = await shared.remember(
        "Queue.", layer="semantic", project=project, tags=["rare", "api"], occurred_at="2020-06-01"
    )
    for number in range(80):
        await shared.remember(f"Queue queue queue {number}", layer="semantic", project=project, tags=["api"])
    filters: tuple[dict[str, Any], ...] = (
        {"tags": ["rare"]},
        {"tags": ["api", "rare"]},
        {"until": "2020-12-31"},
        {"since": "2020-01-01", "until": "2021-01-01"},
        {"since": "2020-06-01T00:00:00Z", "until": "2020-06-01T00:00:00Z"},
    )
    for narrow in filters:
        assert ids(await shared.recall("queue", project=project, layers=["semantic"], **narrow)) == [wanted.id], narrow
    empty: tuple[dict[str, Any], ...] = ({"tags": ["ra"]}, {"tags": ["rare", "none"]}, {"until": "2019-01-01"})
    for narrow in empty:
        result = await shared.recall("queue", project=project, layers=["semantic"], **narrow)
        assert (ids(result), result.nothing_relevant) == ([], True), narrow
    future = (datetime.now(UTC) + timedelta(days=1)).isoformat()
    assert ids(await shared.recall("queue", project=project, since=future)) == []


async def test_a_project_sees_itself_and_what_is_global(manager: MemoryManager) -> None:
    word, project = "zanzibar", "team/one"
    mine = await manager.remember(f"{word} is mine", layer="semantic", project=project)
    theirs = await manager.remember(f"{word} is theirs", layer="semantic", project=f"{project} other / team")
    everyones = await manager.remember(f"{word} is everyone's", layer="semantic", project="global")
    assert set(ids(await manager.recall(word, project=project, k=2))) == {mine.id, everyones.id}
    assert set(ids(await manager.recall(word, project=f"{project} other / team", k=2))) == {theirs.id, everyones.id}
    only = await manager.recall(word, project="global", k=1)
    assert ids(only) == [everyones.id]
    assert only.to_dict()["scope"] == {"project": "global", "with": []}
    nobody = await manager.recall(word, project=f"{project}-unheard-of", k=50)
    assert mine.id not in ids(nobody)
    assert theirs.id not in ids(nobody)


async def test_what_was_replaced_or_forgotten_is_not_found_but_its_history_can_be_read(
    shared: MemoryManager, project: str
) -> None:
    old = await shared.remember("The staging database listens on port 5432.", layer="semantic", project=project)
    new = await shared.remember(
        "The staging database listens on port 5433.", layer="semantic", project=project, replaces=old.id
    )
    gone = await shared.remember("The staging database is called stage.", layer="semantic", project=project)
    await shared.forget(gone.id, project=project)
    result = await shared.recall("staging database port 5432", project=project, k=50)
    assert old.id not in ids(result)
    assert gone.id not in ids(result)
    assert new.id in ids(result)
    assert (await shared.get(old.id, project=project)).superseded_by == new.id


async def test_layers_are_a_hard_limit_for_everything_in_the_answer(shared: MemoryManager, project: str) -> None:
    kept = await fill(shared, project)
    due = await shared.remember(
        "Check the runner.", layer="prospective", project=project, details={"due_at": "2020-01-01"}
    )
    stated = await shared.remember(
        "A fact about the billing service.",
        layer="semantic",
        project=project,
        relations=[{"subject": "Billing Service", "relation": "calls", "object": "Ledger"}],
    )
    query = "What does the runner build, and what of the billing service's disk?"
    for layer in ALL:
        result = await shared.recall(query, project=project, layers=[layer], k=50)
        assert {hit.memory.layer.value for hit in result.memories} <= {layer}
        assert [task.memory.id for task in result.due] == ([due.id] if layer == "prospective" else [])
        assert {name for name, status in statuses(result).items() if status != "skipped"} == {layer}
        assert kept[layer] in ids(result)
    graph = await shared.recall(query, project=project, layers=["graph", "semantic"], k=50)
    assert stated.id in ids(graph)


async def test_entities_named_in_a_query_bring_what_is_said_of_them(shared: MemoryManager, project: str) -> None:
    edge = {"subject": "AuthService", "relation": "depends on", "object": "TokenStore"}
    linked = await shared.remember("Quite another wording.", layer="graph", project=project, relations=[edge])
    for number in range(5):
        await shared.remember(f"Noise {number}.", layer="graph", project=project)
    for query in (
        "what does the auth service depend on?",
        "token-store: who needs it?",
        "AUTH_SERVICE and token_stores",
    ):
        result = await shared.recall(query, project=project, layers=["graph"], explain_reasoning=True)
        assert ids(result)[0] == linked.id, query
        assert result.explanation is not None
        assert result.explanation["scores"][0]["linked"] > 0


async def test_a_layer_that_holds_nothing_or_is_not_asked_says_so(shared: MemoryManager, project: str) -> None:
    empty = await shared.recall("anything", project=f"{project}/empty", layers=ALL)
    outcomes = [row for row in empty.layers.values() if row.status == "skipped"]
    assert all("holds nothing" in (row.reason or "") for row in outcomes)
    await shared.remember("A fact.", layer="semantic", project=project)
    await shared.remember("A task.", layer="prospective", project=project)
    result = await shared.recall("a fact", project=project)
    assert result.layers[Layer.SEMANTIC].status == "ok"
    assert "not asked" in (result.layers[Layer.PROSPECTIVE].reason or "")
    assert result.layers[Layer.PROSPECTIVE].status == "skipped"


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


@pytest.mark.parametrize(
    "query",
    [
        *("What is left to do?", "what's next?", "open tasks", "Which tasks are pending?", "anything urgent?"),
        *("list all open tasks by priority", "what is still open?", "pending work", "what is overdue?"),
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


async def test_a_question_about_something_does_not_list_all_open_tasks(shared: MemoryManager, project: str) -> None:
    await shared.remember("Tidy the changelog.", layer="prospective", project=project)
    wanted = await shared.remember("Finish the billing migration.", layer="prospective", project=project)
    result = await shared.recall("What is left to do on the billing migration?", project=project, k=1)
    assert ids(result) == [wanted.id]


async def test_a_word_within_a_word_is_no_phrase(shared: MemoryManager, project: str) -> None:
    details = {"triggers": [{"on": "phrase", "value": "art"}]}
    await shared.remember("Hang the picture.", layer="prospective", project=project, details=details)
    assert (await shared.recall("how does it start?", project=project)).due == ()
    assert len((await shared.recall("is it art?", project=project)).due) == 1


async def test_due_tasks_displace_no_memory(shared: MemoryManager, project: str) -> None:
    for number in range(12):
        details = {"due_at": "2020-01-01", "priority": "high"}
        await shared.remember(f"Task {number}.", layer="prospective", project=project, details=details)
    facts = [(await shared.remember(f"Fact {number}.", layer="semantic", project=project)).id for number in range(3)]
    result = await shared.recall("fact", project=project, k=3, layers=["semantic", "prospective"])
    assert len(result.memories) == 3
    assert set(facts) & set(ids(result))
    assert len(result.due) == 10


async def test_the_sequential_way_finds_the_same(shared: MemoryManager, project: str) -> None:
    await fill(shared, project)
    for query in ("runner's disk", "what builds the billing service?", "hot car motor"):
        parallel = await shared.recall(query, project=project, layers=ALL, k=50)
        one_by_one = await shared.recall(query, project=project, layers=ALL, k=50, use_parallel=False)
        assert ids(parallel) == ids(one_by_one)
        assert statuses(parallel) == statuses(one_by_one)
        assert [hit.score for hit in parallel.memories] == pytest.approx([hit.score for hit in one_by_one.memories])


async def test_recall_changes_neither_its_arguments_nor_the_store(manager: MemoryManager, database_url: str) -> None:
    await fill(manager, "owner/project")
    context = {"session_id": "s-1", "task": "Fix the build", "phase": "debugging", "files": ["a.py"], "branch": None}
    given = copy.deepcopy(context)
    before = row_counts(database_url)
    result = await manager.recall("why did the build fail?", context, tags=[], project="never/heard-of")
    await manager.recall("why did the build fail?", context)
    assert context == given
    assert row_counts(database_url) == before
    assert result.memories == ()


async def test_the_explanation_says_how_each_hit_came_by_its_place(shared: MemoryManager, project: str) -> None:
    await fill(shared, project)
    result = await shared.recall("runner qqzzx disk", project=project, explain_reasoning=True, k=2)
    explanation = result.to_dict()["explanation"]
    assert set(explanation["terms"]) == {"runner", "disk"}
    assert explanation["unknown_terms"] == ["qqzzx"]
    assert [row["id"] for row in explanation["scores"]] == ids(result)
    assert "explanation" not in (await shared.recall("runner", project=project)).to_dict()


async def test_whoever_asks_for_more_depth_than_is_reached_is_told(shared: MemoryManager, project: str) -> None:
    await fill(shared, project)
    deeper: tuple[dict[str, Any], ...] = ({"cascade_depth": 2}, {"cascade_depth": 3}, {"auto_select_depth": False})
    for arguments in deeper:
        result = await shared.recall("runner", project=project, **arguments)
        assert result.memories
        wanted = arguments.get("cascade_depth", 3)
        told = [reason for reason in result.degraded if reason.startswith(f"cascade_depth {wanted}")]
        assert result.cascade_depth == wanted or told
    for plain in ({"cascade_depth": 1}, {"cascade_depth": 1, "auto_select_depth": False}):
        result = await shared.recall("runner", project=project, **plain)  # type: ignore[arg-type]  # either kind
        assert (result.cascade_depth, result.degraded) == (1, ())


@pytest.mark.parametrize(
    "query",
    [
        "the of and is it", "?", "...", "🦉", "👩‍💻🚀", "数据库连接", "什么", "'; DROP TABLE athena.memories; --",
        "100% _ \\ %s %(x)s {} $1", "a & b | !c <-> (d):*", '"unbalanced', "\\x00 \\u0000", "\x01\x02x", "a" * 4_096,
        "word " * 819, "🦉" * 4_096, "\u0301" * 100, "NaN", "null", "' OR 1=1", "a b c d e f g h i j k l m n",
    ],
)  # fmt: skip
async def test_every_query_is_answered_sensibly(shared: MemoryManager, query: str) -> None:
    kept = await shared.remember("The runner's disk is full; 数据库连接 too.", layer="semantic", project="odd queries")
    result = await shared.recall(query, {"task": query, "branch": query[:200]}, project="odd queries")
    assert not [row for row in result.layers.values() if row.failed]
    assert not result.degraded
    assert set(ids(result)) <= {kept.id}
    if "数据库" in query:
        assert ids(result) == [kept.id]


async def test_a_project_may_be_called_anything_printable(shared: MemoryManager) -> None:
    for name in ("owner/name", "my team / the repo", "Größe 尺寸 🦉", "a'b\"c;--%_\\", "x" * 200):
        receipt = await shared.remember("The runner's disk.", layer="semantic", project=name)
        result = await shared.recall("runner", project=name)
        assert ids(result) == [receipt.id]
        assert result.project == name
        assert (await shared.get(receipt.id, project=name)).project == name


async def test_many_recalls_and_writes_at_once_all_succeed(manager: MemoryManager) -> None:
    kept = await fill(manager, "owner/project")
    found: list[list[int]] = []

    async def ask_all(number: int) -> None:
        result = await manager.recall(f"runner's disk {number}", layers=ALL, k=10)
        assert not result.degraded
        found.append(ids(result))

    async def write(number: int) -> None:
        await manager.remember(f"Invoice {number} was paid.", layer="episodic")

    with anyio.fail_after(60):
        async with anyio.create_task_group() as tasks:
            for number in range(30):
                tasks.start_soon(ask_all, number)
                tasks.start_soon(write, number)
    assert len(found) == 30
    assert all(kept["semantic"] in row for row in found)


# What goes wrong


async def test_a_layer_that_fails_is_named_and_the_others_answer(manager: MemoryManager, database_url: str) -> None:
    kept = await fill(manager, "owner/project")
    ask(database_url, "DROP TABLE athena.postings_semantic")
    for parallel in (True, False):
        result = await manager.recall("runner's disk", layers=ALL, use_parallel=parallel, k=50)
        assert statuses(result) == {**dict.fromkeys(ALL, "ok"), "semantic": "error"}
        assert set(ids(result)) == set(kept.values()) - {kept["semantic"]}
        assert len(result.degraded) == 1
        assert result.degraded[0].startswith("semantic: ")
        assert "postings" not in str(result.to_dict())
        assert "SELECT" not in str(result.to_dict())
    for layer in ALL:
        ask(database_url, f"DROP TABLE IF EXISTS athena.postings_{layer}")
    with pytest.raises(RecallFailed, match="doctor") as raised:
        await manager.recall("runner's disk", layers=ALL)
    assert "postings" not in str(raised.value)


@pytest.fixture
async def impatient(settings: Settings, static_embedder: StaticEmbedder) -> AsyncIterator[App]:
    """An application whose layers have little time."""
    handle = EmbedderHandle(lambda: static_embedder, name=NAME, dimension=DIMENSION)
    async with open_app(settings, embedder=lambda: handle) as app:
        manager = await app.manager()
        await app.warmed()
        manager.parallel_tier1_executor.timeout_seconds = 0.5
        yield app


async def test_a_layer_that_is_late_is_named_and_the_others_answer(impatient: App, database_url: str) -> None:
    manager = await impatient.manager()
    kept = await fill(manager, "owner/project")
    async with await psycopg.AsyncConnection.connect(database_url) as blocker:
        await blocker.execute("LOCK TABLE athena.postings_episodic IN ACCESS EXCLUSIVE MODE")
        with anyio.fail_after(20):
            for parallel in (True, False):
                result = await manager.recall("runner's disk", layers=ALL, use_parallel=parallel, k=50)
                assert statuses(result) == {**dict.fromkeys(ALL, "ok"), "episodic": "timeout"}
                assert set(ids(result)) == set(kept.values()) - {kept["episodic"]}
                assert result.degraded[0].startswith("episodic: ")
        waiting = (
            "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
        )
        assert ask(database_url, waiting) == [(0,)]
    result = await manager.recall("runner's disk", layers=ALL, k=50)
    assert statuses(result) == dict.fromkeys(ALL, "ok")
    assert result.degraded == ()


async def test_without_an_embedder_recall_is_lexical_and_says_so(
    settings: Settings, static_embedder: StaticEmbedder
) -> None:
    def broken() -> StaticEmbedder:
        raise EmbedderUnavailable("It is not installed.")

    warm = EmbedderHandle(lambda: static_embedder, name=NAME, dimension=DIMENSION)
    async with open_app(settings, embedder=lambda: warm) as app:
        manager = await app.manager()
        await app.warmed()
        kept = await fill(manager, "owner/project")
    handle = EmbedderHandle(broken, name=NAME, dimension=DIMENSION)
    async with open_app(settings, embedder=lambda: handle) as app:
        manager = await app.manager()
        early = await manager.recall("runner's disk")
        assert early.degraded[0].startswith("vector: ")
        await app.warmed()
        result = await manager.recall("runner's cache", layers=ALL)
        assert result.degraded == ("vector: It is not installed.",)
        assert set(ids(result)) == set(kept.values())
        assert ids(await manager.recall("hot car motor", layers=ALL)) == []


async def test_a_long_memory_is_cut_and_the_whole_can_be_read(shared: MemoryManager, project: str) -> None:
    texts = [f"Number {number}: " + "the runner's disk is full. " * 600 for number in range(5)]
    kept = [await shared.remember(text, layer="semantic", project=project) for text in texts]
    rows = (await shared.recall("runner", project=project)).to_dict()["memories"]
    assert len(rows) == 5
    assert all(row["truncated"] and len(row["content"]) < 5_000 for row in rows)
    assert (await shared.get(kept[0].id, project=project)).content == texts[0].strip()


async def test_a_long_task_that_is_due_is_cut_and_says_so(shared: MemoryManager, project: str) -> None:
    long = await shared.remember(
        "the runner's disk is full. " * 600, layer="prospective", project=project, details={"due_at": "2020-01-01"}
    )
    (due,) = (await shared.recall("runner", project=project)).to_dict()["due"]
    assert (due["id"], due["truncated"]) == (long.id, True)


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


async def test_confidence_never_contradicts_the_order_nor_exceeds_that_of_the_answer(
    shared: MemoryManager, project: str
) -> None:
    for seconds in (30, 45, 60):
        await shared.remember(f"The API timeout is {seconds} seconds.", layer="semantic", project=project)
    await shared.remember("The office is in Hamburg.", layer="semantic", project=project)
    for query in ("what is the API timeout?", "where is the office?", "who is the CTO?"):
        result = await shared.recall(query, project=project)
        sure = [hit.confidence or 0.0 for hit in result.memories]
        assert sure == sorted(sure, reverse=True), query
        assert result.confidence is not None
        assert max(sure) <= result.confidence


async def test_of_facts_that_differ_in_one_value_the_latest_comes_first(shared: MemoryManager, project: str) -> None:
    values = ("twenty", "ninety", "sixty")
    kept = [
        (
            await shared.remember(
                f"The session timeout of the portal is {value} minutes.",
                layer="semantic",
                occurred_at=f"2026-0{month}-01",
                project=project,
            )
        ).id
        for month, value in zip((3, 1, 2), values, strict=True)
    ]
    result = await shared.recall("how long is the portal's session timeout?", project=project)
    assert ids(result)[:3] == [kept[0], kept[2], kept[1]]
    scores = [hit.score for hit in result.memories]
    assert scores == sorted(scores, reverse=True)


async def test_a_long_memory_is_shown_where_it_answers(shared: MemoryManager, project: str) -> None:
    filler = " ".join(f"Step {number} of the outage went as the runbook says." for number in range(250))
    for outage in range(3):
        opening, answer = f"Post-mortem of warehouse outage {outage}.", f"Operator Ines rebooted node n7{outage}."
        text = f"{opening} {filler} {answer} {filler[:900]}"
        await shared.remember(text, layer="episodic", project=project)
    result = await shared.recall("which operator rebooted node n72?", project=project)
    first = result.memories[0].to_dict(include_scores=False)
    assert first["truncated"]
    assert first["content"].startswith("Post-mortem of warehouse outage 2.")
    assert "Operator Ines rebooted node n72." in first["content"]


async def test_an_empty_text_clears_what_the_session_said_before(shared: MemoryManager, project: str) -> None:
    details = {"triggers": [{"on": "branch", "value": "release/*"}]}
    await shared.remember("Freeze the changelog.", layer="prospective", project=project, details=details)
    session = f"{project}/session"
    at = {"session_id": session, "branch": "release/4"}
    assert len((await shared.recall("anything at all", at, project=project)).due) == 1
    assert len((await shared.recall("anything at all", {"session_id": session}, project=project)).due) == 1
    assert (await shared.recall("anything at all", {"session_id": session, "branch": ""}, project=project)).due == ()
    assert (await shared.recall("anything at all", {"session_id": session}, project=project)).due == ()
