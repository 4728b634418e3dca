"""A client in memory, in either protocol era."""

from __future__ import annotations

import json
from typing import Any, Literal

from mcp import Client
from mcp.types import CallToolResult, TextContent

from athena_mcp.server import build_server
from tests.server.double import SETTINGS, Opener

ERAS: tuple[Literal["legacy", "2026-07-28"], ...] = ("legacy", "2026-07-28")


def connect(opener: Opener, era: str, **options: Any) -> Client:
    """A client of a server over `opener`; to be entered."""
    hold_off_s = options.pop("hold_off_s", 1.0)
    return Client(build_server(SETTINGS, open_app=opener, hold_off_s=hold_off_s), mode=era, **options)


def text_of(result: CallToolResult) -> str:
    """The one text of a result."""
    [content] = result.content
    assert isinstance(content, TextContent)
    return content.text


def answer_of(result: CallToolResult) -> dict[str, Any]:
    """The answer of a call that went well, after checking that both renderings agree."""
    text = text_of(result)
    assert not result.is_error, text
    answer: dict[str, Any] = json.loads(text)
    assert answer == result.structured_content
    assert text == json.dumps(answer, ensure_ascii=False, separators=(",", ":"))
    return answer
