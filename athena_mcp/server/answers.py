"""Results on the wire: one compact JSON, twice, and errors as text.

Some hosts show the model only `structuredContent`, others only `content`; both carry the same facts. Errors are text
alone, since that is all a host passes on of them.
"""

from __future__ import annotations

import json
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from mcp.types import CallToolResult, TextContent

from athena_mcp.harmless import harmless, harmless_value, json_is_harmless
from athena_mcp.model import RecallResult


def compact_json(value: Mapping[str, Any]) -> str:
    """`value` as JSON without spaces, in readable characters, without anything that is no text (`harmless`).

    Half a surrogate pair cannot be written as UTF-8; it becomes U+FFFD. Raises ValueError for NaN and infinities.
    """
    text = _dumped(value)
    return well_formed(text if json_is_harmless(text) else _dumped(harmless_value(value)))


def well_formed(text: str) -> str:
    """`text` with every half of a surrogate pair replaced by U+FFFD."""
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return text


RENDERINGS = 64
"""Answers whose rendering is kept: a quarter of a megabyte for the largest, a tenth of that for most."""


@dataclass(frozen=True, slots=True)
class Rendering:
    """An object as compact JSON, and as that reads. Nobody changes what is in it: other answers hold it, too."""

    text: str
    facts: Mapping[str, Any]


def rendering_of(value: Mapping[str, Any]) -> Rendering:
    """`value`, of at least one key, both ways. Raises ValueError as `compact_json` does."""
    text = compact_json(value)
    # Read back, so that both are the same facts whatever `value` held (tuples, enums, cut characters).
    return Rendering(text, json.loads(text))


def success(value: Mapping[str, Any]) -> CallToolResult:
    """A tool's answer."""
    return _result(rendering_of(value))


class Renderings:
    """Gives the answers of `recall`. What lasts of one is rendered once: that is most of what giving it again takes.

    Of at most `capacity` answers, those given last. On one event loop.
    """

    def __init__(self, capacity: int = RENDERINGS) -> None:
        self._capacity = capacity
        self._kept: OrderedDict[tuple[int, bool], Rendering] = OrderedDict()

    def __len__(self) -> int:
        """Of how many answers the rendering is kept."""
        return len(self._kept)

    def answer(self, result: RecallResult) -> CallToolResult:
        """A recall's answer, as `success` gives it."""
        if result.computation is None:
            return success(result.to_dict())
        key = (result.computation, result.include_scores)
        lasting = self._kept.get(key) or rendering_of(result.lasting_dict())
        self._kept[key] = lasting
        self._kept.move_to_end(key)
        if len(self._kept) > self._capacity:
            self._kept.popitem(last=False)
        passing = rendering_of(result.passing_dict())
        return _result(Rendering(f"{lasting.text[:-1]},{passing.text[1:]}", {**lasting.facts, **passing.facts}))


def failure(message: str) -> CallToolResult:
    """A tool's refusal or failure; the model reads the message."""
    return CallToolResult(content=[TextContent(type="text", text=well_formed(harmless(message)))], is_error=True)


def _result(rendering: Rendering) -> CallToolResult:
    return CallToolResult(
        content=[TextContent(type="text", text=rendering.text)], structured_content=dict(rendering.facts)
    )


def _dumped(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
