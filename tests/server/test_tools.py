"""What the four tools publish and answer."""

from __future__ import annotations

import json
from typing import Any, get_args

import anyio
import pytest
from mcp.types import Tool

from athena_mcp.errors import DatabaseUnavailable, StorageError
from athena_mcp.manager import STATS_SECTIONS
from athena_mcp.model import Layer
from athena_mcp.server.arguments import LayerName
from athena_mcp.server.instructions import INSTRUCTIONS
from tests.server.connect import ERAS, answer_of, connect, text_of
from tests.server.double import Opener, Switches

pytestmark = [pytest.mark.anyio, pytest.mark.parametrize("era", ERAS)]

ARGUMENTS = {
    "recall": [
        "query",
        "context",
        "k",
        "cascade_depth",
        "include_scores",
        "explain_reasoning",
        "use_cache",
        "auto_select_depth",
        "use_parallel",
        "layers",
        "project",
        "since",
        "until",
        "tags",
    ],
    "remember": [
        "content",
        "layer",
        "tags",
        "importance",
        "occurred_at",
        "session_id",
        "project",
        "details",
        "relations",
        "replaces",
        "about",
        "key",
    ],
    "forget": ["id", "project"],
    "stats": ["section"],
}
# read only, destructive, idempotent, open world
HINTS = {
    "recall": (True, False, True, False),
    "remember": (False, False, True, False),
    "forget": (False, True, True, False),
    "stats": (True, False, True, False),
}
DEFAULTS = {
    "k": 5,
    "include_scores": True,
    "explain_reasoning": False,
    "use_cache": True,
    "auto_select_depth": True,
    "use_parallel": True,
    "importance": 0.5,
}


async def published(era: str) -> dict[str, Tool]:
    async with connect(Opener(), era) as client:
        return {tool.name: tool for tool in (await client.list_tools()).tools}


async def test_exactly_the_contracts_tools_and_arguments_are_published(era: str) -> None:
    tools = await published(era)
    assert {name: list(tool.input_schema["properties"]) for name, tool in tools.items()} == ARGUMENTS
    required = {name: tool.input_schema.get("required", []) for name, tool in tools.items()}
    assert required == {"recall": ["query"], "remember": ["content"], "forget": ["id"], "stats": []}
    for tool in tools.values():
        schema = tool.input_schema
        assert schema["type"] == "object"
        assert schema["additionalProperties"] is False
        assert not schema.keys() & {"anyOf", "oneOf", "allOf", "$ref", "$defs"}
        for name, argument in schema["properties"].items():
            assert argument["description"]
            assert "type" in argument
            assert argument.get("default") == DEFAULTS.get(name)


async def test_all_four_hints_are_set_and_the_two_main_tools_stay_loaded(era: str) -> None:
    for name, tool in (await published(era)).items():
        hints = tool.annotations
        assert hints is not None
        assert tool.title
        assert HINTS[name] == (
            hints.read_only_hint,
            hints.destructive_hint,
            hints.idempotent_hint,
            hints.open_world_hint,
        )
        assert (tool.meta or {}).get("anthropic/alwaysLoad") == (True if name in ("recall", "remember") else None)


async def test_texts_stay_within_what_hosts_read(era: str) -> None:
    async with connect(Opener(), era) as client:
        assert len(INSTRUCTIONS.encode()) < 2_048
        if era == "legacy":  # a pinned version skips the discovery that would carry them
            assert client.instructions == INSTRUCTIONS
        listed = await client.list_tools()
    rows = [tool.model_dump(by_alias=True, mode="json", exclude_none=True) for tool in listed.tools]
    assert all(len(row["description"].encode()) < 1_024 for row in rows)
    assert len(json.dumps(rows, separators=(",", ":"))) < 9_500
    for row in rows:
        del row["outputSchema"]  # hosts check answers with it; models do not see it
    assert len(json.dumps(rows, separators=(",", ":"))) < 7_200


