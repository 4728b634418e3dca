"""One way into the event loop for all commands."""

from __future__ import annotations

import asyncio
import logging
import sys
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, TypeVar

import anyio

from athena_mcp.config import Settings

if TYPE_CHECKING:
    # Brings the driver; a command that only prints its help has no use for it.
    from athena_mcp.manager import MemoryManager

T = TypeVar("T")


def run(main: Callable[[], Awaitable[T]], *, database: bool = True) -> T:
    """Run `main` to its end.

    On Windows psycopg needs the selector loop, and whatever starts processes (`database=False`) the default one.
    """
    options: dict[str, Any] = {}
    if database and sys.platform == "win32":
        options["loop_factory"] = asyncio.SelectorEventLoop
    return anyio.run(main, backend_options=options)


def run_with_manager(
    settings: Settings,
    work: Callable[[MemoryManager], Awaitable[T]],
    *,
    embedder: bool = False,
    warms: bool = True,
) -> T:
    """Open the memory, do `work` with it and close it again.

    `embedder`: wait until it is up, or known to be unable to. A server answers without it meanwhile; a command has no
    second call to do better in. `warms`: whether it is loaded at all, which takes a third of a second.
    """

    async def main() -> T:
        from athena_mcp.app import open_app

        # What keeps it from starting is this command's own error message; once is enough.
        if settings.log_level != "DEBUG":
            logging.getLogger("athena_mcp.app").setLevel("CRITICAL")
            # A command that ends while the background still asks something breaks that off, which the driver warns of.
            logging.getLogger("psycopg").setLevel("ERROR")
        async with open_app(settings, publishes=False, warms=warms) as app:
            manager = await app.manager()
            if embedder:
                await app.warmed()
            return await work(manager)

    return run(main)
