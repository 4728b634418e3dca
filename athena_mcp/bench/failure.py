"""The one error of the benchmarks."""

from __future__ import annotations

from athena_mcp.errors import AthenaError


class BenchFailed(AthenaError):
    """A benchmark cannot be run: a case that cannot be read, a missing package, a server that broke off."""
