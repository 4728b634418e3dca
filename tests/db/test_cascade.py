"""The tiers, the cache and the session contexts as a caller of the manager meets them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import anyio
import pytest

from athena_mcp.app import open_app
from athena_mcp.config import Settings
from athena_mcp.db.pool import Database
from athena_mcp.embed.embedder import EmbedderHandle
from athena_mcp.embed.static import DIMENSION, NAME, StaticEmbedder
from athena_mcp.errors import InvalidArgument
from athena_mcp.manager import MemoryManager
from athena_mcp.model import Layer, RecallResult
from athena_mcp.recall.cascade import Cascade
from athena_mcp.recall.confidence import MISSING
from athena_mcp.recall.request import check_request
from athena_mcp.search.vector_arm import VectorArm
from tests.conftest import PROJECT

pytestmark = pytest.mark.anyio


@pytest.fixture
async def second(settings: Settings, static_embedder: StaticEmbedder) -> AsyncIterator[MemoryManager]:
    """Another server's manager on the same store."""
    handle = EmbedderHandle(lambda: static_embedder, name=NAME, dimension=DIMENSION)
    async with open_app(settings, embedder=lambda: handle) as app:
        manager = await app.manager()
        await app.warmed()
        yield manager


def texts(result: RecallResult) -> list[str]:
    return [hit.memory.content for hit in result.memories]


async def test_an_answer_is_kept_until_any_server_writes_to_the_project(
    manager: MemoryManager, second: MemoryManager
) -> None:
    await manager.remember("The staging database listens on port 5433.", layer="semantic")
    first = await manager.recall("staging database port")
    again = await manager.recall("staging database port", include_scores=False)
    assert (first.cache_hit, again.cache_hit) == (False, True)
    assert texts(again) == texts(first)
    assert "confidence" not in again.to_dict()["memories"][0]
    await second.remember("The staging database port moved to 6000 on Monday.", layer="semantic")
    fresh = await manager.recall("staging database port")
    assert not fresh.cache_hit
    assert set(texts(fresh)) > set(texts(first))
    await second.forget(first.memories[0].memory.id)
    assert texts(await manager.recall("staging database port")) == [
        "The staging database port moved to 6000 on Monday."
    ]


async def test_an_answer_takes_as_few_round_trips_as_it_can(manager: MemoryManager) -> None:
    """The ground, the layer and the memories; of a kept one the versions alone, which come first from then on."""
    await manager.remember("The staging database listens on port 5433.", layer="semantic")

    async def sessions() -> int:
        """How many sessions with the database one recall takes."""
        before = (await manager.stats("database"))["database"]["requests"]
        await manager.recall("staging database port", cascade_depth=1, layers=["semantic"])
        return int((await manager.stats("database"))["database"]["requests"] - before)

    assert [await sessions(), await sessions()] == [3, 1]
    await manager.remember("The staging database moved.", layer="semantic")
    assert [await sessions(), await sessions()] == [4, 1]


class Slow:
    """The default embedder, which waits with what is *slow* until it may go on."""

    name, dimension = NAME, DIMENSION

    def __init__(self, embedder: StaticEmbedder) -> None:
        self._embedder = embedder
        self.word_vectors = embedder.word_vectors
        self.embedded: list[str] = []
        self.begun, self.go_on = anyio.Event(), anyio.Event()

    async def embed(self, texts: Sequence[str]) -> list[Any]:
        self.embedded.extend(texts)
        if "slow" in texts[0]:
            self.begun.set()
            await self.go_on.wait()
        return await self._embedder.embed(texts)

    async def close(self) -> None:
        pass


