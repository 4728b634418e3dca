"""Athena: a memory for AI coding agents.

`Athena` is the synchronous facade, `MemoryManager` (through `open_app`) the asynchronous one; the MCP server is the
command `athena-mcp`. Names are loaded when they are first used, so that importing the package costs nothing.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from athena_mcp.app import App, open_app
    from athena_mcp.config import Settings, resolve_settings
    from athena_mcp.errors import AthenaError, InvalidArgument
    from athena_mcp.facade import Athena
    from athena_mcp.manager import MemoryManager
    from athena_mcp.model import Layer, Memory, RecallResult
    from athena_mcp.recall.parallel_tier1 import ParallelTier1Executor
    from athena_mcp.receipt import Receipt

__all__ = [
    "App",
    "Athena",
    "AthenaError",
    "InvalidArgument",
    "Layer",
    "Memory",
    "MemoryManager",
    "ParallelTier1Executor",
    "RecallResult",
    "Receipt",
    "Settings",
    "open_app",
    "resolve_settings",
]


def __getattr__(name: str) -> Any:
    homes = {
        "App": "app",
        "open_app": "app",
        "Settings": "config",
        "resolve_settings": "config",
        "AthenaError": "errors",
        "InvalidArgument": "errors",
        "Athena": "facade",
        "MemoryManager": "manager",
        "Layer": "model",
        "Memory": "model",
        "RecallResult": "model",
        "Receipt": "receipt",
        "ParallelTier1Executor": "recall.parallel_tier1",
    }
    if name not in homes:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"athena_mcp.{homes[name]}"), name)
