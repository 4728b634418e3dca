"""Which layers a call asks: those it names, or those that the selection chooses."""

from __future__ import annotations

from typing import Any

import anyio
import pytest

from athena_mcp.errors import InvalidArgument
from athena_mcp.model import Layer
from athena_mcp.recall.query_method import Context
from athena_mcp.recall.selection import Selection, select_layers
from tests.random_recalls import LAYERS
from tests.unit.tier1.layers import Executor, answering, five, statuses

pytestmark = pytest.mark.anyio


async def test_selection_decides_and_the_rest_is_skipped_with_its_reasons() -> None:
    query = "how do we cut a release?"
    selection = select_layers(query)
    async with anyio.create_task_group() as task_group:
        executor = Executor(five(), task_group=task_group)
        answer = await executor.execute_tier_1_parallel(query)
    chosen = [layer.value for layer in selection.layers]
    assert 1 <= len(chosen) < 5
    assert executor.select_layers_for_query(query) == chosen
    assert [name for name, outcome in answer.outcomes.items() if outcome.status == "ok"] == chosen
    assert answer.selection == selection
    for layer in Layer:
        if layer not in selection.layers:
            assert answer.outcomes[layer].reason == selection.reasons[layer]
            assert answer.outcomes[layer].status == "skipped"
            assert answer[layer] == ()
    counted = executor.get_statistics()
    assert counted["queries_saved"] == counted["layers_skipped"] == 5 - len(chosen)


async def test_layers_that_nobody_registered_are_not_selected() -> None:
    def everything(query: str, context: Context | None) -> Selection:
        return Selection(tuple(Layer), dict.fromkeys(Layer, "asked"))

    executor = Executor({"semantic": answering("semantic"), "other": answering("other")}, select=everything)
    assert executor.select_layers_for_query("q") == ["semantic"]
    answer = await executor.execute_tier_1_parallel("q")
    assert statuses(answer) == {"semantic": "ok", "other": "skipped"}
    assert answer.outcomes["other"].reason
    assert executor.get_statistics()["layer_queries"] == 1


async def test_named_layers_are_a_hard_limit_and_no_saving_of_the_selection() -> None:
    executor = Executor(five())
    answer = await executor.execute_tier_1_parallel("q", layers=("graph", "semantic", "graph"))
    assert statuses(answer) == {name: "ok" if name in ("graph", "semantic") else "skipped" for name in LAYERS}
    assert answer.selection is None
    assert answer.outcomes["episodic"].reason
    counted = executor.get_statistics()
    assert (counted["layer_queries"], counted["layers_skipped"], counted["queries_saved"]) == (2, 3, 0)


@pytest.mark.parametrize("layers", [[], (), ["semantic", "emotional"], "semantic", [""]])
async def test_layers_that_are_none_or_unknown_are_refused(layers: Any) -> None:
    executor = Executor(five())
    with pytest.raises(InvalidArgument) as raised:
        await executor.execute_tier_1_parallel("q", layers=layers)
    assert raised.value.argument == "layers"
    assert "semantic" in str(raised.value)
    assert executor.get_statistics()["executions"] == 0


async def test_an_executor_without_layers_is_refused() -> None:
    with pytest.raises(InvalidArgument, match="query_methods"):
        Executor({})