async def test_an_answer_is_not_kept_beyond_a_moment_that_came_while_it_was_made(
    manager: MemoryManager, database: Database, static_embedder: StaticEmbedder
) -> None:
    due_at = datetime.now(UTC) + timedelta(days=1)
    await manager.remember("Renew the certificate.", layer="prospective", details={"due_at": due_at.isoformat()})
    slow, clock = Slow(static_embedder), [due_at - timedelta(minutes=1)]
    vectors = VectorArm(EmbedderHandle(lambda: slow, name=NAME, dimension=DIMENSION))
    await vectors.register(database)
    await vectors.warm()
    cascade = Cascade(database, vectors, now=lambda: clock[0])
    request = check_request("is the certificate slow?", project=PROJECT)
    results: list[RecallResult] = []

    async def ask() -> None:
        results.append(await cascade.recall(request))

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(ask)
        await slow.begun.wait()
        clock[0] = due_at + timedelta(seconds=1)
        slow.go_on.set()
    await ask()
    assert [result.degraded for result in results] == [(), ()]
    assert [[task.memory.content for task in result.due] for result in results] == [[], ["Renew the certificate."]]


async def test_who_asks_the_same_at_once_waits_for_the_first_even_while_the_query_is_embedded(
    settings: Settings, static_embedder: StaticEmbedder
) -> None:
    slow = Slow(static_embedder)
    handle = EmbedderHandle(lambda: slow, name=NAME, dimension=DIMENSION)
    results: list[RecallResult] = []

    async def ask(manager: MemoryManager) -> None:
        results.append(await manager.recall("why is it slow?"))

    async with open_app(settings, embedder=lambda: handle) as app:
        manager = await app.manager()
        await app.warmed()
        await manager.remember("The importer takes its time since the index is kept.", layer="semantic")
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(ask, manager)
            await slow.begun.wait()
            for _ in range(3):
                tasks.start_soon(ask, manager)
            await anyio.wait_all_tasks_blocked()
            slow.go_on.set()
    assert slow.embedded.count("why is it slow?") == 1
    assert len({result.computation for result in results}) == 1
    assert [result.degraded for result in results] == [()] * 4


async def test_answers_tell_which_computation_they_come_from(manager: MemoryManager) -> None:
    await manager.remember("The staging database listens on port 5433.", layer="semantic")
    first = await manager.recall("staging database port")
    again = await manager.recall("staging database port", include_scores=False)
    other = await manager.recall("port of the database")
    unkept = await manager.recall("staging database port", use_cache=False)
    assert first.computation == again.computation is not None
    assert other.computation not in (None, first.computation)
    assert unkept.computation is None


async def test_the_layer_that_has_the_query_s_words_is_asked_though_no_word_speaks_of_it(
    manager: MemoryManager,
) -> None:
    await manager.remember("Polish the zanzibar kiosk before the fair.", layer="prospective")
    await manager.remember("The fair is in May.", layer="semantic")
    result = await manager.recall("zanzibar kiosk", cascade_depth=1)
    assert result.layers[Layer.PROSPECTIVE].status == "ok"
    assert texts(result)[0] == "Polish the zanzibar kiosk before the fair."


async def test_a_write_to_global_ends_kept_answers_of_every_project(
    manager: MemoryManager, second: MemoryManager
) -> None:
    await manager.remember("Commits are signed.", layer="semantic")
    await manager.recall("signed commits")
    await second.remember("Signed commits need the hardware key.", layer="semantic", project="global")
    result = await manager.recall("signed commits")
    assert not result.cache_hit
    assert len(result.memories) == 2


async def test_use_cache_false_neither_reads_nor_keeps(manager: MemoryManager) -> None:
    await manager.remember("Lint runs before the tests.", layer="semantic")
    for _ in range(2):
        assert not (await manager.recall("lint order", use_cache=False)).cache_hit
    assert not (await manager.recall("lint order")).cache_hit
    assert (await manager.recall("lint order")).cache_hit


async def test_a_kept_answer_does_not_outlive_the_moment_a_task_falls_due(manager: MemoryManager) -> None:
    """The answer kept before the task is due must not hide it afterwards."""
    due_at = datetime.now(UTC) + timedelta(seconds=1.5)
    await manager.remember("Renew the certificate.", layer="prospective", details={"due_at": due_at.isoformat()})
    assert (await manager.recall("certificate")).due == ()
    with anyio.fail_after(20):
        while not (result := await manager.recall("certificate")).due:  # noqa: ASYNC110
            await anyio.sleep(0.05)  # the moment comes by the database's clock; nothing announces it
    assert result.due[0].memory.content == "Renew the certificate."


