"""What a recall may find: its filters, its project, its layers, and nothing that was replaced or forgotten."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from athena_mcp.layers.graph import MAX_EDGES
from athena_mcp.manager import MemoryManager
from athena_mcp.model import Layer
from tests.db.five_layers import ALL, fill, ids, statuses

pytestmark = pytest.mark.anyio


async def test_filters_apply_before_the_edges_of_a_hub_are_cut_off(shared: MemoryManager, project: str) -> None:
    def edge(number: int) -> list[dict[str, str]]:
        return [{"subject": f"Part {number}", "relation": "calls", "object": "Zephyr"}]

    wanted = await shared.remember(
        "What the oldest part does.", layer="graph", project=project, tags=["rare"], relations=edge(0)
    )
    for number in range(1, MAX_EDGES + 2):
        await shared.remember(f"Part {number} asks.", layer="graph", project=project, relations=edge(number))
    result = await shared.recall("Zephyr", project=project, tags=["rare"], explain_reasoning=True)
    assert ids(result) == [wanted.id]
    assert result.explanation is not None
    assert result.explanation["scores"][0]["linked"] > 0


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


async def test_a_project_may_be_called_anything_printable(shared: MemoryManager) -> None:
    for name in ("owner/name", "my team / the repo", "Größe 尺寸 🦉", "a'b\"c;--%_\\", "x" * 200):
        receipt = await shared.remember("The runner's disk.", layer="semantic", project=name)
        result = await shared.recall("runner", project=name)
        assert ids(result) == [receipt.id]
        assert result.project == name
        assert (await shared.get(receipt.id, project=name)).project == name
