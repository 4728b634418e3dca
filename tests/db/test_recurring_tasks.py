"""A task that comes again: its words are those of one that was finished."""

from __future__ import annotations

from typing import Any

import anyio
import pytest

from athena_mcp.manager import MemoryManager
from tests.db.invariants import check_store

pytestmark = pytest.mark.anyio

TEXT = "Rotate the signing certificate."


async def store(memory: MemoryManager, project: str, **more: Any) -> tuple[str, int, tuple[int, ...]]:
    receipt = await memory.remember(TEXT, layer="prospective", project=project, **more)
    return receipt.status, receipt.id, receipt.supersedes


async def finish(memory: MemoryManager, project: str, task: int, status: str = "completed") -> None:
    await memory.remember(f"Done with {task}.", about=task, details={"status": status}, project=project)


@pytest.mark.parametrize("status", ["completed", "cancelled"])
async def test_a_finished_task_does_not_swallow_a_new_one(
    shared: MemoryManager, shared_url: str, project: str, status: str
) -> None:
    _, first, _ = await store(shared, project)
    assert await store(shared, project) == ("duplicate", first, ())
    await finish(shared, project, first, status)
    edge = {"subject": "ops", "relation": "rotates", "object": "certificate"}
    kind, second, superseded = await store(shared, project, relations=[edge], details={"due_at": "2031-01-01"})
    assert (kind, superseded) == ("stored", (first,))
    assert await store(shared, project) == ("duplicate", second, ())
    found = await shared.recall("signing certificate", layers=["prospective"], project=project)
    assert [hit.memory.id for hit in found.memories] == [second]
    assert (await shared.get(first, project=project)).superseded_by == second
    assert (await shared.get(second, project=project)).relations
    check_store(shared_url)


async def test_a_finished_task_told_again_as_finished_is_the_same(shared: MemoryManager, project: str) -> None:
    _, first, _ = await store(shared, project)
    await finish(shared, project, first)
    assert await store(shared, project, details={"status": "completed"}) == ("duplicate", first, ())


async def test_a_key_means_one_task_finished_or_not(shared: MemoryManager, project: str) -> None:
    _, first, _ = await store(shared, project, key="rotate-2026")
    await finish(shared, project, first)
    assert await store(shared, project, key="rotate-2026") == ("duplicate", first, ())
    kind, second, superseded = await store(shared, project, key="rotate-2027")
    assert (kind, superseded) == ("stored", (first,))
    assert await store(shared, project, key="rotate-2026") == ("duplicate", first, ())
    assert await store(shared, project, key="rotate-2027") == ("duplicate", second, ())


async def test_of_many_who_tell_of_it_at_once_one_stores_it(
    shared: MemoryManager, shared_url: str, project: str
) -> None:
    _, first, _ = await store(shared, project)
    await finish(shared, project, first)
    told: list[tuple[str, int, tuple[int, ...]]] = []

    async def tell() -> None:
        told.append(await store(shared, project))

    async with anyio.create_task_group() as tasks:
        for _ in range(6):
            tasks.start_soon(tell)
    assert sorted(kind for kind, _, _ in told) == ["duplicate"] * 5 + ["stored"]
    assert len({memory for _, memory, _ in told}) == 1
    check_store(shared_url)


async def test_a_task_that_recurs_states_its_relations_anew(manager: MemoryManager) -> None:
    relations = [{"subject": "backup", "relation": "depends on", "object": "S3"}]
    first = await manager.remember("Check the backup.", layer="prospective", relations=relations)
    await manager.remember("Done.", about=first.id, details={"status": "completed"})
    again = await manager.remember("Check the backup.", layer="prospective", relations=relations)
    assert (again.status, again.supersedes) == ("stored", (first.id,))
    stored = await manager.get(again.id)
    assert [relation.to_dict() for relation in stored.relations] == relations
