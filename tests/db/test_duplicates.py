"""What was told before is stored once, takes over what is new, and says what it did not take."""

from __future__ import annotations

from typing import Any

import pytest

from athena_mcp.manager import MemoryManager
from athena_mcp.model import (
    Layer,
)
from tests.db.invariants import check_store
from tests.db.stores import ask

pytestmark = pytest.mark.anyio


async def test_the_same_text_is_stored_once(shared: MemoryManager, project: str) -> None:
    first = await shared.remember("Caf\u00e9 opens at  nine.", layer="semantic", project=project)
    for same in ("Cafe\u0301 opens at nine.", "\nCaf\u00e9\topens at nine. "):
        again = await shared.remember(same, layer="semantic", project=project)
        assert (again.status, again.id, again.layer) == ("duplicate", first.id, Layer.SEMANTIC)
        assert not again.content_differs
        assert again.vector
    others = [
        await shared.remember("CAF\u00c9 opens at nine.", layer="semantic", project=project),
        await shared.remember("Caf\u00e9 opens at nine.", layer="procedural", project=project),
        await shared.remember("Caf\u00e9 opens at nine.", layer="semantic", project=f"{project}/other"),
    ]
    assert [other.status for other in others] == ["stored"] * 3
    assert len({first.id, *(other.id for other in others)}) == 4


async def test_an_event_is_the_same_only_at_the_same_time(shared: MemoryManager, shared_url: str, project: str) -> None:
    async def tell(occurred_at: str | None) -> tuple[str, int]:
        receipt = await shared.remember("Deployed.", layer="episodic", occurred_at=occurred_at, project=project)
        return receipt.status, receipt.id

    _, monday = await tell("2026-01-05T10:00:00Z")
    assert await tell("2026-01-05T11:00:00+01:00") == ("duplicate", monday)
    status, tuesday = await tell("2026-01-06T10:00:00Z")
    assert (status, tuesday != monday) == ("stored", True)
    status, now = await tell(None)
    assert status == "stored"
    assert await tell(None) == ("duplicate", now)
    ask(shared_url, "UPDATE athena.memories SET created_at = created_at - interval '61 seconds' WHERE id = %s", now)
    status, later = await tell(None)
    assert (status, later != now) == ("stored", True)


async def test_a_key_makes_a_retry_the_same_memory_and_says_when_the_text_is_not(
    shared: MemoryManager, project: str
) -> None:
    first = await shared.remember("Version one.", key="k-1", project=project)
    retry = await shared.remember("Version one.", key="k-1", project=project)
    assert (retry.status, retry.id, retry.content_differs) == ("duplicate", first.id, False)
    other = await shared.remember("Version two.", key="k-1", project=project)
    assert (other.status, other.id, other.content_differs) == ("duplicate", first.id, True)
    assert other.to_dict()["content_differs"] is True
    assert (await shared.get(first.id, project=project)).content == "Version one."
    elsewhere = await shared.remember("Version two.", key="k-1", project=f"{project}/other")
    assert elsewhere.status == "stored"
    newer = await shared.remember("Version three.", replaces=first.id, project=project)
    late = await shared.remember("Version one.", key="k-1", project=project)
    assert (late.status, late.id) == ("duplicate", first.id)
    assert newer.supersedes == (first.id,)


async def test_a_duplicate_takes_the_key_so_that_a_retry_finds_it(shared: MemoryManager, project: str) -> None:
    first = await shared.remember("The frontend uses pnpm.", layer="semantic", project=project)
    again = await shared.remember("The frontend uses pnpm.", layer="semantic", key="fe", project=project)
    assert (again.status, again.id, again.updated) == ("duplicate", first.id, {"id": first.id, "key": "fe"})
    retry = await shared.remember("Something else entirely.", layer="semantic", key="fe", project=project)
    assert (retry.status, retry.id) == ("duplicate", first.id)
    other = await shared.remember("The frontend uses pnpm.", layer="semantic", key="other", project=project)
    assert (other.status, other.id, other.not_stored) == ("duplicate", first.id, ("key",))
    assert (await shared.get(first.id, project=project)).key == "fe"


async def test_a_known_key_with_another_text_replaces_nothing(shared: MemoryManager, project: str) -> None:
    keyed = await shared.remember("Deploys go out on Friday.", layer="semantic", key="day", project=project)
    old = await shared.remember("The cache TTL is 5 minutes.", layer="semantic", project=project)
    refused = await shared.remember("The cache TTL is 9 minutes.", key="day", replaces=old.id, project=project)
    assert (refused.status, refused.id, refused.supersedes) == ("duplicate", keyed.id, ())
    assert refused.content_differs
    assert (await shared.get(old.id, project=project)).superseded_at is None
    same = await shared.remember("Deploys go out on Friday.", key="day", replaces=old.id, project=project)
    assert (same.status, same.supersedes) == ("duplicate", (old.id,))


