"""A memory that takes another's place."""

from __future__ import annotations

from typing import Any

import anyio
import pytest

from athena_mcp.errors import InvalidArgument
from athena_mcp.manager import MemoryManager
from athena_mcp.model import Layer
from tests.db.invariants import check_store
from tests.db.stores import ask

pytestmark = pytest.mark.anyio


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


async def test_what_replaces_a_memory_is_of_its_layer_unless_it_says_otherwise(
    shared: MemoryManager, project: str
) -> None:
    task = await shared.remember("Renew the staging certificate.", layer="prospective", project=project)
    later = await shared.remember("The certificate expires on 2026-12-20.", replaces=task.id, project=project)
    assert (later.layer, later.supersedes) == (Layer.PROSPECTIVE, (task.id,))
    assert later.layer_reason == "that of the memory it replaces"
    chosen = await shared.remember(
        "The certificate is renewed by itself.", replaces=later.id, layer="semantic", project=project
    )
    assert chosen.layer is Layer.SEMANTIC
    steps = await shared.remember(
        "Renewing the certificate.", replaces=chosen.id, details={"steps": ["ask", "wait"]}, project=project
    )
    assert steps.layer is Layer.PROCEDURAL, "only procedures have steps"


async def test_what_is_put_right_under_its_own_key_takes_the_key(shared: MemoryManager, project: str) -> None:
    old = await shared.remember("Deploys go out on Friday.", layer="semantic", key="day", project=project)
    new = await shared.remember("Deploys go out on Monday.", key="day", replaces=old.id, project=project)
    assert (new.status, new.supersedes) == ("stored", (old.id,))
    assert (await shared.get(new.id, project=project)).key == "day"
    assert (await shared.get(old.id, project=project)).key is None
    retry = await shared.remember("Deploys go out on Monday.", key="day", replaces=old.id, project=project)
    assert (retry.status, retry.id, retry.supersedes) == ("duplicate", new.id, ())
    late = await shared.remember("Deploys go out on Friday.", key="day", project=project)
    assert (late.status, late.id, late.content_differs) == ("duplicate", new.id, True)
