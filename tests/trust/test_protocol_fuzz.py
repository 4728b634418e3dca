"""A sample of `athena-mcp bench fuzz` on the real server and a real store: the same client, fewer lines."""

from __future__ import annotations

from pathlib import Path

import pytest

from athena_mcp.bench.fuzz.account import Account
from athena_mcp.bench.fuzz.connection import ENDS
from athena_mcp.bench.fuzz.expected import Answer, expected
from athena_mcp.bench.fuzz.lines import LineMaker
from athena_mcp.bench.fuzz.run import FuzzPlan, run_fuzz
from athena_mcp.bench.machine import describe_machine
from athena_mcp.server.lines import MAX_LINE_BYTES
from athena_mcp.server.stdio_client import StdioServer
from tests.conftest import PROJECT
from tests.trust.progress import silent

PING = b'{"jsonrpc":"2.0","id":5,"method":"ping"}'
PONG = b'{"jsonrpc":"2.0","id":5,"result":{}}\n'


@pytest.mark.timeout(110)
def test_no_abuse_of_the_protocol_breaks_the_server(database_url: str, tmp_path: Path) -> None:
    server = StdioServer(tmp_path / "data", tmp_path / "server.log", PROJECT, database_url)
    plan = FuzzPlan(messages=900, connections=len(ENDS), seed=20_26)
    report = run_fuzz(server, plan, describe_machine("18"), silent)
    assert report.holds, report.to_dict()
    assert report.balance.lines >= plan.messages
    assert report.balance.requests > 700
    assert {outcome.ended_by for outcome in report.outcomes} == set(ENDS)


def test_the_account_notices_what_it_should() -> None:
    account = Account()
    account.sent(PING, expected(PING, max_bytes=100))
    account.received(PONG)
    account.received(PONG)
    account.received(b"Loading weights ...\n")
    account.sent(PING, expected(PING, max_bytes=100))
    balance = account.close(abrupt=False)
    assert (balance.lines, balance.requests, balance.answered) == (2, 2, 1)
    assert (balance.unanswered, balance.surplus) == (1, 1)
    assert balance.stray_bytes == len(b"Loading weights ...\n")


def test_the_same_seed_makes_the_same_lines_and_they_are_of_every_kind() -> None:
    def made(seed: int) -> list[bytes]:
        maker = iter(LineMaker(seed, newer_era=False, huge_bytes=1_000))
        return [next(maker)[0] for _ in range(3_000)]

    lines = made(1)
    assert lines == made(1)
    assert lines != made(2)
    kinds = {expected(line, max_bytes=MAX_LINE_BYTES, id=1).answer for line in lines}
    assert kinds == set(Answer)
    assert not any(b"\n" in line for line in lines)
