"""Serving one client on stdin and stdout until it leaves or a signal comes."""

from __future__ import annotations

import logging
import signal
import sys
from collections.abc import Callable

import anyio
import anyio.abc
from mcp.server.subscriptions import InMemorySubscriptionBus, ListenHandler

from athena_mcp.app import open_app as open_real_app
from athena_mcp.config import Settings
from athena_mcp.server.build import build_server
from athena_mcp.server.lines import Wire, claim_wire
from athena_mcp.server.ports import OpenApp
from athena_mcp.server.transport import StdioTransport

log = logging.getLogger(__name__)

DRAIN_S = 0.8
"""How long requests in flight may go on after the end was announced. With the lifespan's own bounded exit it keeps the
whole stop under two seconds, after which clients start to kill."""


async def serve(
    settings: Settings,
    *,
    open_app: OpenApp = open_real_app,
    drain_s: float = DRAIN_S,
    on_stop: Callable[[], None] = lambda: None,
) -> None:
    """Serve MCP on stdin and stdout; returns when the client has gone or a signal asked for the end.

    Requests that were taken on are answered first, for `drain_s` at most; then the application is closed. `on_stop` is
    called once when the end begins.
    """
    wire = claim_wire()
    if wire is None:
        log.warning("stdin or stdout is closed: there is no client to serve")
        return
    await serve_wire(wire, settings, open_app=open_app, drain_s=drain_s, on_stop=on_stop)


async def serve_wire(
    wire: Wire, settings: Settings, *, open_app: OpenApp, drain_s: float, on_stop: Callable[[], None]
) -> None:
    """Serve on given descriptors; see `serve`."""
    bus = InMemorySubscriptionBus()
    listen = ListenHandler(bus)
    server = build_server(settings, open_app=open_app, listen=listen, bus=bus)
    stop = anyio.Event()
    transport = StdioTransport(wire, server, stop, drain_s=drain_s)

    async def end_subscriptions() -> None:
        await stop.wait()
        on_stop()
        # They would stay in flight for ever; this answers each of them.
        listen.close()

    async with anyio.create_task_group() as tasks:
        if sys.platform != "win32":
            await tasks.start(_stop_on_signal, stop)
        tasks.start_soon(end_subscriptions)
        tasks.start_soon(transport.run)
        await server.run(transport.inbound, transport.outbound, server.create_initialization_options())
        await transport.written.wait()
        tasks.cancel_scope.cancel()


async def _stop_on_signal(
    stop: anyio.Event, *, task_status: anyio.abc.TaskStatus[None] = anyio.TASK_STATUS_IGNORED
) -> None:
    """Set `stop` on a request to end. Runs to the very end, so that a second signal cannot kill a tidy exit."""
    wanted = [signal.SIGTERM, signal.SIGINT]
    # Under nohup and the like a hang-up is to be ignored.
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
        wanted.append(signal.SIGHUP)
    with anyio.open_signal_receiver(*wanted) as signals:
        task_status.started()
        async for number in signals:
            log.info("stopping on %s", number.name)
            stop.set()
