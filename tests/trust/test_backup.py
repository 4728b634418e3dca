"""Backup and restore of the embedded store, with the real command."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import threading
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.command import Athena
from tests.server.process import INITIALIZE

pytestmark = pytest.mark.timeout(240)


@pytest.fixture
def athena(tmp_path: Path) -> Athena:
    return Athena(tmp_path / "data")


@pytest.fixture
def other(tmp_path: Path) -> Athena:
    return Athena(tmp_path / "other")


def rows(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()[1:]]


def fill(athena: Athena, first: int = 1) -> None:
    lines = [
        {"id": first, "content": "Staging is on port 80.", "superseded_by": first + 1, "layer": "semantic"},
        {"id": first + 1, "content": "Staging is on port 81.", "layer": "semantic", "key": "port", "tags": ["net"]},
        {"content": "Rotate the key.", "layer": "prospective", "details": {"due_at": "2030-01-01T00:00:00.000001Z"}},
        {
            "content": "The shop runs on beta.",
            "layer": "graph",
            "relations": [{"subject": "shop", "relation": "runs on", "object": "beta"}],
        },
    ]
    assert athena("import", "-", data="".join(json.dumps(line) + "\n" for line in lines).encode()).code == 0


class Server:
    """A server that uses the store, to the end of the block."""

    def __init__(self, athena: Athena) -> None:
        self.process = athena.start("serve", stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        self._guard = threading.Timer(60, self.process.kill)

    def __enter__(self) -> Server:
        self._guard.start()
        self.ask("initialize", INITIALIZE)
        return self

    def __exit__(self, *_: object) -> None:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.close()
        self.process.wait(20)
        self.process.stdout.close()
        self._guard.cancel()

    def ask(self, method: str, params: dict[str, Any]) -> dict[str, Any]:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        message = {"jsonrpc": "2.0", "id": method, "method": method, "params": params}
        self.process.stdin.write(json.dumps(message).encode() + b"\n")
        self.process.stdin.flush()
        while line := self.process.stdout.readline():
            answer: dict[str, Any] = json.loads(line)
            if answer.get("id") == method:
                return answer
        raise AssertionError("the server ended")

    def remember(self, content: str) -> dict[str, Any]:
        return self.ask("tools/call", {"name": "remember", "arguments": {"content": content, "layer": "semantic"}})


def test_a_backup_taken_under_a_running_server_comes_back_whole_and_checked(
    athena: Athena, other: Athena, tmp_path: Path
) -> None:
    fill(athena)
    file = tmp_path / "store.backup"
    with Server(athena) as server:
        assert server.remember("Stored by the server.")["result"]["structuredContent"]["status"] == "stored"
        done = athena("backup", str(file))
        assert done.code == 0, done.err
        assert server.remember("After the backup.")["result"]["structuredContent"]["status"] == "stored"
        # Somebody who uses the store would have it taken away.
        refused = athena("restore", str(file), "--replace")
        assert (refused.code, str(server.process.pid) in refused.err) == (1, True), refused.err
        assert "in use" in refused.err
        before = rows(athena("export").text)
    assert file.stat().st_mode & 0o777 == 0o600

    restored = other("restore", str(file))
    assert restored.code == 0, restored.err
    assert "5 memories agree with their indexes" in restored.out
    assert rows(other("export").text) == [row for row in before if row["content"] != "After the backup."]
    assert '"failed"' not in other("doctor", "--verify", "--json").text
    found = other("recall", "which port is staging on?", "--json").json
    assert found["memories"][0]["content"] == "Staging is on port 81."
    assert found["degraded"] == []
    taken = {row["id"] for row in before if row["content"] != "After the backup."}
    assert other("remember", "A new one.", "--json").json["id"] > max(taken)

    # What is there stays, unless it is said that it may go.
    refused = other("restore", str(file))
    assert refused.code == 1
    assert "holds 6 memories" in refused.err
    assert other("restore", str(file), "--replace").out.startswith("Restored 5 memories")
    assert len(rows(other("export").text)) == 5


def test_what_is_no_whole_backup_changes_nothing(athena: Athena, tmp_path: Path) -> None:
    fill(athena)
    backup, broken = tmp_path / "store.backup", tmp_path / "broken.backup"
    assert athena("backup", str(backup)).code == 0
    whole = backup.read_bytes()
    half = len(whole) // 2
    before = rows(athena("export").text)
    for content, reason in (
        (b"no backup", "is not a backup"),
        (whole[:half], "its end is missing"),
        (whole[:-1], "its end is missing"),
        (whole[:half] + bytes([whole[half] ^ 1]) + whole[half + 1 :], "was damaged"),
    ):
        broken.write_bytes(content)
        done = athena("restore", str(broken), "--replace")
        assert (done.code, reason in done.err) == (1, True), done.err
    assert rows(athena("export").text) == before


def test_a_file_of_the_other_kind_is_named_with_the_command_that_takes_it(athena: Athena, tmp_path: Path) -> None:
    fill(athena)
    before = rows(athena("export").text)
    # As people may call them: the name of a file says little of it.
    for name in ("store.backup", "store.jsonl.gz"):
        backup = tmp_path / name
        assert athena("backup", str(backup)).code == 0
        for given, data in ((str(backup), b""), ("-", backup.read_bytes())):
            done = athena("import", given, "--skip-bad", data=data)
            assert (done.code, done.out) == (1, ""), done.err
            assert "is a backup of a whole store" in done.err
            assert "athena-mcp restore FILE" in done.err
    for name in ("export.jsonl", "export.jsonl.gz"):
        export = tmp_path / name
        assert athena("export", str(export)).code == 0
        done = athena("restore", str(export), "--replace")
        assert done.code == 1
        assert "is an export" in done.err
        assert f"athena-mcp import {export}" in done.err
    assert rows(athena("export").text) == before


def test_a_restore_that_is_killed_leaves_what_was_there(athena: Athena, tmp_path: Path) -> None:
    fill(athena)
    file = tmp_path / "store.backup"
    assert athena("backup", str(file)).code == 0
    assert athena("remember", "Since the backup.").code == 0
    before = rows(athena("export").text)
    kill_when_it_restores(athena, file)
    assert rows(athena("export").text) == before
    assert athena("restore", str(file), "--replace").out.startswith("Restored 4 memories")


def test_what_is_stored_while_a_restore_runs_is_not_lost(athena: Athena, tmp_path: Path) -> None:
    fill(athena)
    file = tmp_path / "store.backup"
    assert athena("backup", str(file)).code == 0
    process = when_it_restores(athena, file, signal.SIGSTOP)
    stored = athena("remember", "While it was restored.")
    os.kill(process.pid, signal.SIGCONT)
    said = process.communicate(timeout=120)[1].decode()
    assert stored.code == 0
    assert (process.returncode, "in use" in said) == (1, True), said
    assert "While it was restored." in [row["content"] for row in rows(athena("export").text)]
    assert athena("restore", str(file), "--replace").out.startswith("Restored 4 memories")


def test_who_only_reads_restores_nothing(athena: Athena, tmp_path: Path) -> None:
    fill(athena)
    file = tmp_path / "store.backup"
    assert athena("backup", str(file)).code == 0
    assert athena("remember", "Since the backup.").code == 0
    before = rows(athena("export").text)
    done = Athena(athena.data_dir, env={"ATHENA_READ_ONLY": "1"})("restore", str(file), "--replace")
    assert (done.code, "ATHENA_READ_ONLY" in done.err) == (1, True)
    assert rows(athena("export").text) == before


def kill_when_it_restores(athena: Athena, file: Path) -> None:
    """Kill a restore as soon as its second database is there."""
    when_it_restores(athena, file, signal.SIGKILL).communicate()


def when_it_restores(athena: Athena, file: Path, number: signal.Signals) -> subprocess.Popen[bytes]:
    """Send a restore a signal as soon as its second database is there."""
    bases = athena.data_dir / "postgres" / "cluster" / "base"
    known = set(bases.iterdir())
    process = athena.start("restore", str(file), "--replace", stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    while process.poll() is None and set(bases.iterdir()) <= known:
        pass
    assert process.poll() is None
    os.kill(process.pid, number)
    return process


def test_an_empty_folder_has_nothing_to_back_up(athena: Athena, tmp_path: Path) -> None:
    done = athena("backup", str(tmp_path / "store.backup"))
    assert done.code == 1
    assert "nothing to back up" in done.err
    assert not (tmp_path / "store.backup").exists()
