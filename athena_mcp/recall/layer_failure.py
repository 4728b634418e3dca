"""What is said of a layer that failed: to the caller a reason fit to show, to the log the way it took, and no data.

The messages of foreign exceptions may hold the query, a row or SQL, so they appear in neither.
"""

from __future__ import annotations

import traceback

from athena_mcp.errors import AthenaError


class LayerStopped(AthenaError):
    """A layer ended in a cancellation that nobody had asked for."""


def root_failure(error: Exception) -> Exception:
    """The exception itself; of a task group that failed with a single one, that one."""
    while isinstance(error, ExceptionGroup) and len(error.exceptions) == 1:
        error = error.exceptions[0]
    return error


def failure_reason(error: Exception) -> str:
    """The message of our own errors, which are written to be shown; the class name of all others."""
    return str(error) if isinstance(error, AthenaError) else type(error).__name__


def trail(error: BaseException) -> str:
    """Where it and its causes were raised: class names and source lines, never a message or a value."""
    steps: list[str] = []
    link: BaseException | None = error
    while link is not None and len(steps) < 10:
        steps.append(f"{type(link).__qualname__}\n{''.join(traceback.format_tb(link.__traceback__))}")
        link = link.__cause__ or (None if link.__suppress_context__ else link.__context__)
    return "caused by ".join(steps).rstrip()
