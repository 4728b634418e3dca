"""One connection on a pipe: lines in, lines out, and an end that loses nothing it has taken on."""

from __future__ import annotations

import logging
import threading
from typing import Any

import anyio
import anyio.from_thread
import anyio.to_thread
from mcp.server import Server
from mcp.shared.message import SessionMessage
from mcp.types import JSONRPCError, JSONRPCMessage, JSONRPCNotification, JSONRPCRequest, JSONRPCResponse, RequestId

from athena_mcp.server.discovery import METHOD as DISCOVER
from athena_mcp.server.discovery import answer_discover
from athena_mcp.server.lines import Wire, read_lines, write_all
from athena_mcp.server.messages import Malformed, encode, parse, refusal

log = logging.getLogger(__name__)


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
        self._in_flight: set[str] = set()
        self._answered = anyio.Event()
        self._lock = anyio.Lock()
        self._deaf = False
        self._writing = anyio.CancelScope()
        self.written = anyio.Event()
        """Set when everything that `Server.run` sent is out, or nobody is there to read it."""

    async def run(self) -> None:
        """Carry messages until stopped and drained. Returns when nothing goes in any more; `written` tells the rest."""
        async with anyio.from_thread.BlockingPortal() as portal, anyio.create_task_group() as tasks:
            lines_in, lines_out = anyio.create_memory_object_stream[bytes](0)

            def read() -> None:
                try:
                    read_lines(self._wire.read_fd, lambda line: portal.call(lines_in.send, line))
                    portal.call(lines_in.aclose)
                except (RuntimeError, anyio.BrokenResourceError, anyio.ClosedResourceError):
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
            self._inbound_in.close()
            with anyio.move_on_after(self._drain_s / 4):
                await self.written.wait()
            self._discard()
            await self.written.wait()
            lines_out.close()

    async def _forward(self, lines: Any, scope: anyio.CancelScope) -> None:
        with scope:
            async for line in lines:
                if line.strip():
                    await self._take(parse(line))
        self._stop.set()

    async def _take(self, message: JSONRPCMessage | Malformed) -> None:
        if isinstance(message, Malformed):
            log.warning("a line of input is not a JSON-RPC message")
            if answer := refusal(message):
                await self._write(answer)
            return
        if isinstance(message, JSONRPCRequest):
            if message.method == DISCOVER and not self._open:
                await self._write(answer_discover(self._server, message))
                return
            self._open = True
            self._in_flight.add(str(message.id))
        elif isinstance(message, JSONRPCNotification) and message.method == "notifications/cancelled":
            # A cancelled request is never answered.
            self._settled((message.params or {}).get("requestId"))
        # Handed over whole or not at all: a request that is in flight for us must be so for the server.
        with anyio.move_on_after(self._drain_s, shield=True):
            await self._inbound_in.send(SessionMessage(message))

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
                    await anyio.to_thread.run_sync(write_all, self._wire.write_fd, data, abandon_on_cancel=True)
                except OSError:
                    log.info("nobody reads the output any more")
                    self._discard()

    def _discard(self) -> None:
        """Write nothing any more: the reader is gone, or has stopped reading and must not hold us."""
        self._deaf = True
        self._writing.cancel()
        self._stop.set()

    def _settled(self, request_id: RequestId | None) -> None:
        self._in_flight.discard(str(request_id))
        self._answered.set()

    async def _drained(self) -> None:
        while self._in_flight:
            self._answered = anyio.Event()
            await self._answered.wait()
