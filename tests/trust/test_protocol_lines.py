"""Lines that are no messages: whom they are answered to, and how much of them is held."""

from __future__ import annotations

import json
import os
import threading

import anyio
import pytest
from mcp.server import Server
from mcp.shared.message import SessionMessage
from mcp.types import JSONRPCNotification, JSONRPCRequest

from athena_mcp.server.lines import EDGE_BYTES, Overlong, Wire, read_lines
from athena_mcp.server.messages import Malformed, encode, error_answer, parse
from athena_mcp.server.transport import StdioTransport
from tests.server.process import process

NINES = b"9" * 5_000


@pytest.mark.parametrize(
    ("line", "code"),
    [
        (b"no json", -32700),
        (b'{"jsonrpc":"2.0","id":5,"method":"pi', -32700),
        (b"\xff\xfe", -32700),
        (b"[]", -32600),
        (b'[{"jsonrpc":"2.0","id":5,"method":"ping"}]', -32600),
        (b"null", -32600),
        (b'"text"', -32600),
        (b"[" * 100_000, -32600),
        (b'{"jsonrpc":"2.0","method":7}', -32600),
        (b'{"method":"ping"}', -32600),
        (b'{"jsonrpc":"2.0","id":null,"method":"ping"}', -32600),
        (b'{"jsonrpc":"2.0","id":true,"method":"ping"}', -32600),
        (b'{"jsonrpc":"2.0","id":1.0,"method":"ping"}', -32600),
        (b'{"jsonrpc":"2.0","id":[5],"method":"ping"}', -32600),
        (b'{"jsonrpc":"2.0","\\u0069d":{},"method":"ping"}', -32600),
        (b'{"jsonrpc":"2.0","id":"\\ud83d","method":"ping"}', -32600),
        (b'{"jsonrpc":"2.0","id":' + NINES + b',"method":"ping"}', -32600),
    ],
)
def test_a_line_whose_sender_cannot_be_told_is_answered_to_null(line: bytes, code: int) -> None:
    found = parse(line)
    assert isinstance(found, Malformed)
    answer = json.loads(encode(error_answer(found)) or b"")
    assert (answer["id"], answer["error"]["code"]) == (None, code)


@pytest.mark.parametrize(
    "line",
    [
        b'{"jsonrpc":"2.0","id":5,"method":["x"]}',
        b'{"jsonrpc":"1.0","id":5,"method":"ping"}',
        b'{"id":5}',
        b'{"jsonrpc":"2.0","id":5,"method":"ping","params":[1]}',
        b'{"jsonrpc":"2.0","id":5,"method":"ping","params":' + b"[" * 50_000 + b"}",
        b'{"jsonrpc":"2.0", "method":"ping", "id" : 5, "params":' + b'{"a":' * 50_000,
        b'{"params":{"a":' + b"[" * 50_000 + b"]" * 50_000 + b'},"id":5}',
    ],
)
def test_a_line_whose_id_can_be_read_is_answered_to_it(line: bytes) -> None:
    found = parse(line)
    assert isinstance(found, Malformed)
    assert json.loads(encode(error_answer(found)) or b"")["id"] == 5


@pytest.mark.parametrize(
    "line",
    [
        b'{"jsonrpc":"2.0","id":[],"result":{}}',
        b'{"jsonrpc":"2.0","id":5,"error":"what?"}',
        b'{"jsonrpc":"2.0","id":"\\ud83d","result":{}}',
        b'{"error":{}}',
    ],
)
def test_a_broken_answer_is_answered_by_nothing(line: bytes) -> None:
    found = parse(line)
    assert isinstance(found, Malformed)
    assert not found.answerable


def test_a_number_of_thousands_of_digits_spoils_only_its_argument() -> None:
    found = parse(b'{"jsonrpc":"2.0","id":5,"method":"x","params":{"k":' + NINES + b',"l":-' + NINES + b"}}")
    assert isinstance(found, JSONRPCRequest)
    assert found.params == {"k": float("inf"), "l": float("-inf")}


def test_a_notification_with_a_null_id_is_one_all_the_same() -> None:
    assert isinstance(parse(b'{"jsonrpc":"2.0","id":null,"method":"notifications/initialized"}'), JSONRPCNotification)


def lines_of(data: bytes, *, chunk_bytes: int, max_line_bytes: int) -> list[bytes | Overlong]:
    """What comes of `data` through a real pipe."""
    read_fd, write_fd = os.pipe()
    found: list[bytes | Overlong] = []

    def write() -> None:
        with os.fdopen(write_fd, "wb") as out:
            out.write(data)

    writer = threading.Thread(target=write)
    writer.start()
    read_lines(read_fd, found.append, chunk_bytes=chunk_bytes, max_line_bytes=max_line_bytes)
    writer.join()
    os.close(read_fd)
    return found


