"""The server as a process: eras, bad lines, and every way to end."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time

import pytest

from tests.server.process import ENVELOPE, Process, process

RECALL = {"name": "recall", "arguments": {"query": "x"}}
posix = pytest.mark.skipif(sys.platform == "win32", reason="there are no such signals")


def left_tidily(server: Process, within_s: float = 4.0) -> None:
    """The process ends by itself with code 0, having closed its application; a hang would take far longer."""
    started = time.monotonic()
    code = server.popen.wait(timeout=15)
    took_s = time.monotonic() - started
    errors = server.errors()
    assert code == 0, errors
    assert "closed" in errors
    assert "Traceback" not in errors
    assert took_s < within_s


def test_discovery_does_not_choose_the_era() -> None:
    with process() as server:
        found = server.ask("server/discover", {"_meta": ENVELOPE})["result"]
        assert found["supportedVersions"] == ["2026-07-28"]
        assert found["resultType"] == "complete"
        assert found["_meta"]["io.modelcontextprotocol/serverInfo"]["name"] == "athena"
        assert "recall" in found["instructions"]
        assert server.ask("server/discover", {"_meta": ENVELOPE})["result"] == found
        unknown = {**ENVELOPE, "io.modelcontextprotocol/protocolVersion": "2099-01-01"}
        assert server.ask("server/discover", {"_meta": unknown})["error"]["code"] == -32022
        assert server.initialize()["result"]["protocolVersion"] == "2025-11-25"
        assert not server.ask("tools/call", RECALL)["result"]["isError"]


def test_our_discovery_answers_what_the_sdk_answers() -> None:
    with process() as server:
        ours = server.ask("server/discover", {"_meta": ENVELOPE})
        server.ask("tools/list", {"_meta": ENVELOPE})
        theirs = server.ask("server/discover", {"_meta": ENVELOPE})  # the era is chosen: this one is the SDK's
        assert ours["result"] == theirs["result"]


def test_all_lines_before_the_end_of_input_are_answered() -> None:
    with process("0.3") as server:
        server.initialize()
        calls = {server.send("tools/call", RECALL) for _ in range(3)}
        remembered = server.send("tools/call", {"name": "remember", "arguments": {"content": "kept"}})
        assert server.popen.stdin is not None
        server.popen.stdin.close()
        answers = {answer["id"]: answer for answer in (server.read() for _ in range(4))}
        assert set(answers) == {*calls, remembered}
        assert all(answer["result"]["content"] for answer in answers.values())
        left_tidily(server)


@posix
@pytest.mark.parametrize("number", ["SIGTERM", "SIGINT", "SIGHUP"])
def test_a_signal_lets_requests_in_flight_finish(number: str) -> None:
    with process("0.3") as server:
        server.initialize()
        call = server.send("tools/call", RECALL)
        server.wait_for_error_line("recalling")
        server.popen.send_signal(getattr(signal, number))
        answer = server.read()
        assert answer["id"] == call
        assert answer["result"]["content"]
        left_tidily(server)


@posix
def test_a_request_that_does_not_end_does_not_hold_the_exit() -> None:
    with process("60") as server:
        server.initialize()
        server.send("tools/call", RECALL)
        server.wait_for_error_line("recalling")
        server.popen.send_signal(signal.SIGTERM)
        assert server.read()["error"]["message"] == "Connection closed"
        left_tidily(server)


@posix
def test_signals_end_an_idle_server_of_the_newer_era_with_an_open_subscription() -> None:
    with process() as server:
        listen = {"_meta": ENVELOPE, "notifications": {"resourceSubscriptions": ["athena://stats"]}}
        number = server.send("subscriptions/listen", listen)
        server.send("tools/list", {"_meta": ENVELOPE})
        server.read()
        server.popen.send_signal(signal.SIGTERM)
        ended = server.read()
        assert ended["id"] == number
        assert "result" in ended  # on purpose, not dropped
        left_tidily(server)


def test_an_end_of_input_before_any_request_is_an_end() -> None:
    with process() as server:
        assert server.popen.stdin is not None
        server.popen.stdin.close()
        left_tidily(server)


def test_a_client_that_stops_reading_does_not_hold_the_exit() -> None:
    with process() as server:
        server.initialize()
        for _ in range(60):  # far more than a pipe holds
            server.send("tools/list")
        assert server.popen.stdin is not None
        server.popen.stdin.close()
        left_tidily(server)


def test_a_client_that_vanishes_is_no_failure() -> None:
    with process("0.2") as server:
        server.initialize()
        server.send("tools/call", RECALL)
        server.wait_for_error_line("recalling")
        assert server.popen.stdout is not None
        server.popen.stdout.close()
        left_tidily(server)


def test_a_line_cut_in_the_middle_of_a_character_is_refused_by_name() -> None:
    with process() as server:
        server.initialize()
        line = json.dumps(
            {
                "jsonrpc": "2.0",
                "id": "cut",
                "method": "tools/call",
                "params": {"name": "remember", "arguments": {"content": "half \ud83d"}},
            }
        )
        server.write(line)
        answer = server.read()
        assert answer["id"] == "cut"
        assert answer["result"]["isError"]
        assert answer["result"]["content"][0]["text"].startswith("content: holds half of a surrogate pair")


def test_bad_lines_are_answered_when_they_can_be_and_never_end_the_connection() -> None:
    with process() as server:
        server.initialize()
        for line in ("no json", "[]", "{", "null", '"text"', "[" * 100_000, '{"jsonrpc":"2.0","method":7}'):
            server.write(line)
            assert server.read()["id"] is None
        server.write("")
        server.write('{"jsonrpc":"2.0","id":77,"method":["x"]}')
        answer = server.read()
        assert (answer["id"], answer["error"]["code"]) == (77, -32600)
        server.write(
            '{"jsonrpc":"2.0","id":78,"method":"tools/call","params":{"name":"remember","arguments":'
            '{"content":"x","importance":NaN}}}'
        )
        assert server.read()["result"]["content"][0]["text"] == "importance: must be a finite number"
        huge = server.ask("tools/call", {"name": "remember", "arguments": {"content": "x" * 10_000_000}})
        assert huge["result"]["content"][0]["text"].startswith("content: too large")
        assert not server.ask("tools/call", RECALL)["result"]["isError"]


@posix
@pytest.mark.parametrize("closed", ["0<&-", "1>&-"])
def test_a_closed_descriptor_at_the_start_is_no_crash(closed: str) -> None:
    command = f"exec {sys.executable} -m tests.server.launcher {closed}"
    done = subprocess.run(["sh", "-c", command], capture_output=True, timeout=20, check=False, stdin=subprocess.DEVNULL)
    assert done.returncode == 0
    assert b"there is no client to serve" in done.stderr


def test_contents_appear_in_no_log() -> None:
    with process() as server:
        server.initialize()
        server.ask("tools/call", {"name": "remember", "arguments": {"content": "private words", "layer": "private"}})
        server.ask("tools/call", {"name": "remember", "arguments": {"content": "private words", "private": 1}})
        server.ask("tools/call", {"name": "remember", "arguments": {"content": "private words"}})
        server.write('{"private words')
        assert server.popen.stdin is not None
        server.popen.stdin.close()
        assert server.popen.wait(timeout=15) == 0
        errors = server.errors()
        assert "a line of input was refused: This line is not JSON." in errors
        assert "private" not in errors


def test_importing_the_server_imports_nothing_of_what_lies_behind_it() -> None:
    program = (
        "import sys, mcp.server; before = set(sys.modules)\n"
        "import athena_mcp.server.serve, athena_mcp.server.stdio, athena_mcp.server.build\n"
        "print(*sorted(set(sys.modules) - before))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=20, check=True)
    heavy = {"psycopg", "psycopg_pool", "numpy", "click", "pgvector", "wordllama", "platformdirs", "psutil"}
    assert not heavy & {name.partition(".")[0] for name in done.stdout.split()}


def test_the_entry_imports_nothing_heavy_before_it_has_prepared_the_process() -> None:
    program = "import sys, athena_mcp.server.stdio; print(*sorted(sys.modules))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=20, check=True)
    assert not {"mcp", "pydantic", "anyio", "asyncio"} & set(done.stdout.split())
