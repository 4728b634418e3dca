"""The server process over the double: `python -m tests.server.launcher [recall takes this many seconds]`."""

from __future__ import annotations

import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import anyio

from athena_mcp.config import Settings
from athena_mcp.server.stdio import main
from tests.server.double import SETTINGS, DoubleApp, Opener, Switches


@asynccontextmanager
async def open_double(settings: Settings) -> AsyncIterator[DoubleApp]:
    """The double, which says on stderr when it was closed, and whose recalls take their time and print."""
    switches = Switches(recall_gate=anyio.Event())
    recall_s = float(sys.argv[1]) if len(sys.argv) > 1 else 0.0

    async def recall_slowly() -> None:
        await switches.recalling.wait()
        sys.stdout.write("a stray print\n")
        sys.stdout.flush()
        os.write(1, b"a stray write\n")
        os.write(2, b"recalling\n")
        await anyio.sleep(recall_s)  # the recall that takes so long
        assert switches.recall_gate is not None
        switches.recall_gate.set()

    async with Opener(switches)(settings) as app, anyio.create_task_group() as tasks:
        tasks.start_soon(recall_slowly)
        try:
            yield app
        finally:
            tasks.cancel_scope.cancel()
            os.write(2, b"closed\n")


if __name__ == "__main__":
    main(replace(SETTINGS, log_level="INFO"), open_app=open_double)
