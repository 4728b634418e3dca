"""Results on the wire: one compact JSON, twice, and errors as text.

Some hosts show the model only `structuredContent`, others only `content`; both carry the same facts. Errors are text
alone, since that is all a host passes on of them.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from mcp.types import CallToolResult, TextContent

from athena_mcp.harmless import harmless, harmless_value, json_is_harmless


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


def success(value: Mapping[str, Any]) -> CallToolResult:
    """A tool's answer."""
    text = compact_json(value)
    # Read back, so that both halves are the same facts whatever `value` held (tuples, enums, cut characters).
    return CallToolResult(content=[TextContent(type="text", text=text)], structured_content=json.loads(text))


def failure(message: str) -> CallToolResult:
    """A tool's refusal or failure; the model reads the message."""
    return CallToolResult(content=[TextContent(type="text", text=well_formed(harmless(message)))], is_error=True)


def _dumped(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
