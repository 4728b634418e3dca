"""JSON schemas as the model should read them: nothing that costs tokens and says nothing.

An optional argument is published as its plain type. Null is accepted for it all the same (see `validation`), but a
union with null in every property would more than double the schema, and some hosts cannot read such unions.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from pydantic import TypeAdapter

from athena_mcp.server.arguments import Arguments


def input_schema(arguments: type[Arguments]) -> dict[str, Any]:
    """The schema of a tool's arguments: one flat object without references."""
    return _without_docstrings(compact(arguments.model_json_schema()))


def output_schema(answer: type[Any]) -> dict[str, Any]:
    """The schema of a tool's answer; keys it does not name are allowed."""
    return inlined(_without_docstrings(compact(TypeAdapter(answer).json_schema(mode="serialization"))))


def inlined(schema: dict[str, Any]) -> dict[str, Any]:
    """`schema` with every definition that is used once put where it is used."""
    text = json.dumps(schema)
    kept: dict[str, Any] = {}
    once: dict[str, Any] = {}
    for name, definition in schema.pop("$defs", {}).items():
        (once if text.count(f'"#/$defs/{name}"') == 1 else kept)[f"#/$defs/{name}"] = definition

    def resolve(value: Any) -> Any:
        if isinstance(value, dict):
            target = once.get(value.get("$ref", ""))
            return resolve(target) if target is not None else {key: resolve(part) for key, part in value.items()}
        return value

    resolved: dict[str, Any] = resolve(schema)
    if kept:
        resolved["$defs"] = {name.rpartition("/")[2]: resolve(definition) for name, definition in kept.items()}
    return resolved


def compact(schema: Mapping[str, Any]) -> dict[str, Any]:
    """`schema` without pydantic's titles, null arms and null defaults."""
    kept: dict[str, Any] = {}
    for name, value in schema.items():
        if name in ("properties", "$defs"):
            # Here names are the caller's, not keywords.
            kept[name] = {key: compact(part) for key, part in value.items()}
        elif name == "anyOf":
            arms = [arm for arm in value if arm != {"type": "null"}]
            kept.update(compact(arms[0]) if len(arms) == 1 else {"anyOf": [compact(arm) for arm in arms]})
        elif name == "items":
            kept[name] = compact(value)
        elif name == "title" or (name == "default" and value is None):
            continue
        else:
            kept[name] = value
    if kept.get("type") == "object" and kept.get("additionalProperties") is True:
        del kept["additionalProperties"]
    return kept


def _without_docstrings(schema: dict[str, Any]) -> dict[str, Any]:
    """Models' docstrings are for readers of the code; those of fields stay."""
    for model in (schema, *schema.get("$defs", {}).values()):
        model.pop("description", None)
    return schema