async def test_a_caller_cannot_change_what_the_next_one_gets(manager: MemoryManager) -> None:
    await manager.remember("The cache is immutable.", layer="semantic")
    first = await manager.recall("cache", explain_reasoning=True)
    row = first.to_dict()
    row["memories"].clear()
    row["explanation"].clear()
    with pytest.raises(TypeError):
        first.explanation["terms"] = {}  # type: ignore[index]  # that it cannot be set is the point
    again = await manager.recall("cache", explain_reasoning=True)
    assert again.cache_hit
    assert again.to_dict()["explanation"]["terms"]
    assert len(again.memories) == 1


async def test_ten_callers_at_once_share_one_computation(manager: MemoryManager) -> None:
    await manager.remember("Many ask, one answers.", layer="semantic")
    before = manager.parallel_tier1_executor.get_statistics()["executions"]
    results: list[RecallResult] = []

    async def ask() -> None:
        results.append(await manager.recall("who answers"))

    async with anyio.create_task_group() as tasks:
        for _ in range(10):
            tasks.start_soon(ask)
    assert {tuple(texts(result)) for result in results} == {("Many ask, one answers.",)}
    calls = manager.parallel_tier1_executor.get_statistics()["executions"] - before
    assert calls <= 2  # the answer itself, and at most one widening


async def test_what_was_said_beside_a_hit_speaks_for_it_at_depth_2(manager: MemoryManager) -> None:
    """The answer to a question shares no word with it, but stands right behind it in the conversation."""
    at = datetime(2026, 3, 1, 12, tzinfo=UTC)
    for i in range(40):
        await manager.remember(
            f"Ann: filler remark number {i} about lunch", session_id=f"s{i % 4}", occurred_at=at + timedelta(hours=i)
        )
    await manager.remember(
        "Ann: which broker did we pick for the telemetry pipeline?", session_id="talk", occurred_at=at
    )
    answer = await manager.remember("Bob: NATS.", session_id="talk", occurred_at=at + timedelta(seconds=30))
    shallow = await manager.recall("broker for the telemetry pipeline", k=2, cascade_depth=1)
    deep = await manager.recall("broker for the telemetry pipeline", k=2, cascade_depth=2)
    assert shallow.cascade_depth == 1
    assert deep.cascade_depth == 2
    assert answer.id not in [hit.memory.id for hit in shallow.memories]
    assert answer.id in [hit.memory.id for hit in deep.memories]


async def test_relations_lead_two_steps_further_at_depth_2(manager: MemoryManager) -> None:
    async def edge(text: str, subject: str, relation: str, object_: str) -> int:
        relations = [{"subject": subject, "relation": relation, "object": object_}]
        return (await manager.remember(text, layer="graph", relations=relations)).id

    await edge("checkout depends on payments", "checkout", "depends on", "payments")
    second = await edge("payments depends on the ledger", "payments", "depends on", "ledger")
    third = await edge("ledger writes to orchid", "ledger", "writes to", "orchid")
    result = await manager.recall("what does checkout depend on?", cascade_depth=2, layers=["graph"])
    found = [hit.memory.id for hit in result.memories]
    assert second in found
    assert third in found


async def test_the_layers_left_out_are_asked_when_the_answer_is_weak(manager: MemoryManager) -> None:
    await manager.remember("Deploys happen on Thursdays.", layer="semantic")
    await manager.remember("Rotate the pager schedule for zebrafish.", layer="prospective")
    result = await manager.recall("zebrafish pager")
    assert result.layers[Layer.PROSPECTIVE].status == "ok"
    assert "Rotate the pager schedule for zebrafish." in texts(result)
    limited = await manager.recall("zebrafish pager", layers=["semantic"])
    assert limited.layers[Layer.PROSPECTIVE].status == "skipped"
    assert "Rotate the pager schedule for zebrafish." not in texts(limited)