async def test_every_answer_fits_its_published_schema(era: str) -> None:
    # The client checks structured content against the output schema and fails the call when it does not fit.
    async with connect(Opener(), era) as client:
        await client.list_tools()
        receipt = answer_of(await client.call_tool("remember", {"content": "x"}))
        assert receipt == {
            "id": 1,
            "layer": "semantic",
            "status": "stored",
            "project": "owner/name",
            "layer_reason": "a statement",
            "near_duplicates": [3],
            "redactions": {"aws-key": 1},
            "indexed": {"lexical": True, "vector": True},
        }
        recalled = answer_of(await client.call_tool("recall", {"query": "x", "explain_reasoning": True}))
        assert set(recalled["layers"]) == set(Layer)
        assert recalled["due"][0]["because"] == "branch main"
        assert answer_of(await client.call_tool("stats")) == {"recall": {"count": 2}}
        assert answer_of(await client.call_tool("forget", {"id": 1})) == {"forgotten": [1], "relations_removed": 2}


async def test_null_means_absent_and_numbers_may_come_as_text(era: str) -> None:
    async with connect(Opener(), era) as client:
        nulls: dict[str, Any] = dict.fromkeys(ARGUMENTS["recall"])
        answer = answer_of(await client.call_tool("recall", {**nulls, "query": "tea", "k": "7"}))
        assert answer["memories"][0]["content"] == "k=7 about tea"
        nulls = dict.fromkeys(ARGUMENTS["remember"])
        answer_of(await client.call_tool("remember", {**nulls, "content": "x", "details": {"kind": None}}))
        as_text = {"query": "x", "layers": '["graph"]', "context": '{"task": "t"}', "explain_reasoning": True}
        assert answer_of(await client.call_tool("recall", as_text))["explanation"] == {"layers": ["graph"]}


@pytest.mark.parametrize(
    ("tool", "arguments", "expected"),
    [
        ("recall", {}, "query: is required"),
        ("recall", {"query": None}, "query: is required"),
        ("recall", {"query": 5}, "query: must be text"),
        ("recall", {"query": "x", "k": "five"}, "k: must be a whole number"),
        ("recall", {"query": "x", "k": True}, "k: must be a number"),
        ("recall", {"query": "x", "k": 2.5}, "k: must be a whole number"),
        ("recall", {"query": "x", "k": 0}, "k: must be 1 to 50"),
        ("recall", {"query": "x", "quary": "y"}, "Did you mean 'query'? It takes query, context"),
        ("recall", {"query": "x", "layers": ["grph"]}, "layers[0]: must be one of episodic, semantic"),
        ("recall", {"query": "x", "layers": "semantic"}, "layers: must be a list"),
        ("recall", {"query": "x", "context": "late"}, "context: must be an object"),
        ("recall", {"query": "x", "use_cache": "perhaps"}, "use_cache: must be true or false"),
        ("recall", {"query": "x", "tags": [1]}, "tags[0]: must be text"),
        ("remember", {"content": " "}, "content: is empty"),
        ("remember", {"content": "x", "layer": "episodc"}, "Did you mean 'episodic'?"),
        ("remember", {"content": "x", "importance": "inf"}, "importance: must be a finite number"),
        ("remember", {"content": "x", "importance": False}, "importance: must be a number"),
        ("remember", {"content": "x", "relations": ["a"]}, "relations[0]: must be an object"),
        ("remember", {"content": "x" * 10_000_000}, "content: too large"),
        ("remember", {"content": "x", "details": {"steps": ["y" * 100] * 100_000}}, "details: too large"),
        ("forget", {"id": "one"}, "id: must be a whole number"),
        ("forget", {"id": 99}, "id: there is no memory 99"),
        ("stats", {"sections": "recall"}, "sections: is not an argument of this tool. Did you mean 'section'?"),
        ("recal", {"query": "x"}, "There is no such tool. Known: recall, remember, forget, stats."),
    ],
)
async def test_bad_input_is_refused_by_name(era: str, tool: str, arguments: dict[str, Any], expected: str) -> None:
    opener = Opener()
    async with connect(opener, era) as client:
        result = await client.call_tool(tool, arguments)
    message = text_of(result)
    assert result.is_error
    assert expected in message
    assert len(message) < 500
    assert "pydantic" not in message
    assert opener.statistics.revision == 0


