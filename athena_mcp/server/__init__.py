"""The MCP face: four tools and two resources over `open_app`, on stdio, in both protocol eras.

The names below are resolved on first use: the entry (`athena_mcp.server.stdio`) lives in this package and must be
able to prepare the process before anything heavy is imported.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from athena_mcp.server.build import build_server
    from athena_mcp.server.serve import serve

__all__ = ["build_server", "serve"]


def __getattr__(name: str) -> Any:
    if name == "build_server":
        from athena_mcp.server.build import build_server

        return build_server
    if name == "serve":
        from athena_mcp.server.serve import serve

        return serve
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
