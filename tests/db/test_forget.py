from __future__ import annotations

import pytest

from athena_mcp.app import App
from athena_mcp.errors import InvalidArgument
from athena_mcp.manager import MemoryManager
from athena_mcp.receipt import Forgotten
from tests.db.edges import edge
from tests.db.invariants import check_store
from tests.db.stores import ask, row_counts, whole_text

pytestmark = pytest.mark.anyio

WORD = "xylophone"


async def test_a_forgotten_memory_is_gone_from_every_table_index_and_answer(
    manager: MemoryManager, database_url: str
) -> None:
    await manager.remember("Something else.", layer="semantic", relations=[edge("Search", "owned by", "Ada")])
    before = row_counts(database_url)
    receipts = [
        await manager.remember(
            f"A {WORD} broke.", layer="episodic", tags=[WORD], key=f"{WORD}-1", session_id=WORD,
            details={"files": [f"{WORD}.py"]}, relations=[edge(f"{WORD} service", "owned by", "Ada")],
        ),
        await manager.remember(f"A {WORD} is loud.", layer="semantic", details={"source": WORD}),
        await manager.remember("How.", layer="procedural", details={"steps": [WORD], "applies_when": WORD}),
        await manager.remember(
            "Tune it.", layer="prospective", details={"triggers": [{"on": "phrase", "value": WORD}]}
        ),
        await manager.remember(f"{WORD} plays.", layer="graph", relations=[edge(WORD, "plays", f"the {WORD} song")]),
    ]  # fmt: skip
    removed = [await manager.forget(receipt.id) for receipt in receipts]
    assert removed == [Forgotten((receipt.id,), n) for receipt, n in zip(receipts, (1, 0, 0, 0, 1), strict=True)]
    after = row_counts(database_url)
    # The totals of a layer stay, at nought; and every write counts as one.
    counted = {table for table, count in after.items() if count != before[table]}
    assert counted == {"layer_totals", "versions"}
    assert WORD not in whole_text(database_url)
    check_store(database_url)
    explanation = (await manager.recall(WORD, explain_reasoning=True)).to_dict()["explanation"]
    assert explanation["unknown_terms"] == [WORD[:-1]]
    assert explanation["terms"] == {}
    assert [memory.content async for memory in manager.export()] == ["Something else."]
    for receipt in receipts:
        with pytest.raises(InvalidArgument, match="is not a memory of"):
            await manager.get(receipt.id)
        with pytest.raises(InvalidArgument, match="is not a memory of"):
            await manager.forget(receipt.id)


async def test_what_pointed_to_a_forgotten_memory_points_nowhere(manager: MemoryManager, database_url: str) -> None:
    old = await manager.remember("Port 5432.", layer="semantic")
    new = await manager.remember("Port 5433.", layer="semantic", replaces=old.id)
    report = await manager.remember("Seen on 5433.", about=new.id)
    await manager.forget(new.id)
    kept = await manager.get(old.id)
    assert kept.superseded_by is None
    assert kept.superseded_at is not None  # what it had replaced stays replaced
    assert (await manager.get(report.id)).about is None
    await manager.forget(old.id)
    check_store(database_url)
    again = await manager.remember("Port 5432.", layer="semantic")
    assert again.status == "stored"
    assert again.id > report.id  # an id is never used twice


async def test_forgetting_reaches_global_memories_but_no_other_project(manager: MemoryManager) -> None:
    everyones = await manager.remember("A rule.", layer="semantic", project="global")
    theirs = await manager.remember("Theirs.", layer="semantic", project="owner/other")
    with pytest.raises(InvalidArgument, match=r"'owner/project' or 'global'"):
        await manager.forget(theirs.id)
    with pytest.raises(InvalidArgument, match="is not a memory of 'global'; recall it first"):
        await manager.forget(theirs.id, project="global")
    with pytest.raises(InvalidArgument):
        await manager.forget(theirs.id, project="never/heard-of")
    assert (await manager.forget(everyones.id)).ids == (everyones.id,)
    assert (await manager.forget(theirs.id, project="owner/other")).ids == (theirs.id,)


async def test_an_entity_stays_as_long_as_a_relation_names_it(manager: MemoryManager, database_url: str) -> None:
    first = await manager.remember("One.", layer="graph", relations=[edge("A", "calls", "B"), edge("B", "calls", "C")])
    second = await manager.remember("Two.", layer="graph", relations=[edge("B", "calls", "D")])
    assert (await manager.forget(first.id)).relations_removed == 2
    assert ask(database_url, "SELECT name FROM athena.entities ORDER BY 1") == [("B",), ("D",)]
    assert (await manager.forget(second.id)).to_dict() == {"forgotten": [second.id], "relations_removed": 1}
    assert ask(database_url, "SELECT count(*) FROM athena.entities") == [(0,)]


async def test_forgetting_is_counted_and_a_failed_one_as_an_error(app: App, manager: MemoryManager) -> None:
    receipt = await manager.remember("Gone.", layer="semantic")
    await manager.forget(receipt.id)
    with pytest.raises(InvalidArgument):
        await manager.forget(receipt.id)
    counted = app.statistics.snapshot("forget")["forget"]
    assert (counted["count"], counted["errors"]) == (2, 1)
