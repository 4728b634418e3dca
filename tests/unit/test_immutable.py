"""Read-only copies: no caller can change an answer that others are given too."""

from __future__ import annotations

import dataclasses
from dataclasses import FrozenInstanceError, fields, is_dataclass
from datetime import UTC, datetime
from enum import Enum
from types import MappingProxyType
from typing import Any

import pytest

from athena_mcp.model import (
    DueTask,
    EpisodicDetails,
    Hit,
    Layer,
    LayerOutcome,
    Memory,
    ProspectiveDetails,
    RecallResult,
    Relation,
)
from athena_mcp.recall.cache import Fresh, RecallCache
from athena_mcp.recall.immutable import freeze, freeze_result

NOW = datetime(2026, 1, 31, tzinfo=UTC)


def memory(details: EpisodicDetails | ProspectiveDetails) -> Memory:
    edge = Relation("login", "uses", "sessions")
    return Memory(
        7, "owner/project", Layer.EPISODIC, "The login failed", NOW, tags=("auth",), details=details, relations=(edge,)
    )


def result() -> RecallResult:
    return RecallResult(
        memories=(Hit(memory(EpisodicDetails(files=("login.py",))), 1.0),),
        due=(DueTask(memory(ProspectiveDetails(due_at=NOW)), "its time has come"),),
        layers={layer: LayerOutcome("ok", 1, 2.5) for layer in Layer},
        project="owner/project",
        scope_with=("global",),
        cascade_depth=1,
        elapsed_ms=3.0,
        explanation={"terms": {"login": 2.5}, "scores": [{"id": 7, "parts": [1, 2]}]},
    )


def mutable_parts(value: Any, path: str = "") -> list[str]:
    """The paths of everything in `value` that could be changed in place."""
    if value is None or isinstance(value, str | int | float | bool | datetime | Enum):
        return []
    if isinstance(value, tuple | frozenset):
        return [bad for number, entry in enumerate(value) for bad in mutable_parts(entry, f"{path}[{number}]")]
    if isinstance(value, MappingProxyType):
        return [bad for key, entry in value.items() for bad in mutable_parts(entry, f"{path}.{key}")]
    if is_dataclass(value) and not isinstance(value, type):
        parameters: Any = value
        own = [] if parameters.__dataclass_params__.frozen else [path]
        return own + [
            bad for field in fields(value) for bad in mutable_parts(getattr(value, field.name), f"{path}.{field.name}")
        ]
    return [f"{path}: {type(value).__name__}"]


def test_a_frozen_answer_has_no_part_that_can_be_changed() -> None:
    answer = result()
    assert mutable_parts(answer) == [".layers: dict", ".explanation: dict"]
    assert mutable_parts(freeze_result(answer)) == []


def test_a_frozen_answer_says_the_same() -> None:
    answer = result()
    frozen = freeze_result(answer)
    assert frozen.layers == answer.layers
    assert dataclasses.replace(frozen, layers=answer.layers, explanation=answer.explanation) == answer
    assert freeze_result(dataclasses.replace(answer, explanation=None)).explanation is None


def test_who_holds_the_original_cannot_change_the_frozen_answer() -> None:
    inner: dict[str, Any] = {"login": 2.5}
    original: dict[str, Any] = {"terms": inner, "scores": [[1]]}
    frozen = freeze(original)
    original["new"] = 1
    inner["port"] = 1.0
    original["scores"][0].append(2)
    assert frozen == {"terms": {"login": 2.5}, "scores": ((1,),)}


@pytest.mark.anyio
async def test_a_caller_cannot_change_a_cached_answer() -> None:
    cache: RecallCache[RecallResult] = RecallCache()

    async def compute() -> Fresh[RecallResult]:
        return Fresh(freeze_result(result()), keep=True)

    first = (await cache.fetch("key", compute)).value
    layers: Any = first.layers
    explanation: Any = first.explanation
    with pytest.raises(TypeError):
        layers[Layer.GRAPH] = LayerOutcome("error")
    with pytest.raises(TypeError):
        explanation["terms"] = {}
    with pytest.raises(TypeError):
        explanation["terms"]["login"] = 0.0
    with pytest.raises(TypeError):
        explanation["scores"][0]["id"] = 8
    with pytest.raises(AttributeError):
        explanation["scores"].append({})
    with pytest.raises(FrozenInstanceError):
        first.project = "other"  # type: ignore[misc]
    first.to_dict()["memories"].clear()
    lookup = await cache.fetch("key", compute)
    assert lookup.hit
    assert lookup.value == freeze_result(result())


@pytest.mark.parametrize("value", ["text", 1, 1.5, True, None, Layer.GRAPH, NOW])
def test_what_cannot_be_changed_is_returned_as_it_is(value: object) -> None:
    assert freeze(value) is value


def test_a_frozen_set_is_one_too() -> None:
    assert freeze({"ids": {1, 2}})["ids"] == frozenset({1, 2})
    assert isinstance(freeze({1}), frozenset)


def test_keys_keep_their_type_and_order() -> None:
    frozen = freeze({Layer.GRAPH: 1, "b": 2, "a": 3})
    assert list(frozen) == [Layer.GRAPH, "b", "a"]
    assert type(next(iter(frozen))) is Layer


def test_a_mapping_that_is_no_dict_is_copied_too() -> None:
    inner = {"inner": [1]}
    frozen = freeze({"outer": MappingProxyType(inner)})
    inner["inner"] = [2]
    assert frozen == {"outer": {"inner": (1,)}}
