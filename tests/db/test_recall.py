"""A recall finds what was remembered, whatever is asked and however."""

from __future__ import annotations

import copy
from typing import Any

import anyio
import pytest

from athena_mcp.manager import MemoryManager
from tests.db.five_layers import ALL, fill, ids, statuses
from tests.db.stores import row_counts

pytestmark = pytest.mark.anyio


async def test_the_answer_has_the_shape_of_the_contract(shared: MemoryManager, project: str) -> None:
    kept = await fill(shared, project)
    query = "why did the build fail on the runner's disk?"
    result = await shared.recall(query, project=project, k=3, layers=ALL, cascade_depth=1)
    answer = result.to_dict()
    assert [name for name in answer if name != "confidence"] == [
        "memories", "due", "layers", "degraded", "cascade_depth", "scope", "cache_hit", "elapsed_ms",
    ]  # fmt: skip
    assert len(answer["memories"]) == 3
    assert set(ids(result)) <= set(kept.values())
    assert set(answer["layers"]) == set(ALL)
    assert answer["scope"] == {"project": project, "with": ["global"]}
    assert (answer["cascade_depth"], answer["cache_hit"], answer["degraded"]) == (1, False, [])
    assert answer["elapsed_ms"] > 0
    for row in result.layers.values():
        assert row.status in ("ok", "skipped")
        assert row.reason or row.status == "ok"


async def test_a_memory_is_found_at_once_by_some_of_its_words_whatever_else_is_asked(
    shared: MemoryManager, project: str
) -> None:
    await fill(shared, project)
    wanted = await shared.remember("The staging database listens on port 5433.", layer="semantic", project=project)
    queries = (
        "staging database port",
        "which port did we choose for postgres on the staging machine, and why?",
        "STAGING",
        "databases listening",
    )
    for query in queries:
        assert ids(await shared.recall(query, project=project))[0] == wanted.id, query


async def test_a_memory_is_found_without_a_word_in_common(shared: MemoryManager, project: str) -> None:
    await fill(shared, project)
    wanted = await shared.remember("The automobile's engine overheats.", layer="semantic", project=project)
    result = await shared.recall("hot car motor", project=project, explain_reasoning=True)
    assert ids(result)[0] == wanted.id
    assert result.explanation is not None
    assert result.explanation["scores"][0]["lexical"] == 0
    assert result.explanation["scores"][0]["cosine"] > 0


async def test_entities_named_in_a_query_bring_what_is_said_of_them(shared: MemoryManager, project: str) -> None:
    edge = {"subject": "AuthService", "relation": "depends on", "object": "TokenStore"}
    linked = await shared.remember("Quite another wording.", layer="graph", project=project, relations=[edge])
    for number in range(5):
        await shared.remember(f"Noise {number}.", layer="graph", project=project)
    for query in (
        "what does the auth service depend on?",
        "token-store: who needs it?",
        "AUTH_SERVICE and token_stores",
    ):
        result = await shared.recall(query, project=project, layers=["graph"], explain_reasoning=True)
        assert ids(result)[0] == linked.id, query
        assert result.explanation is not None
        assert result.explanation["scores"][0]["linked"] > 0


async def test_the_sequential_way_finds_the_same(shared: MemoryManager, project: str) -> None:
    await fill(shared, project)
    for query in ("runner's disk", "what builds the billing service?", "hot car motor"):
        parallel = await shared.recall(query, project=project, layers=ALL, k=50)
        one_by_one = await shared.recall(query, project=project, layers=ALL, k=50, use_parallel=False)
        assert ids(parallel) == ids(one_by_one)
        assert statuses(parallel) == statuses(one_by_one)
        assert [hit.score for hit in parallel.memories] == pytest.approx([hit.score for hit in one_by_one.memories])


async def test_recall_changes_neither_its_arguments_nor_the_store(manager: MemoryManager, database_url: str) -> None:
    await fill(manager, "owner/project")
    context = {"session_id": "s-1", "task": "Fix the build", "phase": "debugging", "files": ["a.py"], "branch": None}
    given = copy.deepcopy(context)
    before = row_counts(database_url)
    result = await manager.recall("why did the build fail?", context, tags=[], project="never/heard-of")
    await manager.recall("why did the build fail?", context)
    assert context == given
    assert row_counts(database_url) == before
    assert result.memories == ()


async def test_whoever_asks_for_more_depth_than_is_reached_is_told(shared: MemoryManager, project: str) -> None:
    await fill(shared, project)
    deeper: tuple[dict[str, Any], ...] = ({"cascade_depth": 2}, {"cascade_depth": 3}, {"auto_select_depth": False})
    for arguments in deeper:
        result = await shared.recall("runner", project=project, **arguments)
        assert result.memories
        wanted = arguments.get("cascade_depth", 3)
        told = [reason for reason in result.degraded if reason.startswith(f"cascade_depth {wanted}")]
        assert result.cascade_depth == wanted or told
    for plain in ({"cascade_depth": 1}, {"cascade_depth": 1, "auto_select_depth": False}):
        result = await shared.recall("runner", project=project, **plain)  # type: ignore[arg-type]  # either kind
        assert (result.cascade_depth, result.degraded) == (1, ())


@pytest.mark.parametrize(
    "query",
    [
        "the of and is it", "?", "...", "🦉", "👩‍💻🚀", "数据库连接", "什么", "'; DROP TABLE athena.memories; --",
        "100% _ \\ %s %(x)s {} $1", "a & b | !c <-> (d):*", '"unbalanced', "\\x00 \\u0000", "\x01\x02x", "a" * 4_096,
        "word " * 819, "🦉" * 4_096, "\u0301" * 100, "NaN", "null", "' OR 1=1", "a b c d e f g h i j k l m n",
    ],
)  # fmt: skip
async def test_every_query_is_answered_sensibly(shared: MemoryManager, query: str) -> None:
    kept = await shared.remember("The runner's disk is full; 数据库连接 too.", layer="semantic", project="odd queries")
    result = await shared.recall(query, {"task": query, "branch": query[:200]}, project="odd queries")
    assert not [row for row in result.layers.values() if row.failed]
    assert not result.degraded
    assert set(ids(result)) <= {kept.id}
    if "数据库" in query:
        assert ids(result) == [kept.id]


async def test_many_recalls_and_writes_at_once_all_succeed(manager: MemoryManager) -> None:
    kept = await fill(manager, "owner/project")
    found: list[list[int]] = []

    async def ask_all(number: int) -> None:
        result = await manager.recall(f"runner's disk {number}", layers=ALL, k=10)
        assert not result.degraded
        found.append(ids(result))

    async def write(number: int) -> None:
        await manager.remember(f"Invoice {number} was paid.", layer="episodic")

    with anyio.fail_after(60):
        async with anyio.create_task_group() as tasks:
            for number in range(30):
                tasks.start_soon(ask_all, number)
                tasks.start_soon(write, number)
    assert len(found) == 30
    assert all(kept["semantic"] in row for row in found)
