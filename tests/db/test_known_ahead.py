from __future__ import annotations

from dataclasses import replace
from typing import Any

import anyio
import pytest

from athena_mcp.app import open_app
from athena_mcp.config import Settings
from athena_mcp.manager import MemoryManager
from athena_mcp.remember import pipeline
from athena_mcp.remember.ahead import MAX_PROJECTS, REST, Ahead
from tests.db.invariants import check_store
from tests.db.stores import ask

pytestmark = pytest.mark.anyio

IDS = "SELECT m.id, p.name FROM athena.memories m JOIN athena.projects p ON p.id = m.project_id ORDER BY m.id"


async def test_only_the_first_memory_of_a_project_asks_for_its_id(
    manager: MemoryManager, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = await manager.remember("The cache is Redis.", layer="semantic")
    other = await manager.remember("The cache is Valkey.", layer="semantic", project="owner/other")

    async def unwanted(*_: Any) -> Any:
        raise AssertionError("asked again")

    monkeypatch.setattr(pipeline, "ensure_project_and_id", unwanted)
    receipts = [await manager.remember(f"Host {n} runs Debian.", layer="semantic") for n in range(3)]
    receipts.append(await manager.remember("Host 9 runs Alpine.", layer="semantic", project="owner/other"))
    expected = [(first.id, "owner/project"), (other.id, "owner/other")]
    expected += [(receipt.id, receipt.project) for receipt in receipts]
    assert ask(database_url, IDS) == sorted(expected)
    again = await manager.remember("Host 1 runs Debian.", layer="semantic")
    assert (again.status, again.id) == ("duplicate", receipts[1].id)
    check_store(database_url)


@pytest.mark.parametrize(
    "changed",
    [
        # As in a store that was made anew: the project has another id, and the old id is another project's.
        "DELETE FROM athena.memories; TRUNCATE athena.projects RESTART IDENTITY CASCADE;"
        " INSERT INTO athena.projects (name) VALUES ('owner/stranger'), ('owner/project')",
        # The project is gone.
        "DELETE FROM athena.memories; TRUNCATE athena.projects CASCADE",
        # As in a store that was restored from a backup.
        "ALTER SEQUENCE athena.memories_id_seq RESTART WITH 2",
        # An import that keeps its ids has taken the next ones.
        "INSERT INTO athena.memories (project_id, id, layer, content, content_hash, session_id)"
        " SELECT min(id), n, 'semantic', 'imported ' || n, sha256(('imported ' || n)::bytea), 's'"
        " FROM athena.projects, generate_series(2, 60) AS n GROUP BY n;"
        " INSERT INTO athena.semantic_details (project_id, memory_id)"
        " SELECT project_id, id FROM athena.memories WHERE content LIKE 'imported%';"
        " SELECT setval('athena.memories_id_seq', 60)",
    ],
    ids=["made anew", "gone", "restored", "ids taken"],
)
async def test_what_was_known_and_no_longer_holds_costs_nothing(
    manager: MemoryManager, database_url: str, changed: str
) -> None:
    await manager.remember("The cache is Redis.", layer="semantic")
    for statement in changed.split(";"):
        ask(database_url, statement)
    for number in range(3):
        receipt = await manager.remember(f"Host {number} runs Debian.", layer="semantic")
        assert receipt.status == "stored"
        assert (receipt.id, "owner/project") in ask(database_url, IDS)
    check_store(database_url)


async def test_memories_at_once_and_of_two_processes_have_ids_in_the_order_of_storing(
    manager: MemoryManager, database_url: str, other_settings: Settings
) -> None:
    async with open_app(replace(other_settings, project="owner/project")) as app:
        other = await app.manager()
        stored: list[int] = []
        for number in range(2 * REST + 5):
            one = manager if number % 3 else other
            stored.append((await one.remember(f"Host {number} runs Debian.", layer="semantic")).id)
        assert stored == sorted(stored)
        async with anyio.create_task_group() as tasks:
            for number in range(20):
                tasks.start_soon(manager.remember, f"Rack {number} is full.")
                tasks.start_soon(other.remember, f"Rack {number} is empty.")
        last = await manager.remember("After all of them.")
    assert ask(database_url, "SELECT count(*), max(id) FROM athena.memories") == [(len(stored) + 41, last.id)]
    check_store(database_url)


def test_what_is_kept_is_given_once_and_not_when_it_was_overtaken() -> None:
    ahead = Ahead()
    assert ahead.take("a") is None
    ahead.keep("a", 1, 10)
    assert ahead.take("b") is None
    assert ahead.take("a") == (1, 10)
    assert ahead.take("a") is None, "an id is given to one alone"
    ahead.keep("a", 1, 11)
    ahead.overtaken()
    assert ahead.take("a") is None
    for number in range(MAX_PROJECTS + 1):
        ahead.keep(f"p{number}", number, 20 + number)
    assert ahead.take("p0") is None
    assert ahead.take("p1") == (1, 20 + MAX_PROJECTS)


def test_what_was_refused_is_not_tried_again_at_once() -> None:
    ahead = Ahead()
    ahead.keep("a", 1, 10)
    ahead.refused()
    for _ in range(REST):
        ahead.keep("a", 1, 11)
        assert ahead.take("a") is None
    assert ahead.take("a") == (1, 11)
