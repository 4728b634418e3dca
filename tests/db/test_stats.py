from __future__ import annotations

from dataclasses import replace

import anyio
import psycopg
import pytest

from athena_mcp.app import App, open_app
from athena_mcp.config import Settings
from athena_mcp.embed.embedder import EmbedderHandle
from athena_mcp.embed.static import DIMENSION, NAME, StaticEmbedder
from athena_mcp.errors import AthenaError, InvalidArgument
from athena_mcp.manager import STATS_SECTIONS, MemoryManager

pytestmark = pytest.mark.anyio


def edge(subject: str, relation: str, to: str) -> dict[str, str]:
    return {"subject": subject, "relation": relation, "object": to}


async def test_the_store_is_counted_as_it_is(manager: MemoryManager) -> None:
    fact = await manager.remember("Port 5432.", layer="semantic")
    await manager.remember("Port 5433.", layer="semantic", replaces=fact.id)
    await manager.remember("Do.", layer="prospective")
    await manager.remember("Done.", layer="prospective", details={"status": "completed"})
    await manager.remember("A on b.", layer="graph", relations=[edge("A", "runs on", "b")])
    await manager.remember("A on c.", layer="graph", relations=[edge("A", "runs on", "c")])
    await manager.remember("A rule.", layer="semantic", project="global")
    store = (await manager.stats("store"))["store"]
    assert store["memories"] == 5
    assert {layer: n for layer, n in store["by_layer"].items() if n} == {"semantic": 2, "prospective": 2, "graph": 1}
    assert store["by_project"] == {"owner/project": 4, "global": 1}
    assert (store["superseded"], store["entities"], store["relations"], store["open_tasks"]) == (2, 3, 1, 1)
    counted = {row.name: row.memories for row in await manager.projects()}
    assert counted == {"owner/project": 4, "global": 1}


async def test_every_operation_is_counted_and_errors_too(manager: MemoryManager) -> None:
    kept = await manager.remember("Port 5432.", layer="semantic")
    await manager.remember("Port 5432.", layer="semantic")
    await manager.remember("Port 5433.", layer="semantic", replaces=kept.id)
    with pytest.raises(InvalidArgument):
        await manager.remember("")
    await manager.recall("port")
    await manager.recall("qqzzx", project="never/heard-of")
    with pytest.raises(InvalidArgument):
        await manager.recall("port", k=0)
    await manager.forget(kept.id)
    snapshot = await manager.stats()
    assert set(STATS_SECTIONS) <= set(snapshot)
    remember, recall = snapshot["remember"], snapshot["recall"]
    assert (remember["count"], remember["stored"], remember["errors"]) == (4, 2, 1)
    assert (recall["count"], recall["errors"]) == (3, 1)
    assert snapshot["forget"]["count"] == 1
    for section in STATS_SECTIONS:
        assert section in await manager.stats(section)


async def test_a_recall_that_its_caller_cancels_is_counted_as_that_and_as_no_error(manager: MemoryManager) -> None:
    await manager.recall("port")
    before = (await manager.stats("recall"))["recall"]
    with anyio.CancelScope() as scope:
        scope.cancel()
        await manager.recall("another port")
    assert scope.cancelled_caught
    after = (await manager.stats("recall"))["recall"]
    assert after == before | {"count": 2, "cancelled": 1}


async def test_statistics_are_not_published_to_a_database_that_was_lost(
    settings: Settings, static_embedder: StaticEmbedder, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked_for: list[str] = []

    async def noting() -> str:
        looked_for.append(database_url)
        return database_url

    handle = EmbedderHandle(lambda: static_embedder, name=NAME, dimension=DIMENSION)
    async with open_app(settings, embedder=lambda: handle) as app:
        manager = await app.manager()
        async with manager._database.session() as session:
            async with await psycopg.AsyncConnection.connect(database_url, autocommit=True) as admin:
                await admin.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                    " WHERE pid <> pg_backend_pid() AND datname = current_database()"
                )
            with pytest.raises(AthenaError):
                await session.fetch("SELECT 1")
        with pytest.raises(InvalidArgument):
            await manager.recall("")  # something to publish
        monkeypatch.setattr(manager._database, "_find_server", noting)
    assert looked_for == []


async def test_servers_see_what_the_others_published(
    app: App, manager: MemoryManager, settings: Settings, static_embedder: StaticEmbedder
) -> None:
    await manager.remember("Port 5432.", layer="semantic")
    handle = EmbedderHandle(lambda: static_embedder, name=NAME, dimension=DIMENSION)
    async with open_app(replace(settings, project="owner/other"), embedder=lambda: handle) as other:
        watcher = await other.manager()
        assert (await watcher.stats("servers"))["servers"] == []
        await manager.publish()
        (seen,) = (await watcher.stats("servers"))["servers"]
        assert (seen["server"], seen["alive"], seen["remembered"]) == (app.session_id, True, 1)
        assert (await manager.stats("servers"))["servers"] == []


