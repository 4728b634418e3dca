"""The entry of the server process.

Only this module knows that the process is the server's own: it sets up collector, signals and logging, and ends the
process. It imports nothing heavy, so that all of that is in place before the half second of imports that follows; the
time until a client gets its first answer is made of little else.
"""

from __future__ import annotations

import gc
import logging
import os
import signal
import sys
import threading
from collections.abc import Callable
from types import FrameType
from typing import TYPE_CHECKING, NoReturn

from athena_mcp.config import Settings
from athena_mcp.server.logs import configure_logging

if TYPE_CHECKING:
    from athena_mcp.server.ports import OpenApp

log = logging.getLogger(__name__)

LAST_RESORT_S = 10.0
"""How long an exit may take before the process ends all the same. Only a hang reaches it."""

LEFTOVERS_S = 0.3
"""How long ending the loop may take when all is closed; the driver's tasks may be waiting for a frozen server."""


def main(settings: Settings, open_app: OpenApp | None = None) -> NoReturn:
    """Serve on stdin and stdout, then end the process: 0 after a client's leave or a signal, 1 after a failure."""
    # Collecting during imports costs a tenth of the start and finds nothing.
    gc.disable()
    for number in _ending_signals():
        signal.signal(number, _leave_at_once)
    configure_logging(settings.log_level)
    _leave(_run(settings, open_app))


def _run(settings: Settings, open_app: OpenApp | None) -> int:
    try:
        from functools import partial

        import anyio

        from athena_mcp.app import open_app as open_real_app
        from athena_mcp.server.serve import serve

        # What the imports made lives to the end; the collector need not look at it again.
        gc.freeze()
        gc.enable()

        async def served() -> None:
            await serve(settings, open_app=open_app or open_real_app, on_stop=_start_last_resort)
            _later(LEFTOVERS_S, partial(_leave, 0))

        anyio.run(served, backend_options=_loop_options())
    except KeyboardInterrupt:
        return 0
    except Exception as error:  # noqa: BLE001  the border of the process: say it on stderr and end
        from athena_mcp.server.failures import describe

        log.error("the server ended unexpectedly: %s", describe(error))
        return 1
    return 0


def _loop_options() -> dict[str, object]:
    if sys.platform != "win32":
        return {}
    import asyncio

    # psycopg's async side refuses the loop that Windows has by default.
    return {"loop_factory": asyncio.SelectorEventLoop}


def _ending_signals() -> list[signal.Signals]:
    if sys.platform == "win32":
        return []
    wanted = [signal.SIGTERM, signal.SIGINT, signal.SIGHUP]
    return [number for number in wanted if signal.getsignal(number) is not signal.SIG_IGN]


def _leave_at_once(_number: int, _frame: FrameType | None) -> None:
    # A signal before the loop runs: nothing was taken on yet, so there is nothing to finish.
    os._exit(0)


def _start_last_resort() -> None:
    _later(LAST_RESORT_S, _give_up)


def _later(seconds: float, end: Callable[[], None]) -> None:
    timer = threading.Timer(seconds, end)
    timer.daemon = True
    timer.start()


def _give_up() -> None:
    log.error("the exit took more than %g s; ending the process", LAST_RESORT_S)
    _leave(1)


def _leave(code: int) -> NoReturn:
    """End the process without waiting for the thread that reads stdin, which nothing can wake."""
    logging.shutdown()
    os._exit(code)
