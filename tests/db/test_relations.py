"""Entities, and relations with one object at a time."""

from __future__ import annotations

from typing import Any

import pytest

from athena_mcp.manager import MemoryManager
from tests.db.edges import edge
from tests.db.stores import ask

pytestmark = pytest.mark.anyio


async def test_an_entity_is_recognised_in_every_spelling(shared: MemoryManager, shared_url: str, project: str) -> None:
    for number, name in enumerate(("AuthService", "auth-service", "the auth service", "AUTH_SERVICE")):
        await shared.remember(f"Edge {number}.", relations=[edge(name, "calls", f"backend {number}")], project=project)
    found = ask(
        shared_url,
        "SELECT e.name FROM athena.entities e JOIN athena.projects p ON p.id = e.project_id"
        " WHERE p.name = %s AND e.name_key = 'auth service'",
        project,
    )
    assert found == [("AuthService",)]


async def test_stating_a_single_valued_relation_anew_ends_the_former(shared: MemoryManager, project: str) -> None:
    async def tell(text: str, *edges: dict[str, str], layer: str = "graph") -> Any:
        return await shared.remember(text, layer=layer, relations=edges, project=project)

    first = await tell("Billing runs on alpha.", edge("Billing", "runs on", "alpha"))
    both = await tell(
        "Search runs on alpha, owned by Ada.", edge("Search", "runs_on", "alpha"), edge("Search", "owned by", "Ada")
    )
    fact = await tell("As a fact.", edge("Queue", "runs on", "alpha"), layer="semantic")
    many = await tell("Billing calls Search.", edge("Billing", "calls", "Search"))

    moved = await tell("Billing moved to beta.", edge("the billing", "runsOn", "beta"))
    assert moved.supersedes == (first.id,)
    assert (await shared.get(first.id, project=project)).superseded_by == moved.id

    half = await tell("Search moved to beta.", edge("search", "RUNS-ON", "beta"))
    assert half.supersedes == ()
    left = await shared.get(both.id, project=project)
    assert left.superseded_at is None
    assert [relation.relation for relation in left.relations] == ["owned by"]
    whole = await tell("Grace owns Search.", edge("Search", "owned by", "Grace"))
    assert whole.supersedes == (both.id,)

    elsewhere = await tell("Queue moved to beta.", edge("Queue", "runs on", "beta"))
    assert elsewhere.supersedes == ()
    queue = await shared.get(fact.id, project=project)
    assert (queue.superseded_at, queue.relations) == (None, ())

    more = await tell("Billing calls Ledger.", edge("Billing", "calls", "Ledger"))
    assert more.supersedes == ()
    assert (await shared.get(many.id, project=project)).superseded_at is None

    same = await tell("Billing is on beta, as said.", edge("Billing", "runs on", "Beta"))
    assert same.supersedes == ()


async def test_a_fact_told_again_brings_back_the_relation_that_had_ended(manager: MemoryManager) -> None:
    def runs_on(node: str) -> dict[str, Any]:
        return {"layer": "semantic", "relations": [{"subject": "Web", "relation": "runs on", "object": node}] * 2}

    first = await manager.remember("Web runs on n1 since May.", **runs_on("n1"))
    second = await manager.remember("Web runs on n2 since June.", **runs_on("n2"))
    assert (await manager.get(first.id)).relations == ()
    again = await manager.remember("Web runs on n1 since May.", **runs_on("n1"))
    assert (again.status, again.updated) == ("duplicate", {"id": first.id, "relations": 1})
    assert [edge.object for edge in (await manager.get(first.id)).relations] == ["n1"]
    assert (await manager.get(second.id)).relations == ()
    once_more = await manager.remember("Web runs on n1 since May.", **runs_on("n1"))
    assert (once_more.status, once_more.updated) == ("duplicate", None)
