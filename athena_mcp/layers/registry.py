"""The five layers behind one face, for whoever handles them alike."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from athena_mcp.db.session import Session, Step
from athena_mcp.errors import InvalidArgument
from athena_mcp.layers import episodic, graph, procedural, prospective, semantic
from athena_mcp.layers.kept import Kept
from athena_mcp.model import Details, Layer
from athena_mcp.search.candidates import Candidate, Search
from athena_mcp.validation import check_mapping


@dataclass(frozen=True, slots=True)
class LayerRoom:
    """What one layer keeps besides the text (`fields`, `parse`, `keep`) and how it is asked (`search`)."""

    fields: tuple[str, ...]
    parse: Callable[[Mapping[str, Any]], Details]
    keep: Callable[[Sequence[Kept[Any]]], list[Step]]
    search: Callable[[Session, Search], Awaitable[list[Candidate]]]


def layer_rooms() -> Mapping[Layer, LayerRoom]:
    """Every layer's room."""
    return {
        Layer.EPISODIC: LayerRoom(episodic.FIELDS, episodic.parse, episodic.keep, episodic.search),
        Layer.SEMANTIC: LayerRoom(semantic.FIELDS, semantic.parse, semantic.keep, semantic.search),
        Layer.PROCEDURAL: LayerRoom(procedural.FIELDS, procedural.parse, procedural.keep, procedural.search),
        Layer.PROSPECTIVE: LayerRoom(prospective.FIELDS, prospective.parse, prospective.keep, prospective.search),
        Layer.GRAPH: LayerRoom(graph.FIELDS, graph.parse, graph.keep, graph.search),
    }


def parse_details(layer: Layer, raw: Mapping[str, Any]) -> Details:
    """Typed details for a layer. Raises InvalidArgument for a key it does not have, or a value it cannot hold."""
    room = layer_rooms()[layer]
    strange = [key for key in raw if key not in room.fields]
    if strange:
        owners = [other.value for other, its in layer_rooms().items() if strange[0] in its.fields]
        fields = ", ".join(room.fields) or "none"
        hint = f" (it belongs to {' and '.join(owners)}; give layer={owners[0]!r})" if owners else ""
        raise InvalidArgument(
            f"details.{strange[0]}", f"is not a detail of the {layer} layer, whose details are: {fields}{hint}"
        )
    return room.parse(raw)


def known_details(raw: object) -> Mapping[str, Any]:
    """The caller's `details` with only known keys, whatever the layer. Raises InvalidArgument."""
    keys = dict.fromkeys(field for room in layer_rooms().values() for field in room.fields)
    return check_mapping("details", raw, keys)