async def test_what_names_a_code_that_no_memory_has_is_not_answered_by_one_about_another_code(
    manager: MemoryManager,
) -> None:
    for service, code in (("login", "E9507"), ("billing", "E4410"), ("search", "E2201")):
        await manager.remember(f"The {service} worker failed with {code} after the deploy.", layer="episodic")
    known = await manager.recall("when did the login worker fail with E9507?")
    unknown = await manager.recall("when did the login worker fail with E9570?")
    assert known.confidence is not None
    assert known.confidence > MISSING
    assert unknown.confidence is not None
    assert unknown.confidence <= MISSING
    assert all(hit.confidence is not None and hit.confidence <= MISSING for hit in unknown.memories)
    assert texts(unknown)[0] == texts(known)[0], "what is most alike is shown all the same"
    for bare in ("E9570", "login E9570", "port 35192"):
        assert ((await manager.recall(bare)).confidence or 0) <= MISSING
    statement = await manager.recall("The login worker of the portal failed with E9570 again right after the deploy")
    assert statement.confidence is not None
    assert statement.confidence > MISSING


async def test_depth_3_sums_up_with_citations_and_says_what_replaced_what(manager: MemoryManager) -> None:
    old = await manager.remember("The API gateway runs on nginx.", layer="semantic")
    new = await manager.remember("The API gateway runs on Envoy.", layer="semantic", replaces=old.id)
    await manager.remember("The API gateway terminates TLS.", layer="semantic")
    result = await manager.recall("API gateway", cascade_depth=3, explain_reasoning=True)
    assert result.cascade_depth == 3
    assert result.brief is not None
    known = {f"#{hit.memory.id}" for hit in result.memories} | {f"#{old.id}"}
    for line in result.brief.splitlines():
        assert any(citation in line for citation in known), line
    assert f"#{new.id}" in result.brief
    assert f"#{old.id}" in result.brief
    assert texts(result).count("The API gateway runs on nginx.") == 0


async def test_an_explicit_depth_is_obeyed_and_without_auto_it_is_3(manager: MemoryManager) -> None:
    await manager.remember("A fact to find.", layer="semantic")
    for depth in (1, 2, 3):
        assert (await manager.recall("fact", cascade_depth=depth)).cascade_depth == depth
    assert (await manager.recall("fact", auto_select_depth=False)).cascade_depth == 3
    with pytest.raises(InvalidArgument):
        await manager.recall("fact", cascade_depth=4)


async def test_a_question_of_another_world_is_called_so(manager: MemoryManager) -> None:
    for i in range(30):
        await manager.remember(f"Service number {i} retries failed requests {i + 2} times.", layer="semantic")
    result = await manager.recall("When did Caroline adopt the puppy from the shelter?")
    assert result.nothing_relevant
    assert (result.confidence or 0) < 0.12
    assert result.scope_with == ("global",)
    known = await manager.recall("how often does service number 7 retry failed requests?")
    assert not known.nothing_relevant
    assert (known.confidence or 0) > (result.confidence or 0)


async def test_a_session_remembers_its_context_and_the_caller_wins(manager: MemoryManager) -> None:
    await manager.remember(
        "Watch the ledger.", layer="prospective", details={"triggers": [{"on": "branch", "value": "rel/*"}]}
    )
    context = {"session_id": "s1", "branch": "rel/2"}
    assert len((await manager.recall("anything", context)).due) == 1
    assert context == {"session_id": "s1", "branch": "rel/2"}
    assert len((await manager.recall("anything else", {"session_id": "s1"})).due) == 1
    assert (await manager.recall("anything else", {"session_id": "s1", "branch": "main"})).due == ()
    assert (await manager.recall("anything else", {"session_id": "s2"})).due == ()