async def test_a_duplicate_names_the_time_the_layer_and_what_it_is_about_where_they_differ(
    shared: MemoryManager, project: str
) -> None:
    fact = await shared.remember("The cache is Redis.", layer="semantic", key="c", project=project)
    again = await shared.remember("The cache is Redis.", layer="semantic", occurred_at="2026-01-01", project=project)
    assert (again.id, again.not_stored) == (fact.id, ("occurred_at",))
    other = await shared.remember("The cache is Redis.", layer="episodic", key="c", session_id="s2", project=project)
    assert (other.id, other.layer, other.not_stored) == (fact.id, Layer.SEMANTIC, ("layer",))
    report = await shared.remember("Looks fine.", about=fact.id, key="r", project=project)
    second = await shared.remember("The queue is NATS.", layer="semantic", project=project)
    elsewhere = await shared.remember("Looks fine.", about=second.id, key="r", project=project)
    assert (elsewhere.id, elsewhere.not_stored) == (report.id, ("about",))


async def test_what_says_nearly_the_same_is_named_and_kept(shared: MemoryManager, project: str) -> None:
    first = await shared.remember("The staging database listens on port 5433.", layer="semantic", project=project)
    near = await shared.remember("The staging database listens on port 5433!", layer="semantic", project=project)
    assert near.status == "stored"
    assert near.near_duplicates == (first.id,)
    other_number = await shared.remember(
        "The staging database listens on port 5434.", layer="semantic", project=project
    )
    assert other_number.near_duplicates == (first.id,), "one of them is likely out of date"
    event = "Run 5433 of the nightly job took a long while."
    await shared.remember(event, layer="episodic", project=project)
    later = await shared.remember(event.replace("5433", "5434"), layer="episodic", project=project)
    assert later.near_duplicates == (), "events differ in their numbers"
    far = await shared.remember("Invoices are numbered by country.", layer="semantic", project=project)
    assert far.near_duplicates == ()


async def test_a_memory_told_again_takes_over_tags_and_relations_and_names_the_rest(
    manager: MemoryManager, database_url: str
) -> None:
    first = await manager.remember("Billing runs somewhere.", layer="semantic", tags=["a"])
    other = await manager.remember(
        "Billing runs on alpha.",
        layer="graph",
        relations=[{"subject": "Billing", "relation": "runs on", "object": "alpha"}],
    )
    told: dict[str, Any] = {
        "tags": ["a", "kubernetes"],
        "relations": [{"subject": "billing", "relation": "Runs on", "object": "beta"}],
        "importance": 0.9,
        "details": {"confidence": 0.3},
    }
    again = await manager.remember("Billing  runs somewhere.", layer="semantic", **told)
    assert (again.status, again.id) == ("duplicate", first.id)
    assert again.updated == {"id": first.id, "tags": ["kubernetes"], "relations": 1}
    # A relation with one object at a time ends the former, and so replaces what stated nothing else.
    assert again.supersedes == (other.id,)
    assert again.not_stored == ("importance", "details")
    stored = await manager.get(first.id)
    assert stored.tags == ("a", "kubernetes")
    assert [edge.object for edge in stored.relations] == ["beta"]
    assert stored.importance == 0.5
    assert [hit.memory.id for hit in (await manager.recall("kubernetes", k=1)).memories] == [first.id]
    check_store(database_url)

    repeated = await manager.remember("Billing runs somewhere.", layer="semantic", tags=["kubernetes"])
    assert (repeated.status, repeated.updated, repeated.not_stored) == ("duplicate", None, ())


async def test_what_is_the_same_by_its_key_only_or_was_replaced_takes_over_nothing(manager: MemoryManager) -> None:
    first = await manager.remember("One text.", layer="semantic", key="k")
    other = await manager.remember("Another text.", layer="semantic", key="k", tags=["new"])
    assert (other.status, other.updated, other.content_differs) == ("duplicate", None, True)
    await manager.remember("A newer text.", layer="semantic", replaces=first.id)
    late = await manager.remember("One text.", layer="semantic", key="k", tags=["new"])
    assert (late.status, late.id, late.updated) == ("duplicate", first.id, None)
    assert (await manager.get(first.id)).tags == ()
