"""The two resources: the statistics, and any memory of the project as a whole."""

from __future__ import annotations

import re
from typing import Any

from mcp import MCPError
from mcp.server import ServerRequestContext
from mcp.types import (
    INTERNAL_ERROR,
    INVALID_PARAMS,
    EmptyResult,
    ListResourcesResult,
    ListResourceTemplatesResult,
    PaginatedRequestParams,
    ReadResourceRequestParams,
    ReadResourceResult,
    Resource,
    ResourceTemplate,
    SubscribeRequestParams,
    TextResourceContents,
    UnsubscribeRequestParams,
)

from athena_mcp.errors import InvalidArgument
from athena_mcp.harmless import harmless
from athena_mcp.jsonable import isoformat
from athena_mcp.model import Memory, memory_row
from athena_mcp.server.answers import compact_json, well_formed
from athena_mcp.server.failures import explain
from athena_mcp.server.lifespan import ServerState
from athena_mcp.server.notify import STATS_URI

MEMORY_TEMPLATE = "athena://memories/{id}"
_MEMORY_URI = re.compile(r"athena://memories/([^/?#]*)")
_JSON = "application/json"


async def list_resources(
    _ctx: ServerRequestContext[ServerState], _params: PaginatedRequestParams | None
) -> ListResourcesResult:
    """Answer `resources/list`."""
    statistics = Resource(
        uri=STATS_URI,
        name="stats",
        title="Memory statistics",
        description="Memories by layer, latencies, cache hits, failures. Announces its changes.",
        mime_type=_JSON,
    )
    return ListResourcesResult(resources=[statistics])


async def list_resource_templates(
    _ctx: ServerRequestContext[ServerState], _params: PaginatedRequestParams | None
) -> ListResourceTemplatesResult:
    """Answer `resources/templates/list`."""
    memory = ResourceTemplate(
        uri_template=MEMORY_TEMPLATE,
        name="memory",
        title="A memory",
        description="One memory, whole, by its id; also one that was superseded.",
        mime_type=_JSON,
    )
    return ListResourceTemplatesResult(resource_templates=[memory])


async def read_resource(
    ctx: ServerRequestContext[ServerState], params: ReadResourceRequestParams
) -> ReadResourceResult:
    """Answer `resources/read`.

    Raises MCPError: invalid parameters with the URI in its data when there is no such resource (what the protocol calls
    not found), an internal error otherwise.
    """
    uri = str(params.uri)
    memory_id = None if uri == STATS_URI else _memory_id(uri)
    try:
        manager = await ctx.lifespan_context.manager(ctx.session)
        if memory_id is None:
            text = compact_json(await manager.stats(None))
        else:
            text = compact_json(whole_memory(await manager.get(memory_id)))
    except InvalidArgument as error:
        raise _not_found(uri, f"Resource not found: {error}") from error
    except Exception as error:  # border: whatever went wrong is told the client in words
        raise MCPError(INTERNAL_ERROR, well_formed(explain(error, "reading the resource"))) from error
    return ReadResourceResult(contents=[TextResourceContents(uri=uri, mime_type=_JSON, text=text)])


async def subscribe(_ctx: ServerRequestContext[ServerState], params: SubscribeRequestParams) -> EmptyResult:
    """Answer the older era's `resources/subscribe`: updates of the statistics are sent anyway, nothing else has any."""
    if str(params.uri) != STATS_URI:
        raise _not_found(str(params.uri), f"Only {STATS_URI} announces its changes.")
    return EmptyResult()


async def unsubscribe(_ctx: ServerRequestContext[ServerState], _params: UnsubscribeRequestParams) -> EmptyResult:
    """Answer the older era's `resources/unsubscribe`."""
    return EmptyResult()


def whole_memory(memory: Memory) -> dict[str, Any]:
    """A memory with everything that is known of it: the row of an answer, and what answers leave out."""
    row = memory_row(memory)
    row["project"] = memory.project
    row["importance"] = memory.importance
    if memory.key is not None:
        row["key"] = memory.key
    if memory.about is not None:
        row["about"] = memory.about
    if memory.superseded_by is not None:
        row["superseded_by"] = memory.superseded_by
    if memory.superseded_at is not None:
        row["superseded_at"] = isoformat(memory.superseded_at)
    return row


def _memory_id(uri: str) -> int:
    match = _MEMORY_URI.fullmatch(uri)
    if match is None:
        raise _not_found(uri, f"Resource not found. Known: {STATS_URI}, {MEMORY_TEMPLATE}.")
    # ASCII digits only, and few enough for the database's ids.
    if not re.fullmatch(r"[0-9]{1,18}", match[1]):
        raise _not_found(uri, "Resource not found: the id of a memory is a whole number.")
    return int(match[1])


def _not_found(uri: str, message: str) -> MCPError:
    return MCPError(INVALID_PARAMS, well_formed(harmless(message)), {"uri": well_formed(uri)})
