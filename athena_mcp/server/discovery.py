"""Answering `server/discover` before the connection has chosen its era.

On a pipe the SDK takes the first request as the choice between the two protocol eras and refuses the other one from
then on. Some clients ask `server/discover` first, give up waiting while we start, and go on with `initialize`: they
would be turned away. So discovery is answered here, without a choice, for as long as nothing else has been asked.
"""

from __future__ import annotations

from typing import Any

from mcp.server import Server
from mcp.shared.inbound import InboundLadderRejection, classify_inbound_request
from mcp.types import (
    SERVER_INFO_META_KEY,
    DiscoverResult,
    ErrorData,
    JSONRPCError,
    JSONRPCRequest,
    JSONRPCResponse,
)
from mcp.types.methods import serialize_server_result
from mcp.types.version import MODERN_PROTOCOL_VERSIONS

METHOD = "server/discover"


def answer_discover(server: Server[Any], request: JSONRPCRequest) -> JSONRPCResponse | JSONRPCError:
    """What the SDK's own handler answers to this request, a refused envelope included."""
    route = classify_inbound_request({"method": request.method, "params": request.params})
    if isinstance(route, InboundLadderRejection):
        error = ErrorData(code=route.code, message=route.message, data=route.data)
        return JSONRPCError(jsonrpc="2.0", id=request.id, error=error)
    found = DiscoverResult(
        supported_versions=list(MODERN_PROTOCOL_VERSIONS),
        capabilities=server.get_capabilities(protocol_version=route.protocol_version),
        instructions=server.instructions,
    )
    dumped = found.model_dump(by_alias=True, mode="json", exclude_none=True)
    result = serialize_server_result(METHOD, route.protocol_version, dumped)
    result["_meta"] = {SERVER_INFO_META_KEY: server.server_info_stamp}
    return JSONRPCResponse(jsonrpc="2.0", id=request.id, result=result)