async def test_the_executor_is_made_with_the_settings_and_obeys_changes(
    settings: Settings, static_embedder: StaticEmbedder
) -> None:
    handle = EmbedderHandle(lambda: static_embedder, name=NAME, dimension=DIMENSION)
    given = replace(settings, max_concurrent=2, layer_timeout_s=3.0, recall_timeout_s=4.0, parallel=False)
    async with open_app(given, embedder=lambda: handle) as app:
        manager = await app.manager()
        executor = manager.parallel_tier1_executor
        assert (executor.max_concurrent, executor.timeout_seconds, executor.recall_timeout_seconds) == (2, 3.0, 4.0)
        await manager.remember("Port 5432 is the database's.", layer="semantic")
        await manager.remember("Port 5432 was opened.", layer="episodic")
        await manager.recall("which port was opened?", use_cache=False)
        counted = executor.get_statistics()
        assert (counted["parallel_queries"], counted["sequential_queries"] > 0) == (0, True)
        executor.enable_parallel = True
        await manager.recall("which port was opened?", use_cache=False)
        assert executor.get_statistics()["parallel_queries"] > 0


async def test_a_server_publishes_at_its_end_what_it_did_and_a_command_publishes_nothing(
    manager: MemoryManager, settings: Settings, static_embedder: StaticEmbedder
) -> None:
    handle = EmbedderHandle(lambda: static_embedder, name=NAME, dimension=DIMENSION)
    for publishes in (False, True):
        async with open_app(settings, embedder=lambda: handle, publishes=publishes) as other:
            short_lived = await other.manager()
            await short_lived.remember("Port 5432 is the database's.", layer="semantic")
            await short_lived.recall("which port is the database's?", use_cache=False)
    (seen,) = await manager.published()
    executor = seen.snapshot["executor"]
    assert (seen.server_id, seen.row()["recalls"]) == (other.session_id, 1)
    assert executor["layers"]["semantic"]["queries"] == 1
    async with open_app(settings, embedder=lambda: handle) as idle:
        await idle.manager()
    assert len(await manager.published()) == 1


async def test_the_store_tells_its_size_its_growth_and_its_versions(manager: MemoryManager) -> None:
    before = (await manager.stats("store"))["store"]
    for number in range(20):
        await manager.remember(f"Fact {number} of the many.", layer="semantic")
    store = (await manager.stats("store"))["store"]
    size = store["bytes"]
    assert size["athena"] == size["memories"] + size["words"] + size["vectors"]
    assert size["database"] > size["athena"] > before["bytes"]["athena"]
    assert (store["stored_lately"], before["stored_lately"]) == ({"day": 20, "week": 20}, {"day": 0, "week": 0})
    assert store["versions"]["postgresql"][:2].isdigit()
    assert store["versions"]["schema"] >= 4


async def test_all_that_a_process_counted_can_be_forgotten(manager: MemoryManager) -> None:
    await manager.remember("Port 5432.", layer="semantic")
    await manager.recall("port")
    manager.reset_statistics()
    snapshot = await manager.stats()
    assert (snapshot["recall"]["count"], snapshot["remember"]["count"]) == (0, 0)
    assert (snapshot["executor"]["executions"], snapshot["cache"]["misses"]) == (0, 0)
    assert snapshot["server"]["reset_at"]
    assert snapshot["store"]["memories"] == 1
    assert snapshot["embedder"] == {"ready": True, "degraded": None, "name": NAME, "dimension": DIMENSION}


async def test_counts_are_exact_under_concurrency(manager: MemoryManager) -> None:
    async with anyio.create_task_group() as tasks:
        for number in range(20):
            tasks.start_soon(manager.remember, f"Fact {number}")
            tasks.start_soon(manager.recall, f"fact {number}")
    snapshot = await manager.stats()
    assert snapshot["remember"]["stored"] == 20
    assert snapshot["recall"]["count"] == 20
    assert snapshot["store"]["memories"] == 20


async def test_a_page_of_the_list_goes_on_where_the_last_one_ended(manager: MemoryManager) -> None:
    kept = [(await manager.remember(f"Fact {number}", layer="semantic")).id for number in range(7)]
    event = (await manager.remember("Event", layer="episodic")).id
    await manager.remember("Not mine", project="global")
    first = await manager.list_memories(limit=3)
    assert [memory.id for memory in first] == [event, kept[6], kept[5]]
    rest = await manager.list_memories(limit=50, before_id=first[-1].id)
    assert [memory.id for memory in rest] == kept[4::-1]
    assert [memory.id for memory in await manager.list_memories(layer="episodic")] == [event]
    assert await manager.list_memories(project="never/heard-of") == []
    assert [memory.content for memory in await manager.list_memories(project="global")] == ["Not mine"]
