"""A project sees itself and what holds everywhere; it crosses into another only when that is named."""

from __future__ import annotations

import pytest

from athena_mcp.errors import InvalidArgument
from athena_mcp.manager import MemoryManager

pytestmark = pytest.mark.anyio


async def test_one_crosses_only_by_name_and_every_answer_says_where_it_looked(manager: MemoryManager) -> None:
    mine = await manager.remember("The gateway listens on port 8443.", layer="semantic", project="scope/mine")
    theirs = await manager.remember("The gateway listens on port 9443.", layer="semantic", project="scope/theirs")
    ours = await manager.remember("Every gateway speaks TLS.", layer="semantic", project="global")
    for project, seen, beside in (
        ("scope/mine", {mine.id, ours.id}, ["global"]),
        ("scope/theirs", {theirs.id, ours.id}, ["global"]),
        ("global", {ours.id}, []),
        ("scope/nobody", {ours.id}, ["global"]),
    ):
        for depth in (1, 2, 3):
            answer = (await manager.recall("gateway port TLS", project=project, cascade_depth=depth, k=50)).to_dict()
            assert answer["scope"] == {"project": project, "with": beside}
            assert {row["id"] for row in answer["memories"]} == seen
    nothing = (await manager.recall("zebra", project="scope/mine")).to_dict()
    assert nothing["scope"] == {"project": "scope/mine", "with": ["global"]}


async def test_an_id_out_of_scope_is_an_unknown_id(manager: MemoryManager) -> None:
    theirs = await manager.remember("Their task.", layer="prospective", project="scope/theirs")
    unknown = 10**12
    refusals = []
    for memory_id in (theirs.id, unknown):
        for attempt in (
            lambda which=memory_id: manager.forget(which, project="scope/mine"),
            lambda which=memory_id: manager.get(which, project="scope/mine"),
            lambda which=memory_id: manager.remember("New.", replaces=which, project="scope/mine"),
            lambda which=memory_id: manager.remember("Done.", about=which, project="scope/mine"),
            lambda which=memory_id: manager.forget(which, project="global"),
        ):
            with pytest.raises(InvalidArgument) as raised:
                await attempt()
            refusals.append(str(raised.value).replace(str(memory_id), "ID"))
    # Nothing in the words tells one that is there from one that is not.
    assert refusals[:5] == refusals[5:]
    assert (await manager.get(theirs.id, project="scope/theirs")).superseded_at is None


async def test_a_secret_in_place_of_a_project_is_refused_and_repeated_nowhere(manager: MemoryManager) -> None:
    secret = "ghp_" + "Zx9Qw3Rt7Yu1Pa5Sd8Fg2Hj4Kl6Mn0Bv3Cx7"

    async def exported(project: str) -> None:
        async for _ in manager.export(project=project):
            pass

    for name in (secret, f"acme/{secret}"):
        for attempt in (
            lambda named=name: manager.remember("A fact.", project=named),
            lambda named=name: manager.recall("a fact", project=named),
            lambda named=name: manager.forget(1, project=named),
            lambda named=name: manager.get(1, project=named),
            lambda named=name: manager.list_memories(project=named),
            lambda named=name: exported(named),
        ):
            with pytest.raises(InvalidArgument) as raised:
                await attempt()
            assert raised.value.argument == "project"
            assert "looks like a secret" in str(raised.value)
            assert secret not in str(raised.value)
