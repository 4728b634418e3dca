"""What a caller is told when something goes wrong, and what the log is told."""

from __future__ import annotations

import logging
import traceback
from collections.abc import Iterator
from pathlib import Path

from athena_mcp.errors import AthenaError

log = logging.getLogger(__name__)


def explain(error: Exception, what: str) -> str:
    """The message for the caller of `what` (a tool or a resource), and a log line when the failure is not a known kind.

    Errors from a task group are looked through. A known error speaks for itself; of an unknown one nothing but the fact
    is told, because its text may hold SQL or somebody's data.
    """
    for part in _leaves(error):
        if isinstance(part, AthenaError):
            log.info("%s: %s", what, type(part).__name__)
            return str(part)
    if any(isinstance(part, TimeoutError) for part in _leaves(error)):
        log.warning("%s ran out of time", what)
        return f"{what} did not finish in time. Try again; if it goes on, run `athena-mcp doctor`."
    log.error("%s failed unexpectedly: %s", what, describe(error))
    return f"{what} failed for a reason of our own; it was logged on the server's stderr. Try again once."


def describe(error: BaseException) -> str:
    """The kinds of an error and its causes and where each was raised, on one line, without any of their texts.

    A driver's message may quote a row, and a row is somebody's memory.
    """
    chain: list[str] = []
    seen: set[int] = set()
    link: BaseException | None = error
    while link is not None and id(link) not in seen:
        seen.add(id(link))
        frames = traceback.extract_tb(link.__traceback__)
        places = " < ".join(f"{Path(frame.filename).name}:{frame.lineno} {frame.name}" for frame in reversed(frames))
        chain.append(f"{type(link).__module__}.{type(link).__qualname__} at {places or 'an unknown place'}")
        if isinstance(link, BaseExceptionGroup):
            chain.extend(f"[{describe(part)}]" for part in link.exceptions)
        link = link.__cause__ or (None if link.__suppress_context__ else link.__context__)
    return " from ".join(chain)


def _leaves(error: BaseException) -> Iterator[BaseException]:
    if isinstance(error, BaseExceptionGroup):
        for part in error.exceptions:
            yield from _leaves(part)
    else:
        yield error
