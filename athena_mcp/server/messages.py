"""Between a line and a protocol message."""

from __future__ import annotations

import json
from dataclasses import dataclass

from mcp.types import (
    INTERNAL_ERROR,
    INVALID_REQUEST,
    ErrorData,
    JSONRPCError,
    JSONRPCMessage,
    JSONRPCRequest,
    JSONRPCResponse,
    RequestId,
    jsonrpc_message_adapter,
)
from pydantic import ValidationError


@dataclass(frozen=True, slots=True)
class Malformed:
    """A line that is no message; `request_id` is whom to answer, None when that cannot be told."""

    request_id: RequestId | None = None


def parse(line: bytes) -> JSONRPCMessage | Malformed:
    """The message on a line.

    Half a surrogate pair, which a client makes by cutting a text in the middle of a character, is let through: the
    argument that holds it is then refused by name, where dropping the line would leave the caller waiting for ever.
    """
    text = line.decode("utf-8", "replace")
    try:
        return jsonrpc_message_adapter.validate_json(text, by_name=False)
    except ValidationError:
        pass
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return Malformed()
    try:
        return jsonrpc_message_adapter.validate_python(value, by_name=False)
    except (ValidationError, RecursionError):
        return Malformed(_request_id(value))


def refusal(malformed: Malformed) -> JSONRPCError | None:
    """The answer to a malformed request, if it can be addressed."""
    if malformed.request_id is None:
        return None
    return JSONRPCError(
        jsonrpc="2.0",
        id=malformed.request_id,
        error=ErrorData(code=INVALID_REQUEST, message="This line is not a valid JSON-RPC 2.0 request."),
    )


def encode(message: JSONRPCMessage) -> bytes | None:
    """The line of a message, with its end; None for a notification that cannot be written.

    An answer that cannot be written (half a surrogate pair in an echoed text) becomes an error, so that nobody waits.
    """
    try:
        return _line(message)
    except ValueError:
        if not isinstance(message, JSONRPCResponse | JSONRPCError):
            return None
        error = ErrorData(code=INTERNAL_ERROR, message="The answer cannot be written as UTF-8.")
        try:
            return _line(JSONRPCError(jsonrpc="2.0", id=message.id, error=error))
        except ValueError:  # the id itself cannot be written: nobody could be told
            return None


def _line(message: JSONRPCMessage) -> bytes:
    return message.model_dump_json(by_alias=True, exclude_unset=True).encode() + b"\n"


def _request_id(value: object) -> RequestId | None:
    if not isinstance(value, dict) or ("method" not in value and "jsonrpc" not in value):
        return None
    try:
        return JSONRPCRequest(jsonrpc="2.0", id=value.get("id"), method="unknown").id  # type: ignore[arg-type]  # checked by it
    except ValidationError:
        return None
