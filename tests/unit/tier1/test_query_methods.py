"""What a layer's query method may be, what it is given, and the answer made of its rows."""

from __future__ import annotations

import functools
import threading
from collections.abc import Awaitable, Sequence
from types import MappingProxyType
from typing import Any

import anyio
import pytest

from athena_mcp.model import Layer
from athena_mcp.recall.query_method import Context
from tests.random_recalls import LAYERS
from tests.unit.tier1.layers import Executor, Method, five, statuses

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("use_parallel", [True, False])
async def test_query_context_and_k_reach_every_layer_as_they_are(use_parallel: bool) -> None:
    seen: list[tuple[str, Context | None, int]] = []

    async def on_the_loop(query: str, context: Context | None, k: int) -> list[str]:
        seen.append((query, context, k))
        return []

    def in_a_thread(query: str, context: Context | None, k: int) -> list[str]:
        seen.append((query, context, k))
        return []

    files = ["a.py"]
    given: dict[str, Any] = {"phase": "debugging", "files": files}
    before = {"phase": "debugging", "files": ["a.py"]}
    async with anyio.create_task_group() as task_group:
        executor = Executor({"semantic": on_the_loop, "episodic": in_a_thread}, task_group=task_group)
        for context in (given, MappingProxyType(given)):
            seen.clear()
            await executor.execute_tier_1_parallel("what failed?", context, 7, use_parallel)
            assert [(query, k) for query, _, k in seen] == [("what failed?", 7)] * 2
            assert all(passed is context for _, passed, _ in seen)
    assert given == before
    assert given["files"] is files


async def test_every_kind_of_query_method_is_called_properly() -> None:
    async def coroutine(query: str, context: Context | None, k: int) -> tuple[str, ...]:
        return ("coroutine",)

    class Asking:
        async def __call__(self, query: str, context: Context | None, k: int) -> list[str]:
            return [f"object {threading.get_ident() == loop_thread}"]

        async def method(self, query: str, context: Context | None, k: int) -> list[str]:
            return ["bound"]

    async def with_name(name: str, query: str, context: Context | None, k: int) -> list[str]:
        return [name]

    def plain(query: str, context: Context | None, k: int) -> list[str]:
        return [f"plain {threading.get_ident() == loop_thread}"]

    def deferred(query: str, context: Context | None, k: int) -> Awaitable[Sequence[str]]:
        return coroutine(query, context, k)

    loop_thread = threading.get_ident()
    methods: dict[str, Method] = {
        "coroutine": coroutine,
        "object": Asking(),
        "bound": Asking().method,
        "partial": functools.partial(with_name, "partial"),
        "partial object": functools.partial(Asking()),
        "plain": plain,
        "deferred": deferred,
    }
    answer = await Executor(methods).execute_tier_1_parallel("q", layers=list(methods))
    assert dict(answer.rows) == {
        "coroutine": ("coroutine",),
        "object": ("object True",),
        "bound": ("bound",),
        "partial": ("partial",),
        "partial object": ("object True",),
        "plain": ("plain False",),
        "deferred": ("coroutine",),
    }
    assert set(statuses(answer).values()) == {"ok"}


async def test_an_answer_cannot_be_changed_and_is_read_like_a_mapping() -> None:
    async def empty(query: str, context: Context | None, k: int) -> list[str]:
        return []

    answer = await Executor(five(graph=empty)).execute_tier_1_parallel("q", k=2, layers=LAYERS)
    assert answer["semantic"] == answer[Layer.SEMANTIC] == ("semantic 0", "semantic 1")
    assert list(answer) == LAYERS
    assert len(answer) == 5
    assert "graph" in answer
    assert "emotional" not in answer
    assert answer.outcomes["graph"].status == "empty"
    assert answer.outcomes["semantic"].hits == 2
    with pytest.raises(TypeError):
        answer.rows["graph"] = ("x",)  # type: ignore[index]
    with pytest.raises(AttributeError):
        answer.parallel = False  # type: ignore[misc]


def test_outside_a_loop_it_works_from_a_synchronous_caller() -> None:
    executor = Executor(five())
    answer = anyio.run(functools.partial(executor.execute_tier_1_parallel, "q", layers=LAYERS))
    assert set(statuses(answer).values()) == {"ok"}
