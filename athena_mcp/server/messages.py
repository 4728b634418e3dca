"""Between a line and a protocol message."""

from __future__ import annotations

import json
import math
import re
from dataclasses import dataclass

from mcp.types import (
    INTERNAL_ERROR,
    INVALID_REQUEST,
    PARSE_ERROR,
    ErrorData,
    JSONRPCError,
    JSONRPCMessage,
    JSONRPCNotification,
    JSONRPCRequest,
    JSONRPCResponse,
    RequestId,
    jsonrpc_message_adapter,
)
from pydantic import ValidationError

from athena_mcp.server.lines import EDGE_BYTES, MAX_LINE_BYTES, Overlong

MAX_NUMBER_CHARS = 400
"""A whole number of more digits is read as infinite, as a number with an exponent would be: it is then refused by the
name of its argument. Python itself reads none of over 4,300 digits."""

_ID = rb'"id"\s*:\s*(-?[0-9]{1,18}|"[^"\\\x00-\x1f]{0,200}")\s*'
_FIRST_MEMBERS = re.compile(rb'\s*\{\s*(?:"(?:jsonrpc|method)"\s*:\s*"[^"\\]{0,200}"\s*,\s*){0,2}' + _ID + rb"[,}]")
_LAST_MEMBER = re.compile(rb"[,{]\s*" + _ID + rb"\}\s*\Z")


@dataclass(frozen=True, slots=True)
class Malformed:
    """A line that is no message; `request_id` is whom to answer, None when that cannot be told.

    A broken answer is not `answerable`: two programs that refuse each other's refusals would never stop.
    """

    problem: str
    request_id: RequestId | None = None
    code: int = INVALID_REQUEST
    answerable: bool = True


def parse(line: bytes | Overlong) -> JSONRPCMessage | Malformed:
    """The message on a line.

    Half a surrogate pair, which a client makes by cutting a text in the middle of a character, is let through: the
    argument that holds it is then refused by name, where dropping the line would leave the caller waiting for ever.
    """
    if isinstance(line, Overlong):
        problem = f"A line has over {MAX_LINE_BYTES:,} bytes, the most that is read."
        return Malformed(problem, _salvaged_id(line.head, line.tail))
    try:
        return _parse(line, line.decode("utf-8"))
    except UnicodeDecodeError:
        message = _parse(line, line.decode("utf-8", "replace"))
    if isinstance(message, JSONRPCRequest):
        return Malformed("This line is not UTF-8.", message.id, code=PARSE_ERROR)
    return message


def _parse(line: bytes, text: str) -> JSONRPCMessage | Malformed:
    try:
        message = jsonrpc_message_adapter.validate_json(text, by_name=False)
    except ValidationError:
        pass
    else:
        # The SDK takes a request whose id it cannot use for a notification, and would never answer it. Hardly any
        # notification has the word in it, so that it is seldom read twice.
        if not isinstance(message, JSONRPCNotification) or ('"id"' not in text and "\\u" not in text):
            return message
    try:
        value = json.loads(text, parse_int=_whole_number)
    except RecursionError:
        return Malformed("This line is nested too deeply.", _salvaged_id(line[:EDGE_BYTES], line[-EDGE_BYTES:]))
    except ValueError:
        return Malformed("This line is not JSON.", code=PARSE_ERROR)
    return _read(value)


def error_answer(malformed: Malformed) -> JSONRPCError:
    """The answer to a malformed line; to nobody by name when it cannot be told whom, as JSON-RPC has it."""
    error = ErrorData(code=malformed.code, message=malformed.problem)
    return JSONRPCError(jsonrpc="2.0", id=malformed.request_id, error=error)


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
        except ValueError:  # the id itself cannot be written; `parse` lets no such request in
            return None


def _line(message: JSONRPCMessage) -> bytes:
    return message.model_dump_json(by_alias=True, exclude_unset=True).encode() + b"\n"


def _read(value: object) -> JSONRPCMessage | Malformed:
    if not isinstance(value, dict):
        return Malformed("This line is not a JSON-RPC message: it must be one object.")
    if "method" not in value and ("result" in value or "error" in value):
        answerable = False
    else:
        answerable = True
        if "id" in value and _request_id(value) is None and not _sloppy_notification(value):
            return Malformed("The id of a request must be a text or a whole number.")
    try:
        message = jsonrpc_message_adapter.validate_python(value, by_name=False)
    except (ValidationError, RecursionError):
        problem = "This line is not a valid JSON-RPC 2.0 message."
        return Malformed(problem, _request_id(value), answerable=answerable)
    if not answerable and isinstance(message, JSONRPCResponse | JSONRPCError) and not _writable(message.id):
        return Malformed("The id of an answer cannot be read.", answerable=False)
    return message


def _sloppy_notification(value: dict[str, object]) -> bool:
    """Whether this is a notification with an id that says nothing, as some clients send them."""
    method = value.get("method")
    return value["id"] is None and isinstance(method, str) and method.startswith("notifications/")


def _request_id(value: dict[str, object]) -> RequestId | None:
    """The id of what may be a request, if an answer could carry it."""
    try:
        given = JSONRPCRequest(jsonrpc="2.0", id=value.get("id"), method="unknown").id  # type: ignore[arg-type]  # checked by it
    except ValidationError:
        return None
    return given if _writable(given) else None


def _writable(given: RequestId | None) -> bool:
    try:
        str(given).encode("utf-8")
    except ValueError:
        return False
    return True


def _whole_number(digits: str) -> int | float:
    return int(digits) if len(digits) <= MAX_NUMBER_CHARS else math.copysign(math.inf, -1 if digits[0] == "-" else 1)


def _salvaged_id(head: bytes, tail: bytes) -> RequestId | None:
    """The id of a line that cannot be read, from its first members or its last: only where it can be nothing else."""
    found = _FIRST_MEMBERS.match(head) or _LAST_MEMBER.search(tail)
    if found is None:
        return None
    text = found[1].decode("utf-8", "replace")
    return text[1:-1] if text.startswith('"') else int(text)
