"""Putting the MCP server together."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from mcp.server import Server, ServerRequestContext
from mcp.server.context import CallNext, HandlerResult
from mcp.server.subscriptions import InMemorySubscriptionBus, ListenHandler

from athena_mcp.app import open_app as open_real_app
from athena_mcp.config import Settings
from athena_mcp.server import instructions, resources, tools
from athena_mcp.server.lifespan import ServerState, server_lifespan
from athena_mcp.server.notify import HOLD_OFF_S
from athena_mcp.server.ports import OpenApp
from athena_mcp.version import own_version

NAME = "athena"


def build_server(
    settings: Settings,
    *,
    open_app: OpenApp = open_real_app,
    listen: ListenHandler | None = None,
    bus: InMemorySubscriptionBus | None = None,
    hold_off_s: float = HOLD_OFF_S,
) -> Server[ServerState]:
    """The MCP server over an application; every connection opens its own with `open_app` (default: the real one).

    `listen` serves the newer era's subscriptions on `bus`; whoever wants to end them gracefully passes their own.
    `hold_off_s` is the least time between two notifications. The SDK's low-level server is used because it leaves
    results, schemas and error texts to us and needs no private attribute of the SDK.
    """
    bus = bus or InMemorySubscriptionBus()

    @asynccontextmanager
    async def lifespan(_server: Server[ServerState]) -> AsyncIterator[ServerState]:
        async with server_lifespan(settings, open_app, bus, hold_off_s=hold_off_s) as state:
            yield state

    server: Server[ServerState] = Server(
        NAME,
        version=own_version(),
        title="Athena",
        description="A memory for coding agents that outlives the conversation.",
        instructions=instructions.READ_ONLY if settings.read_only else instructions.INSTRUCTIONS,
        lifespan=lifespan,
        on_list_tools=tools.list_tools,
        on_call_tool=tools.call_tool,
        on_list_resources=resources.list_resources,
        on_list_resource_templates=resources.list_resource_templates,
        on_read_resource=resources.read_resource,
        on_subscribe_resource=resources.subscribe,
        on_unsubscribe_resource=resources.unsubscribe,
        on_subscriptions_listen=listen or ListenHandler(bus),
    )
    server.middleware.append(_note_answers)
    return server


async def _note_answers(ctx: ServerRequestContext[Any], call_next: CallNext) -> HandlerResult:
    state: ServerState = ctx.lifespan_context
    if ctx.method == "subscriptions/listen":  # answered at its end, which may be that of the connection
        state.answered(ctx.session, ctx.method)
    try:
        return await call_next(ctx)
    finally:
        state.answered(ctx.session, ctx.method)