async def test_all_wrong_arguments_are_named_at_once_and_long_names_are_cut(era: str) -> None:
    async with connect(Opener(), era) as client:
        message = text_of(await client.call_tool("recall", {"k": "x", "n" * 5_000: 1}))
    assert message.startswith("query: is required; k: must be a whole number; nnnn")
    assert len(message) < 500


async def test_known_errors_speak_for_themselves_from_task_groups_too(era: str) -> None:
    error = DatabaseUnavailable("The database is not reachable; run `athena-mcp doctor`.")
    for raised in (error, ExceptionGroup("g", [ExceptionGroup("h", [error])])):
        async with connect(Opener(Switches(raises=raised)), era) as client:
            result = await client.call_tool("recall", {"query": "x"})
            assert (result.is_error, text_of(result)) == (True, str(error))
    async with connect(Opener(Switches(manager_raises=error)), era) as client:
        assert text_of(await client.call_tool("stats")) == str(error)


@pytest.mark.parametrize("raised", [RuntimeError("SELECT secret"), ExceptionGroup("g", [KeyError("SELECT secret")])])
async def test_unknown_errors_are_logged_without_texts_and_told_without_anything(
    era: str, raised: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    raised.__cause__ = StorageError("SELECT secret")
    async with connect(Opener(Switches(raises=raised)), era) as client:
        result = await client.call_tool("remember", {"content": "private words"})
    assert result.is_error
    assert "logged on the server's stderr" in text_of(result)
    logged = "\n".join(record.getMessage() for record in caplog.records)
    assert type(raised).__name__ in logged
    assert "double.py" in logged
    for hidden in ("secret", "private words"):
        assert hidden not in logged
        assert hidden not in text_of(result)


async def test_running_out_of_time_is_said_so(era: str) -> None:
    async with connect(Opener(Switches(raises=TimeoutError())), era) as client:
        result = await client.call_tool("recall", {"query": "x"})
    assert result.is_error
    assert "did not finish in time" in text_of(result)


async def test_half_a_surrogate_pair_is_never_written(era: str) -> None:
    async with connect(Opener(Switches(answer_text="cut \ud83d here")), era) as client:
        answer = answer_of(await client.call_tool("recall", {"query": "x"}))
    assert answer["memories"][0]["content"] == "cut \ufffd here"


async def test_a_call_that_waits_for_the_database_reports_progress(era: str) -> None:
    told = anyio.Event()
    up = anyio.Event()
    seen: list[str] = []

    async def on_progress(progress: float, total: float | None, message: str | None) -> None:
        assert total == 30
        assert 0 < progress <= total
        seen.append(message or "")
        up.set()
        told.set()

    async with connect(Opener(Switches(database_up=up)), era) as client:
        with anyio.fail_after(5):
            answer_of(await client.call_tool("recall", {"query": "x"}, progress_callback=on_progress))
            await told.wait()
    assert "waiting for the database" in seen[0]


async def test_the_application_is_begun_after_the_first_answer_without_any_tool_call(era: str) -> None:
    opener = Opener()
    async with connect(opener, era) as client:
        await client.list_tools()
        with anyio.fail_after(5):
            await opener.switches.begun.wait()
    assert opener.switches.calls == []


async def test_layers_and_sections_are_those_of_the_model_and_the_manager(era: str) -> None:
    assert list(get_args(LayerName)) == list(Layer)
    section = (await published(era))["stats"].input_schema["properties"]["section"]
    assert section["enum"] == list(STATS_SECTIONS)
