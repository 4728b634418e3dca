"""A memory is kept as it was told, in the layer it belongs to, with a receipt that is true."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import anyio
import pytest

from athena_mcp.app import App, open_app
from athena_mcp.config import Settings
from athena_mcp.embed.embedder import EmbedderHandle
from athena_mcp.embed.static import DIMENSION, NAME, StaticEmbedder
from athena_mcp.errors import EmbedderUnavailable
from athena_mcp.manager import MemoryManager
from athena_mcp.model import (
    EpisodicDetails,
    EpisodicKind,
    GraphDetails,
    Layer,
    Outcome,
    Priority,
    ProceduralDetails,
    ProspectiveDetails,
    SemanticDetails,
    SemanticKind,
    TaskStatus,
    Trigger,
    TriggerKind,
)
from tests.db.invariants import check_store
from tests.db.stores import ask

pytestmark = pytest.mark.anyio


async def test_each_layer_keeps_its_details_and_gives_them_back(shared: MemoryManager, project: str) -> None:
    asked: dict[str, tuple[dict[str, Any], object]] = {
        "episodic": (
            {"kind": "test_run", "outcome": "partial", "files": ["src/a.py", 'odd "name"{,}\\.py', "src/a.py"]},
            EpisodicDetails(EpisodicKind.TEST_RUN, Outcome.PARTIAL, ("src/a.py", 'odd "name"{,}\\.py')),
        ),
        "semantic": (
            {"kind": "decision", "confidence": 0, "source": "ADR 4"},
            SemanticDetails(SemanticKind.DECISION, 0.0, "ADR 4"),
        ),
        "procedural": (
            {"steps": ["build", "build", "push; drop"], "applies_when": "releasing"},
            ProceduralDetails(("build", "build", "push; drop"), "releasing"),
        ),
        "prospective": (
            {
                "status": "blocked", "priority": "critical", "due_at": "2031-02-03T04:05:06+01:00",
                "triggers": [
                    {"on": "time", "value": "2031-01-01"}, {"on": "file", "value": "src/*.py"},
                    {"on": "branch", "value": "release/*"}, {"on": "phrase", "value": " rate limit "},
                ],
            },
            ProspectiveDetails(
                TaskStatus.BLOCKED, Priority.CRITICAL, datetime(2031, 2, 3, 3, 5, 6, tzinfo=UTC),
                (
                    Trigger(TriggerKind.TIME, "2031-01-01T00:00:00Z"), Trigger(TriggerKind.FILE, "src/*.py"),
                    Trigger(TriggerKind.BRANCH, "release/*"), Trigger(TriggerKind.PHRASE, "rate limit"),
                ),
            ),
        ),
        "graph": ({}, GraphDetails()),
    }  # fmt: skip
    for layer, (details, kept) in asked.items():
        receipt = await shared.remember(f"Something for {layer}.", layer=layer, details=details, project=project)
        memory = await shared.get(receipt.id, project=project)
        assert (memory.layer, memory.details) == (Layer(layer), kept)


async def test_a_memory_comes_back_as_it_was_told(shared: MemoryManager, shared_app: App, project: str) -> None:
    receipt = await shared.remember(
        "  Größe 尺寸 🦉 \n\t'; DROP TABLE athena.memories; -- %s {}  ",
        layer="semantic",
        tags=[" api ", 'quote"d {tag},', "back\\slash", "api", "NULL"],
        importance=1,
        occurred_at="2026-01-31T10:00:00.123456+01:00",
        session_id="session-7",
        key="the key",
        relations=[{"subject": "A b", "relation": "knows", "object": "C"}],
        project=project,
    )
    memory = await shared.get(receipt.id, project=project)
    assert memory.content == "Größe 尺寸 🦉 \n\t'; DROP TABLE athena.memories; -- %s {}"
    assert memory.tags == ("api", 'quote"d {tag},', "back\\slash", "NULL")
    assert memory.importance == 1.0
    assert memory.occurred_at == datetime(2026, 1, 31, 9, 0, 0, 123456, tzinfo=UTC)
    assert (memory.session_id, memory.key, memory.project) == ("session-7", "the key", project)
    assert [edge.to_dict() for edge in memory.relations] == [{"subject": "A b", "relation": "knows", "object": "C"}]
    assert memory.superseded_by is None
    bare = await shared.get((await shared.remember("Bare.", layer="semantic", project=project)).id, project=project)
    assert bare.session_id == shared_app.session_id
    assert (bare.tags, bare.importance, bare.occurred_at, bare.key) == ((), 0.5, None, None)


async def test_the_longest_of_everything_is_kept(shared: MemoryManager, project: str) -> None:
    receipt = await shared.remember(
        "尺" * 16_384,
        layer="procedural",
        tags=[f"{i:02}" + "ü" * 62 for i in range(32)],
        session_id="ß" * 200,
        key="ß" * 200,
        project=project,
        details={"steps": ["步" * 2_000] * 100, "applies_when": "時" * 2_000},
        relations=[{"subject": f"{i}" + "名" * 195, "relation": "系" * 200, "object": "物" * 200} for i in range(100)],
    )
    memory = await shared.get(receipt.id, project=project)
    assert len(memory.content) == 16_384
    assert len(memory.tags) == 32
    assert len(memory.relations) == 100
    assert receipt.status == "stored"


async def test_the_receipt_says_which_layer_was_chosen_and_why(shared: MemoryManager, project: str) -> None:
    chosen = (await shared.remember("The build failed because the disk was full.", project=project)).to_dict()
    assert list(chosen) == ["id", "layer", "status", "project", "layer_reason", "indexed"]
    assert (chosen["layer"], chosen["status"], chosen["project"]) == ("episodic", "stored", project)
    assert chosen["indexed"] == {"lexical": True, "vector": True}
    given = (
        await shared.remember("The build failed because the disk was full.", layer="semantic", project=project)
    ).to_dict()
    assert "layer_reason" not in given
    kind = await shared.remember("The parser is strict.", details={"kind": "test_run"}, project=project)
    assert kind.layer is Layer.EPISODIC
    kind = await shared.remember("The build is slow.", details={"kind": "preference"}, project=project)
    assert kind.layer is Layer.SEMANTIC


async def test_a_store_without_an_embedder_catches_up_when_there_is_one(
    settings: Settings, static_embedder: StaticEmbedder, database_url: str
) -> None:
    def broken() -> StaticEmbedder:
        raise EmbedderUnavailable("It is not installed.")

    handle = EmbedderHandle(broken, name=NAME, dimension=DIMENSION)
    async with open_app(settings, embedder=lambda: handle) as app:
        manager = await app.manager()
        await app.warmed()
        receipt = await manager.remember("The staging database listens on port 5433.")
        how = await manager.remember("Release.", layer="procedural", details={"steps": ["drain the connection pool"]})
        assert receipt.to_dict()["indexed"] == {"lexical": True, "vector": False}
        assert not (await manager.remember("The staging database listens on port 5433.")).vector
    assert ask(database_url, "SELECT count(*) FROM athena.vectors") == [(0,)]

    warm = EmbedderHandle(lambda: static_embedder, name=NAME, dimension=DIMENSION)
    async with open_app(settings, embedder=lambda: warm) as app:
        manager = await app.manager()
        with anyio.fail_after(20):
            while ask(database_url, "SELECT count(*) FROM athena.vectors") != [(2,)]:  # noqa: ASYNC110  # seen from outside
                await anyio.sleep(0.01)  # between two looks from outside
        assert (await manager.remember("The staging database listens on port 5433.")).vector
        text = "Release.\ndrain the connection pool"
        (vector,) = await static_embedder.embed([text])
        cosine = ask(
            database_url,
            "SELECT 1 - (embedding::vector <=> %s::vector) FROM athena.vectors WHERE memory_id = %s",
            json.dumps([float(value) for value in vector]),
            how.id,
        )
        assert cosine[0][0] > 0.999  # what was embedded is what `remember` embeds
    check_store(database_url)


async def test_the_receipt_tells_the_truth_about_a_text_that_cannot_be_embedded(
    shared: MemoryManager, shared_url: str, project: str
) -> None:
    receipt = await shared.remember("\u2042\u2042", layer="semantic", project=project)
    stored = ask(shared_url, "SELECT count(*) FROM athena.vectors WHERE memory_id = %s", receipt.id)
    assert receipt.vector is (stored == [(1,)])


async def test_a_time_of_the_caller_is_kept_to_the_microsecond(shared: MemoryManager, project: str) -> None:
    moment = datetime.now(UTC) - timedelta(days=400)
    receipt = await shared.remember("Precisely.", layer="episodic", occurred_at=moment, project=project)
    assert (await shared.get(receipt.id, project=project)).occurred_at == moment
