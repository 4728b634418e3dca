"""One connection on a pipe: lines in, lines out, and an end that loses nothing it has taken on."""

from __future__ import annotations

import logging
import threading
from contextlib import suppress
from typing import Any

import anyio
import anyio.from_thread
import anyio.to_thread
from mcp.server import Server
from mcp.shared.dispatcher import as_request_id, coerce_request_id
from mcp.shared.message import SessionMessage
from mcp.types import JSONRPCError, JSONRPCMessage, JSONRPCNotification, JSONRPCRequest, JSONRPCResponse, RequestId

from athena_mcp.server.discovery import METHOD as DISCOVER
from athena_mcp.server.discovery import answer_discover
from athena_mcp.server.lines import Overlong, Wire, read_lines, write_all, write_at_once
from athena_mcp.server.messages import Malformed, encode, error_answer, parse

log = logging.getLogger(__name__)

MAX_IN_FLIGHT = 512
MAX_IN_FLIGHT_BYTES = 64 * 2**20
"""How many requests, and how much of their text, are taken on at once; further lines wait in the pipe until some are
answered. Subscriptions, which are answered at their end only, do not count."""
_CLOSED = (anyio.ClosedResourceError, anyio.BrokenResourceError)
_LISTEN = "subscriptions/listen"
MAX_LISTENING = 64
"""Subscriptions at once on one connection."""


class StdioTransport:
    """The streams that `Server.run` wants, on the descriptors of `wire`.

    `stop` may be set by anybody (a signal, say); the transport sets it itself when the input ends or nobody reads the
    output any more. `run` then takes no further request, waits until those in flight are answered, at most `drain_s`,
    and closes the inbound stream, which makes `Server.run` end. Requests whose lines came before the end of input are
    taken on.
    """

    def __init__(self, wire: Wire, server: Server[Any], stop: anyio.Event, *, drain_s: float) -> None:
        self._wire = wire
        self._server = server
        self._stop = stop
        self._drain_s = drain_s
        self._inbound_in, self.inbound = anyio.create_memory_object_stream[SessionMessage | Exception](0)
        self.outbound, self._outbound_out = anyio.create_memory_object_stream[SessionMessage](0)
        self._open = False
        self._in_flight: dict[RequestId, int] = {}
        """The requests to be answered, by the id that the SDK knows them by, with the bytes of their lines."""
        self._listening: set[RequestId] = set()
        self._answered = anyio.Event()
        self._lock = anyio.Lock()
        self._deaf = False
        self._handing = anyio.CancelScope()
        self._writing = anyio.CancelScope()
        self.written = anyio.Event()
        """Set when everything that `Server.run` sent is out, or nobody is there to read it."""

    async def run(self) -> None:
        """Carry messages until stopped and drained. Returns when nothing goes in any more; `written` tells the rest."""
        async with anyio.from_thread.BlockingPortal() as portal, anyio.create_task_group() as tasks:
            lines_in, lines_out = anyio.create_memory_object_stream[bytes | Overlong](0)

            def read() -> None:
                try:
                    read_lines(self._wire.read_fd, lambda line: portal.call(lines_in.send, line))
                    portal.call(lines_in.aclose)
                except (RuntimeError, *_CLOSED):
                    pass  # the loop stopped listening while this thread was reading

            # A daemon: nothing can wake it from its read, and the process must not wait for it.
            threading.Thread(target=read, name="stdin", daemon=True).start()
            tasks.start_soon(self._write_outbound)
            forwarding = anyio.CancelScope()
            tasks.start_soon(self._forward, lines_out, forwarding)
            await self._stop.wait()
            forwarding.cancel()
            with anyio.move_on_after(self._drain_s):
                await self._drained()
            self._handing.cancel()
            self._inbound_in.close()
            with anyio.move_on_after(self._drain_s / 4):
                await self.written.wait()
            self._discard()
            await self.written.wait()
            lines_out.close()

    async def _forward(self, lines: Any, scope: anyio.CancelScope) -> None:
        with scope:
            async for line in lines:
                if isinstance(line, Overlong) or line.strip():
                    await self._take(parse(line), 0 if isinstance(line, Overlong) else len(line))
        self._stop.set()

    async def _take(self, message: JSONRPCMessage | Malformed, size_bytes: int) -> None:
        if isinstance(message, Malformed):
            log.warning("a line of input was refused: %s", message.problem)
            if message.answerable:
                await self._write(error_answer(message))
            return
        if isinstance(message, JSONRPCRequest):
            if message.method == DISCOVER and not self._open:
                await self._write(answer_discover(self._server, message))
                return
            key = coerce_request_id(message.id)
            if problem := self._unacceptable(key, message.method):
                await self._write(error_answer(Malformed(problem, message.id)))
                return
            await self._until_some_are_answered()
            self._open = True
            if message.method == _LISTEN:
                self._listening.add(key)
            else:
                self._in_flight[key] = size_bytes
        elif isinstance(message, JSONRPCNotification) and message.method == "notifications/cancelled":
            # A cancelled request is never answered.
            self._settled(as_request_id((message.params or {}).get("requestId")))
        # A request that is in flight for us must be so for the server, however long that is busy with another.
        self._handing = anyio.CancelScope(shield=True)
        with self._handing, suppress(*_CLOSED):  # the end came in between
            await self._inbound_in.send(SessionMessage(message))

    def _unacceptable(self, key: RequestId, method: str) -> str | None:
        """Why a request cannot be taken on, if it cannot."""
        if key in self._in_flight or key in self._listening:
            return "Another request with this id is not answered yet."
        if method == _LISTEN and len(self._listening) >= MAX_LISTENING:
            return f"There are {MAX_LISTENING} subscriptions already; end one first."
        return None

    async def _until_some_are_answered(self) -> None:
        while len(self._in_flight) >= MAX_IN_FLIGHT or sum(self._in_flight.values()) > MAX_IN_FLIGHT_BYTES:
            self._answered = anyio.Event()
            await self._answered.wait()

    async def _write_outbound(self) -> None:
        try:
            async with self._outbound_out:
                async for item in self._outbound_out:
                    await self._write(item.message)
                    if isinstance(item.message, JSONRPCResponse | JSONRPCError):
                        self._settled(item.message.id)
        finally:
            self.written.set()

    async def _write(self, message: JSONRPCMessage) -> None:
        data = encode(message)
        async with self._lock:
            if data is None or self._deaf:
                return
            self._writing = anyio.CancelScope()
            with self._writing:
                try:
                    # A thread costs as much as a small call; it is for a reader who does not keep up.
                    if rest := write_at_once(self._wire.write_fd, data):
                        await anyio.to_thread.run_sync(write_all, self._wire.write_fd, rest, abandon_on_cancel=True)
                except OSError:
                    log.info("nobody reads the output any more")
                    self._discard()

    def _discard(self) -> None:
        """Write nothing any more: the reader is gone, or has stopped reading and must not hold us."""
        self._deaf = True
        self._writing.cancel()
        self._stop.set()

    def _settled(self, request_id: RequestId | None) -> None:
        if request_id is not None:
            key = coerce_request_id(request_id)
            self._in_flight.pop(key, None)
            self._listening.discard(key)
            self._answered.set()

    async def _drained(self) -> None:
        while self._in_flight or self._listening:
            self._answered = anyio.Event()
            await self._answered.wait()
