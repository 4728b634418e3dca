"""How what a recall found is ordered and shown: places, confidences, explanations, excerpts."""

from __future__ import annotations

import pytest

from athena_mcp.manager import MemoryManager
from tests.db.five_layers import fill, ids

pytestmark = pytest.mark.anyio


async def test_the_explanation_says_how_each_hit_came_by_its_place(shared: MemoryManager, project: str) -> None:
    await fill(shared, project)
    result = await shared.recall("runner qqzzx disk", project=project, explain_reasoning=True, k=2)
    explanation = result.to_dict()["explanation"]
    assert set(explanation["terms"]) == {"runner", "disk"}
    assert explanation["unknown_terms"] == ["qqzzx"]
    assert [row["id"] for row in explanation["scores"]] == ids(result)
    assert "explanation" not in (await shared.recall("runner", project=project)).to_dict()


async def test_confidence_never_contradicts_the_order_nor_exceeds_that_of_the_answer(
    shared: MemoryManager, project: str
) -> None:
    for seconds in (30, 45, 60):
        await shared.remember(f"The API timeout is {seconds} seconds.", layer="semantic", project=project)
    await shared.remember("The office is in Hamburg.", layer="semantic", project=project)
    for query in ("what is the API timeout?", "where is the office?", "who is the CTO?"):
        result = await shared.recall(query, project=project)
        sure = [hit.confidence or 0.0 for hit in result.memories]
        assert sure == sorted(sure, reverse=True), query
        assert result.confidence is not None
        assert max(sure) <= result.confidence


async def test_of_facts_that_differ_in_one_value_the_latest_comes_first(shared: MemoryManager, project: str) -> None:
    values = ("twenty", "ninety", "sixty")
    kept = [
        (
            await shared.remember(
                f"The session timeout of the portal is {value} minutes.",
                layer="semantic",
                occurred_at=f"2026-0{month}-01",
                project=project,
            )
        ).id
        for month, value in zip((3, 1, 2), values, strict=True)
    ]
    result = await shared.recall("how long is the portal's session timeout?", project=project)
    assert ids(result)[:3] == [kept[0], kept[2], kept[1]]
    scores = [hit.score for hit in result.memories]
    assert scores == sorted(scores, reverse=True)


async def test_a_long_memory_is_cut_and_the_whole_can_be_read(shared: MemoryManager, project: str) -> None:
    texts = [f"Number {number}: " + "the runner's disk is full. " * 600 for number in range(5)]
    kept = [await shared.remember(text, layer="semantic", project=project) for text in texts]
    rows = (await shared.recall("runner", project=project)).to_dict()["memories"]
    assert len(rows) == 5
    assert all(row["truncated"] and len(row["content"]) < 5_000 for row in rows)
    assert (await shared.get(kept[0].id, project=project)).content == texts[0].strip()


async def test_a_long_memory_is_shown_where_it_answers(shared: MemoryManager, project: str) -> None:
    filler = " ".join(f"Step {number} of the outage went as the runbook says." for number in range(250))
    for outage in range(3):
        opening, answer = f"Post-mortem of warehouse outage {outage}.", f"Operator Ines rebooted node n7{outage}."
        text = f"{opening} {filler} {answer} {filler[:900]}"
        await shared.remember(text, layer="episodic", project=project)
    result = await shared.recall("which operator rebooted node n72?", project=project)
    first = result.memories[0].to_dict(include_scores=False)
    assert first["truncated"]
    assert first["content"].startswith("Post-mortem of warehouse outage 2.")
    assert "Operator Ines rebooted node n72." in first["content"]
