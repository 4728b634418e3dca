"""The version of this Athena."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version


def own_version() -> str:
    """The installed version; `0+source` when it runs from a folder that was never installed."""
    try:
        return version("athena-mcp")
    except PackageNotFoundError:
        return "0+source"
