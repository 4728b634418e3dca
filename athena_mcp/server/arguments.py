"""The tools' arguments: what each is called, what it means to the model, and its type.

Only names and types are checked here; lengths, ranges, dates and the keys of `details` and `context` are the manager's,
so that the command line and Python callers meet the same rules. The numbers in the schemas are hints to the model.
"""

from __future__ import annotations

import json
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema
from pydantic_core import PydanticCustomError

from athena_mcp import model
from athena_mcp.telemetry import SECTIONS

LayerName = Literal["episodic", "semantic", "procedural", "prospective", "graph"]


def _not_bool(value: object) -> object:
    # To Python True is the number 1; to a caller who sends it, it is a mistake.
    if isinstance(value, bool):
        raise PydanticCustomError("number_type", "must be a number")
    return value


def _decoded(value: object) -> object:
    """Models often send an object or a list as its JSON text; read it as what it is."""
    if isinstance(value, str) and value.lstrip()[:1] in ("{", "["):
        try:
            return json.loads(value)
        except (ValueError, RecursionError):
            return value
    return value


def _without_nulls(value: object) -> object:
    """A null in an object means what a missing key means."""
    value = _decoded(value)
    return {key: item for key, item in value.items() if item is not None} if isinstance(value, dict) else value


Whole = Annotated[int, BeforeValidator(_not_bool)]
Texts = Annotated[list[str], BeforeValidator(_decoded)]

_TEXT = {"type": "string"}
_TEXTS = {"type": "array", "items": _TEXT}
_DETAILS = {
    "type": "object",
    "description": "By layer. episodic: kind, outcome, files; semantic: kind, confidence, source; procedural: steps, "
    "applies_when; prospective: status, priority, due_at, triggers.",
    "properties": {
        "kind": {"type": "string", "enum": list(dict.fromkeys([*model.EpisodicKind, *model.SemanticKind]))},
        "outcome": {"type": "string", "enum": list(model.Outcome)},
        "files": _TEXTS,
        "confidence": {"type": "number"},
        "source": _TEXT,
        "steps": _TEXTS,
        "applies_when": _TEXT,
        "status": {"type": "string", "enum": list(model.TaskStatus)},
        "priority": {"type": "string", "enum": list(model.Priority)},
        "due_at": _TEXT,
        "triggers": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {"on": {"type": "string", "enum": list(model.TriggerKind)}, "value": _TEXT},
                "required": ["on", "value"],
            },
        },
    },
}
_RELATIONS = {
    "type": "array",
    "description": "Edges it states between named things.",
    "items": {
        "type": "object",
        "properties": {"subject": _TEXT, "relation": _TEXT, "object": _TEXT},
        "required": ["subject", "relation", "object"],
    },
}
_CONTEXT = {
    "type": "object",
    "description": "What you are working on; weighs results, does not filter them.",
    "properties": {"session_id": _TEXT, "task": _TEXT, "phase": _TEXT, "files": _TEXTS, "branch": _TEXT},
}

Project = Annotated[str | None, Field(description='Default: the current one; "global" = holds everywhere.')]


class Arguments(BaseModel):
    """Base of the argument models: unknown names are refused, and values never appear in pydantic's own errors."""

    # Validators are built at the first call: nothing of it is needed to answer `initialize`.
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True, defer_build=True)


class RecallArguments(Arguments):
    """Arguments of `recall`."""

    query: Annotated[
        str,
        Field(
            description="What you want to know, in plain words.",
            json_schema_extra={"maxLength": model.MAX_QUERY_CHARS},
        ),
    ]
    context: Annotated[
        dict[str, Any] | None,
        BeforeValidator(_without_nulls),
        WithJsonSchema(_CONTEXT),
    ] = None
    k: Annotated[
        Whole,
        Field(description="Most memories to return.", json_schema_extra={"minimum": 1, "maximum": model.MAX_K}),
    ] = model.DEFAULT_K
    cascade_depth: Annotated[
        Whole | None,
        Field(
            description="1 (fast) to 3 (thorough). Default: chosen.",
            json_schema_extra={"minimum": 1, "maximum": 3},
        ),
    ] = None
    include_scores: Annotated[bool, Field(description="Include confidences.")] = True
    explain_reasoning: Annotated[bool, Field(description="Explain the choice of layers and depth.")] = False
    use_cache: Annotated[bool, Field(description="A cached answer will do.")] = True
    auto_select_depth: Annotated[bool, Field(description="Choose the depth if none is given.")] = True
    use_parallel: Annotated[bool, Field(description="Ask layers concurrently.")] = True
    layers: Annotated[
        Annotated[list[LayerName], BeforeValidator(_decoded)] | None,
        Field(description="Only these. Default: chosen."),
    ] = None
    project: Project = None
    since: Annotated[str | None, Field(description="ISO 8601.")] = None
    until: Annotated[str | None, Field(description="ISO 8601.")] = None
    tags: Annotated[Texts | None, Field(description="Only memories with these tags.")] = None


class RememberArguments(Arguments):
    """Arguments of `remember`."""

    content: Annotated[
        str,
        Field(
            description="The statement to keep, clear on its own.",
            json_schema_extra={"maxLength": model.MAX_CONTENT_CHARS},
        ),
    ]
    layer: Annotated[
        LayerName | None,
        Field(description="What happened, what is true, how to, to do, relations. Default: chosen from the content."),
    ] = None
    tags: Annotated[Texts | None, Field(description="Labels to filter by.")] = None
    importance: Annotated[
        float,
        BeforeValidator(_not_bool),
        Field(allow_inf_nan=False, description="0 to 1.", json_schema_extra={"minimum": 0, "maximum": 1}),
    ] = model.DEFAULT_IMPORTANCE
    occurred_at: Annotated[str | None, Field(description="When it happened, ISO 8601.")] = None
    session_id: Annotated[str | None, Field(description="Default: this server's session.")] = None
    project: Project = None
    details: Annotated[
        dict[str, Any] | None,
        BeforeValidator(_without_nulls),
        WithJsonSchema(_DETAILS),
    ] = None
    relations: Annotated[
        Annotated[list[dict[str, Any]], BeforeValidator(_decoded)] | None,
        WithJsonSchema(_RELATIONS),
    ] = None
    replaces: Annotated[Whole | None, Field(description="Id of the memory it supersedes.")] = None
    about: Annotated[
        Whole | None,
        Field(
            description="Id of the memory it reports on: details.status and due_at become the task's, details.outcome "
            "counts on a procedure."
        ),
    ] = None
    key: Annotated[str | None, Field(description="Your own id; a key is stored once.")] = None


class ForgetArguments(Arguments):
    """Arguments of `forget`."""

    id: Annotated[Whole, Field(description="Id of the memory.")]
    project: Project = None


class StatsArguments(Arguments):
    """Arguments of `stats`."""

    section: Annotated[
        str | None, Field(description="Default: all.", json_schema_extra={"enum": [*SECTIONS, "servers"]})
    ] = None