@pytest.mark.parametrize("chunk_bytes", [1, 7, 65_536])
def test_of_a_line_that_goes_on_too_long_only_the_ends_are_kept(chunk_bytes: int) -> None:
    long = b"<" + b"x" * 20_000 + b">"
    found = lines_of(b"a\n" + long + b"\nb\n\n" + long, chunk_bytes=chunk_bytes, max_line_bytes=10_000)
    cut = Overlong(b"<" + b"x" * (EDGE_BYTES - 1), b"x" * (EDGE_BYTES - 1) + b">")
    assert found == [b"a", cut, b"b", b"", cut]
    assert lines_of(b"x" * 10_000, chunk_bytes=chunk_bytes, max_line_bytes=10_000) == [b"x" * 10_000]


@pytest.mark.parametrize(
    ("line", "whom"),
    [
        (Overlong(b'{"jsonrpc":"2.0","id":5,"method":"x","params":{"a":"xx', b'xx"}}'), 5),
        (Overlong(b'{"id":"five","params":{"a":"xx', b'xx"}}'), "five"),
        (Overlong(b'{"method":"x","params":{"a":"xx', b'xx"},"jsonrpc":"2.0","id":5}'), 5),
        (Overlong(b'{"params":{"id":5,"a":"xx', b'xx"}}'), None),
        (Overlong(b'{"params":{"a":{"id":5', b'"id":5}}}'), None),
        (Overlong(b"xx", b"xx"), None),
    ],
)
def test_whom_an_overlong_line_is_answered_to(line: Overlong, whom: object) -> None:
    found = parse(line)
    assert isinstance(found, Malformed)
    assert found.request_id == whom


def test_an_id_that_is_in_use_is_refused_and_free_again_afterwards() -> None:
    with process("0.3") as server:
        server.initialize()
        call = '{"jsonrpc":"2.0","id":"7","method":"tools/call","params":{"name":"recall","arguments":{"query":"x"}}}'
        server.write(call)
        server.write('{"jsonrpc":"2.0","id":7,"method":"tools/list"}')
        refused, answered = server.read(), server.read()
        assert (refused["id"], refused["error"]["code"]) == (7, -32600)
        assert (answered["id"], answered["result"]["isError"]) == ("7", False)
        server.write(call)
        assert server.read()["id"] == "7"


def test_more_requests_than_are_taken_on_wait_in_the_pipe_and_are_all_answered() -> None:
    with process("0.5") as server:
        server.initialize()
        first = server.send("tools/call", {"name": "recall", "arguments": {"query": "x"}})

        def send_the_rest() -> None:
            for _ in range(1_199):
                server.send("tools/call", {"name": "recall", "arguments": {"query": "x"}})

        # Beside the reading: once both pipes are full, who only writes waits for a server that waits for a reader.
        sender = threading.Thread(target=send_the_rest)
        sender.start()
        answered = {server.read()["id"] for _ in range(1_200)}
        sender.join()
        assert answered == set(range(first, first + 1_200))


def test_subscriptions_have_a_limit_of_their_own_and_hold_nobody_up() -> None:
    from tests.server.process import ENVELOPE

    with process() as server:
        listen = {"_meta": ENVELOPE, "notifications": {"resourceSubscriptions": ["athena://stats"]}}
        for _ in range(64):
            server.send("subscriptions/listen", listen)
        assert server.ask("subscriptions/listen", listen)["error"]["code"] == -32600
        assert server.ask("tools/list", {"_meta": ENVELOPE})["result"]["tools"]


@pytest.mark.anyio
async def test_a_request_waits_for_a_server_that_is_busy_as_long_as_it_takes() -> None:
    read_fd, write_fd = os.pipe()
    stop = anyio.Event()
    transport = StdioTransport(Wire(read_fd, os.dup(write_fd)), Server("busy"), stop, drain_s=0.01)
    try:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(transport.run)
            os.write(write_fd, b'{"jsonrpc":"2.0","id":5,"method":"tools/list"}\n')
            await anyio.sleep(0.3)  # nobody takes it for far longer than the exit would wait
            with anyio.fail_after(5):
                taken = await transport.inbound.receive()
            stop.set()
            await transport.outbound.aclose()
        assert isinstance(taken, SessionMessage)
        assert isinstance(taken.message, JSONRPCRequest)
        assert taken.message.id == 5
    finally:
        os.close(write_fd)
