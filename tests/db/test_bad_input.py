"""What cannot be accepted is refused with an error that names the argument, and nothing of it is stored."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import pytest

from athena_mcp.errors import InvalidArgument
from athena_mcp.manager import MemoryManager
from tests.db.stores import row_counts

pytestmark = pytest.mark.anyio

HUGE = 10**5000
FINE = "The staging database listens on port 5433."


@pytest.fixture(scope="module", autouse=True)
async def _one_memory(shared: MemoryManager) -> None:
    """The projects in scope exist, so that a refusal has no reason to make a row of any kind."""
    await shared.remember("Something is there already.", layer="semantic")


def nested(depth: int) -> list[object]:
    """A list in a list in a list …"""
    inner: list[object] = []
    for _ in range(depth):
        inner = [inner]
    return inner


def edge(**names: object) -> dict[str, object]:
    return {"subject": "a", "relation": "knows", "object": "b", **names}


REMEMBER: list[tuple[str, dict[str, Any]]] = [
    ("content", {"content": ""}),
    ("content", {"content": " \n\t\u3000"}),
    ("content", {"content": "\u200b\u200d\u2060\ufeff"}),
    ("content", {"content": "\x01\x1b\x7f\x9b"}),
    ("content", {"content": "\u202e\u2066 \u2069\u200f"}),
    ("content", {"content": "\x1b[31m\x1b[0m"}),
    ("content", {"content": "\U000e0068\U000e0069"}),
    ("content", {"content": "x" * 16_385}),
    ("content", {"content": "x" * 10_000_000}),
    ("content", {"content": "a\x00b"}),
    ("content", {"content": "half \ud83d of a pair"}),
    ("content", {"content": None}),
    ("content", {"content": 5}),
    ("content", {"content": b"bytes"}),
    ("content", {"content": ["a"]}),
    ("layer", {"layer": "episodical"}),
    ("layer", {"layer": ""}),
    ("layer", {"layer": 3}),
    ("layer", {"layer": "Episodic"}),
    ("tags", {"tags": "api"}),
    ("tags", {"tags": ["a"] * 33}),
    ("tags[1]", {"tags": ["a", ""]}),
    ("tags[0]", {"tags": ["x" * 65]}),
    ("tags[0]", {"tags": ["\x00"]}),
    ("tags[0]", {"tags": [1]}),
    ("tags[0]", {"tags": [None]}),
    ("tags", {"tags": {"a": 1}}),
    ("importance", {"importance": math.nan}),
    ("importance", {"importance": math.inf}),
    ("importance", {"importance": -math.inf}),
    ("importance", {"importance": 1.0001}),
    ("importance", {"importance": -0.1}),
    ("importance", {"importance": True}),
    ("importance", {"importance": "0.5"}),
    ("importance", {"importance": HUGE}),
    ("occurred_at", {"occurred_at": "yesterday"}),
    ("occurred_at", {"occurred_at": "2026-02-30"}),
    ("occurred_at", {"occurred_at": "10000-01-01"}),
    ("occurred_at", {"occurred_at": "0001-01-01T00:00:00+14:00"}),
    ("occurred_at", {"occurred_at": 1_700_000_000}),
    ("occurred_at", {"occurred_at": ""}),
    ("session_id", {"session_id": "x" * 201}),
    ("session_id", {"session_id": "two\nlines"}),
    ("session_id", {"session_id": ""}),
    ("project", {"project": "x" * 201}),
    ("project", {"project": " "}),
    ("project", {"project": "a\x00b"}),
    ("project", {"project": 5}),
    ("key", {"key": "x" * 201}),
    ("key", {"key": ""}),
    ("key", {"key": "\ud800"}),
    ("details", {"details": "kind=event"}),
    ("details", {"details": [1]}),
    ("details.outcom", {"details": {"outcom": "success"}}),
    ("details.successes", {"details": {"successes": 5}, "layer": "procedural"}),
    ("details.5", {"details": {5: "x"}}),
    ("details.steps", {"details": {"steps": ["a"]}, "layer": "semantic"}),
    ("details.kind", {"details": {"kind": "party"}, "layer": "episodic"}),
    ("details.kind", {"details": {"kind": "fact"}, "layer": "episodic"}),
    ("details.kind", {"details": {"kind": ["event"]}}),
    ("details.outcome", {"details": {"outcome": "great"}, "layer": "episodic"}),
    ("details.files", {"details": {"files": "a.py"}, "layer": "episodic"}),
    ("details.files", {"details": {"files": ["a.py"] * 101}, "layer": "episodic"}),
    ("details.files", {"details": {"files": ["a.py"] * 1_000_000}, "layer": "episodic"}),
    (
        "details.triggers[0].'0'",
        {"details": {"triggers": [dict.fromkeys(map(str, range(10**5)))]}, "layer": "prospective"},
    ),
    ("details.files[0]", {"details": {"files": ["x" * 2_001]}, "layer": "episodic"}),
    ("details.files[0]", {"details": {"files": ["a\x00b"]}, "layer": "episodic"}),
    ("details.files[0]", {"details": {"files": ["\udc80"]}, "layer": "episodic"}),
    ("details.files[0]", {"details": {"files": [b"a.py"]}, "layer": "episodic"}),
    ("details", {"details": {"files": nested(5_000)}, "layer": "episodic"}),
    ("details.confidence", {"details": {"confidence": math.nan}, "layer": "semantic"}),
    ("details.confidence", {"details": {"confidence": 2}, "layer": "semantic"}),
    ("details.source", {"details": {"source": ""}, "layer": "semantic"}),
    ("details.source", {"details": {"source": "x" * 10_000_000}, "layer": "semantic"}),
    ("details.steps[1]", {"details": {"steps": ["a", " "]}, "layer": "procedural"}),
    ("details.steps", {"details": {"steps": {"1": "a"}}, "layer": "procedural"}),
    ("details.applies_when", {"details": {"applies_when": 5}, "layer": "procedural"}),
    ("details.status", {"details": {"status": "done"}, "layer": "prospective"}),
    ("details.priority", {"details": {"priority": 1}, "layer": "prospective"}),
    ("details.due_at", {"details": {"due_at": "soon"}, "layer": "prospective"}),
    ("details.triggers", {"details": {"triggers": {"on": "file"}}, "layer": "prospective"}),
    ("details.triggers[0]", {"details": {"triggers": ["file"]}, "layer": "prospective"}),
    ("details.triggers[0].value", {"details": {"triggers": [{"on": "file"}]}, "layer": "prospective"}),
    ("details.triggers[0].on", {"details": {"triggers": [{"value": "x"}]}, "layer": "prospective"}),
    ("details.triggers[0].on", {"details": {"triggers": [{"on": "moon", "value": "x"}]}, "layer": "prospective"}),
    ("details.triggers[0].value", {"details": {"triggers": [{"on": "time", "value": "x"}]}, "layer": "prospective"}),
    ("details.triggers[0].at", {"details": {"triggers": [{"on": "time", "at": "x"}]}, "layer": "prospective"}),
    ("relations", {"relations": "a knows b"}),
    ("relations", {"relations": edge()}),
    ("relations", {"relations": [edge()] * 101}),
    ("relations[0]", {"relations": ["a knows b"]}),
    ("relations[0].object", {"relations": [{"subject": "a", "relation": "knows"}]}),
    ("relations[0].object", {"relations": [edge(object=None)]}),
    ("relations[0].object", {"relations": [edge(object="")]}),
    ("relations[1].subject", {"relations": [edge(), edge(subject="x" * 201)]}),
    ("relations[0].relation", {"relations": [edge(relation="\x00")]}),
    ("relations[0].weight", {"relations": [edge(weight=1)]}),
    ("replaces", {"replaces": 10**15}),
    ("replaces", {"replaces": 0}),
    ("replaces", {"replaces": -1}),
    ("replaces", {"replaces": 2**63}),
    ("replaces", {"replaces": HUGE}),
    ("replaces", {"replaces": "1"}),
    ("replaces", {"replaces": True}),
    ("about", {"about": 10**15}),
    ("about", {"about": 0}),
    ("about", {"about": 1.0}),
    ("layer", {"about": 1, "layer": "semantic"}),
    ("replaces", {"about": 1, "replaces": 1}),
]

RECALL: list[tuple[str, dict[str, Any]]] = [
    ("query", {"query": ""}),
    ("query", {"query": "  \n"}),
    ("query", {"query": "\u200b\u202e"}),
    ("query", {"query": "x" * 4_097}),
    ("query", {"query": "x" * 10_000_000}),
    ("query", {"query": "a\x00b"}),
    ("query", {"query": "\ud800"}),
    ("query", {"query": None}),
    ("k", {"k": 0}),
    ("k", {"k": -1}),
    ("k", {"k": 51}),
    ("k", {"k": 10**9}),
    ("k", {"k": HUGE}),
    ("k", {"k": "five"}),
    ("k", {"k": 5.0}),
    ("k", {"k": True}),
    ("cascade_depth", {"cascade_depth": 0}),
    ("cascade_depth", {"cascade_depth": 4}),
    ("cascade_depth", {"cascade_depth": "deep"}),
    ("include_scores", {"include_scores": 1}),
    ("explain_reasoning", {"explain_reasoning": "yes"}),
    ("use_cache", {"use_cache": None}),
    ("auto_select_depth", {"auto_select_depth": 0}),
    ("use_parallel", {"use_parallel": "no"}),
    ("layers", {"layers": []}),
    ("layers", {"layers": "graph"}),
    ("layers[1]", {"layers": ["graph", "grap"]}),
    ("layers[0]", {"layers": [None]}),
    ("project", {"project": ""}),
    ("project", {"project": "x" * 201}),
    ("since", {"since": "last week"}),
    ("since", {"since": "10000-01-01"}),
    ("until", {"until": 5}),
    ("since", {"since": "2026-02-01", "until": "2026-01-01"}),
    ("tags", {"tags": "api"}),
    ("tags[0]", {"tags": [""]}),
    ("context", {"context": "debugging"}),
    ("context", {"context": ["a"]}),
    ("context.file", {"context": {"file": "a.py"}}),
    ("context.session_id", {"context": {"session_id": ""}}),
    ("context.task", {"context": {"task": 5}}),
    ("context.task", {"context": {"task": "x" * 16_385}}),
    ("context.phase", {"context": {"phase": "x" * 201}}),
    ("context.files", {"context": {"files": "a.py"}}),
    ("context.files[0]", {"context": {"files": ["a\x00"]}}),
    ("context.files", {"context": {"files": ["a"] * 101}}),
    ("context.branch", {"context": {"branch": "x" * 201}}),
]


@pytest.mark.parametrize(("argument", "given"), [pytest.param(*case, id=str(i)) for i, case in enumerate(REMEMBER)])
async def test_remember_refuses_it(
    shared: MemoryManager, shared_url: str, argument: str, given: Mapping[str, Any]
) -> None:
    before = row_counts(shared_url)
    with pytest.raises(InvalidArgument) as raised:
        await shared.remember(**{"content": FINE, **given})
    assert raised.value.argument == argument
    assert len(str(raised.value)) < 500
    assert row_counts(shared_url) == before


@pytest.mark.parametrize(("argument", "given"), [pytest.param(*case, id=str(i)) for i, case in enumerate(RECALL)])
async def test_recall_refuses_it(shared: MemoryManager, argument: str, given: Mapping[str, Any]) -> None:
    with pytest.raises(InvalidArgument) as raised:
        await shared.recall(**{"query": FINE, **given})
    assert raised.value.argument == argument
    assert len(str(raised.value)) < 500


async def test_what_is_unknown_cannot_be_read_or_forgotten(shared: MemoryManager, shared_url: str) -> None:
    before = row_counts(shared_url)
    for memory_id in (10**15, 0, -1, 2**63, "1", None, True, 1.5):
        with pytest.raises(InvalidArgument) as raised:
            await shared.forget(memory_id)  # type: ignore[arg-type]  # what a caller might pass
        assert raised.value.argument == "id"
        with pytest.raises(InvalidArgument) as raised:
            await shared.get(memory_id)  # type: ignore[arg-type]  # what a caller might pass
        assert raised.value.argument == "id"
    for section in ("recal", "", "everything", 5):
        with pytest.raises(InvalidArgument) as raised:
            await shared.stats(section)  # type: ignore[arg-type]  # what a caller might pass
        assert raised.value.argument == "section"
    lists: tuple[tuple[str, dict[str, Any]], ...] = (
        ("limit", {"limit": 0}),
        ("limit", {"limit": 10**6}),
        ("before_id", {"before_id": 0}),
        ("layer", {"layer": "grap"}),
        ("project", {"project": ""}),
    )
    for argument, given in lists:
        with pytest.raises(InvalidArgument) as raised:
            await shared.list_memories(**given)
        assert raised.value.argument == argument
    assert row_counts(shared_url) == before


async def test_an_error_points_to_the_nearest_thing_that_is_right(shared: MemoryManager) -> None:
    for given, hint in (
        ({"layer": "episodical"}, "did you mean 'episodic'?"),
        ({"details": {"outcom": "success"}}, "did you mean 'outcome'?"),
        ({"details": {"steps": ["a"]}, "layer": "semantic"}, "layer='procedural'"),
    ):
        with pytest.raises(InvalidArgument) as raised:
            await shared.remember(FINE, **given)
        assert hint in str(raised.value)


async def test_the_project_of_all_is_written_in_one_way(manager: MemoryManager) -> None:
    for name in ("Global", "GLOBAL"):
        with pytest.raises(InvalidArgument, match="'global'") as raised:
            await manager.remember("Everybody should know.", project=name)
        assert raised.value.argument == "project"
        assert (await manager.recall("everybody", project=name)).memories == (), "what an older version stored is found"
