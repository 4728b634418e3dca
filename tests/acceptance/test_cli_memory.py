"""Remember, recall, list, forget and statistics from the shell."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from athena_mcp.db.embedded import EmbeddedServer
from athena_mcp.db.embedded.status import server_status
from tests.acceptance.command import Athena


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A data folder whose server is kept running, so that not every command starts it."""
    folder = tmp_path_factory.mktemp("cli") / "data"
    server = EmbeddedServer(folder)
    server.start()
    yield folder
    server.stop()
    assert not server_status(folder).running


@pytest.fixture
def athena(data_dir: Path, request: pytest.FixtureRequest) -> Athena:
    """The command in a project of the test's own."""
    return Athena(data_dir, project=f"acme/{request.node.name}"[:200])


def test_what_one_process_remembers_another_recalls_lists_and_forgets(athena: Athena) -> None:
    receipt = athena("remember", "Staging listens", "on port 8443.", "--tag", "infra", "--json").json
    assert (receipt["layer"], receipt["status"], receipt["project"]) == ("semantic", "stored", athena.project)
    assert receipt["indexed"] == {"lexical": True, "vector": True}

    answer = athena("recall", "which port does staging use?", "--json").json
    assert [row["id"] for row in answer["memories"]] == [receipt["id"]]
    assert answer["degraded"] == []

    (row,) = athena("list", "--json").json
    assert (row["id"], row["content"], row["tags"]) == (receipt["id"], "Staging listens on port 8443.", ["infra"])

    forgotten = athena("forget", str(receipt["id"]))
    assert forgotten.out == f"Forgot #{receipt['id']}.\n"
    assert athena("list", "--json").json == []
    assert athena("forget", str(receipt["id"])).code == 1


def test_answers_for_people_name_layer_id_date_and_due_tasks(athena: Athena) -> None:
    stored = athena(
        "remember",
        "rotate the signing key",
        *("--layer", "prospective"),
        *("--details", '{"triggers": [{"on": "branch", "value": "release/*"}]}'),
    )
    assert stored.out.startswith("Remembered as #")
    assert "layer prospective" in stored.out
    told = athena("recall", "what is left to do with the signing key", "--branch", "release/1").text
    assert "1. prospective  " in told
    assert "rotate the signing key" in told
    assert "Due\n" in told
    assert "release/1" in told
    assert "\nLayers: episodic " in told
    assert f"Searched {athena.project} and global to depth " in told
    listed = athena("list").text.splitlines()
    assert listed[0].split() == ["ID", "WHEN", "(UTC)", "LAYER", "TEXT"]
    assert listed[1].endswith("prospective  [pending, medium] rotate the signing key")


def test_a_receipt_says_what_became_of_it(athena: Athena) -> None:
    first = athena("remember", "The API key is AKIAIOSFODNN7EXAMPLE", "--json").json
    assert first["redactions"] == {"aws-key": 1}
    again = athena("remember", "The API key is AKIAIOSFODNN7EXAMPLE")
    assert f"Already remembered as #{first['id']}" in again.out
    replaced = athena("remember", "The API key is in the vault", "--replaces", str(first["id"]))
    assert f"Replaces #{first['id']}." in replaced.out
    assert [row["id"] for row in athena("list", "--json").json] != [first["id"]]
    assert len(athena("list", "--json").json) == 1
    assert len(athena("list", "--all", "--json").json) == 2
    assert (
        f"(replaced by #{first['id'] + 1})" in athena("list", "--all").text
        or "(replaced by #" in athena("list", "--all").text
    )


def test_text_is_read_from_standard_input_in_utf_8(athena: Athena) -> None:
    assert athena("remember", "-", "--layer", "semantic", data="日本語のメモ\n".encode()).code == 0
    assert athena("list", "--json").json[0]["content"] == "日本語のメモ"
    refused = athena("remember", "-", data=b"caf\xe9")
    assert refused.code == 1
    assert refused.err == "Error: content: standard input is not UTF-8 text\n"


REFUSED = [
    (("remember", ""), b"", "content"),
    (("remember", "-"), b" \n", "content"),
    (("remember", "-"), b"a\0b", "content"),
    (("remember", "-"), b"x" * 20_000, "content"),
    (("remember", "-"), b"x" * 10_000_000, "content"),
    (("remember", "x", "--importance", "nan"), b"", "importance"),
    (("remember", "x", "--importance", "2"), b"", "importance"),
    (("remember", "x", "--occurred-at", "10000-01-01"), b"", "occurred_at"),
    (("remember", "x", "--details", '{"colour": "red"}'), b"", "details"),
    (("remember", "x", "--relation", "a", "b", ""), b"", "relations"),
    (("remember", "x", "--layer", "graph", "--details", '{"steps": ["y"]}'), b"", "details"),
    (("forget", "0"), b"", "id"),
    (("show", "17", "0"), b"", "id"),
    (("recall", " "), b"", "query"),
    (("recall", "x", "-k", "0"), b"", "k"),
    (("recall", "x", "--depth", "4"), b"", "depth"),
    (("recall", "x", "--since", "yesterday-ish"), b"", "since"),
]
REFUSED_BY_THE_STORE = [
    (("remember", "x", "--replaces", "999999"), b"", "replaces"),
    (("remember", "x", "--about", "999999"), b"", "about"),
    (("show", "999999"), b"", "id"),
    (("stats", "nonsense"), b"", "section"),
]


def assert_refused(athena: Athena, arguments: tuple[str, ...], data: bytes, argument: str) -> None:
    """That the command ends with one line, which names the argument."""
    done = athena(*arguments, data=data)
    assert done.code == 1
    assert done.out == ""
    (line,) = (line for line in done.err.splitlines() if line.startswith("Error: "))
    assert "Traceback" not in done.err
    assert argument in line


@pytest.mark.parametrize(("arguments", "data", "argument"), REFUSED)
def test_what_cannot_be_accepted_is_refused_before_anything_is_made(
    tmp_path: Path, arguments: tuple[str, ...], data: bytes, argument: str
) -> None:
    athena = Athena(tmp_path / "data")
    assert_refused(athena, arguments, data, argument)
    assert not athena.data_dir.exists()


def test_what_the_memory_cannot_accept_is_one_line_that_names_it(athena: Athena) -> None:
    for arguments, data, argument in REFUSED_BY_THE_STORE:
        assert_refused(athena, arguments, data, argument)
    assert athena("list", "--json").json == []


def test_a_memory_is_shown_whole_by_its_id(athena: Athena) -> None:
    text = "The runbook of the release. " * 500
    files = [f"src/part_{number}.py" for number in range(20)]
    details = json.dumps({"files": files, "outcome": "success"})
    receipt = athena("remember", text, "--layer", "episodic", "--details", details, "--key", "runbook", "--json").json
    other = athena("remember", "The runbook is in the wiki.", "--replaces", str(receipt["id"]), "--json").json
    row, second = athena("show", str(receipt["id"]), str(other["id"]), "--json").json
    assert (row["content"], row["details"]["files"], row["key"]) == (text.strip(), files, "runbook")
    assert (row["superseded_by"], second["content"]) == (other["id"], "The runbook is in the wiki.")
    told = athena("show", str(receipt["id"])).text
    assert " ".join(told.split()).count("The runbook of the release.") == 500
    assert all(file in told for file in files)
    assert f"replaced by #{other['id']}" in told


def test_an_empty_flag_is_not_taken_for_the_default(athena: Athena) -> None:
    done = athena("remember", "x", "--project", "")
    assert (done.code, done.out) == (2, "")
    assert "--project" in done.err
    assert athena("list", "--json").json == []


def test_remembered_text_cannot_steer_the_terminal(athena: Athena) -> None:
    athena("remember", "-", "--layer", "semantic", data="port\x1b[2J 8443 \u202e\x9b31m".encode())
    for told in (athena("list").text, athena("recall", "port 8443").text):
        assert "port 8443" in told
        assert not {"\x1b", "\u202e", "\x9b"} & set(told)


def test_statistics_tell_what_is_stored(athena: Athena) -> None:
    athena("remember", "x is 3", "--layer", "semantic")
    assert athena("stats", "--json").json["store"]["memories"] >= 1
    told = athena("stats").text
    assert told.startswith("store\n")
    assert athena("stats", "store", "--json").json.keys() == {"store"}


@pytest.mark.parametrize("section", ["executor", "servers", None])
def test_statistics_of_servers_that_there_are_not_say_what_to_do(athena: Athena, section: str | None) -> None:
    done = athena("stats", *([section] if section else []))
    assert done.code == 0
    assert ("store\n" in done.out) == (section is None)
    assert section is None or done.out == ""
    assert "athena-mcp config HOST" in done.err
    assert "athena-mcp doctor" in done.err
    assert ("`executor`" in done.err) == (section == "executor")


@pytest.mark.skipif(sys.platform == "win32", reason="signals are POSIX")
def test_statistics_are_watched_until_an_interrupt(athena: Athena) -> None:
    process = athena.start("stats", "--watch", "0.5", "--json", stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout is not None
    shown = [json.loads(process.stdout.readline()) for _ in range(2)]
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=30)
    assert process.returncode == 130
    assert b"Traceback" not in err
    assert shown[0]["server"]["uptime_s"] < shown[1]["server"]["uptime_s"]


@pytest.mark.skipif(sys.platform == "win32", reason="signals are POSIX")
def test_an_interrupt_ends_a_command_quietly(athena: Athena) -> None:
    read, write = os.pipe()
    with os.fdopen(write, "wb") as waiting:
        process = athena.start("import", "-", stdin=read, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        os.close(read)
        # Until the first of its connections stands, then it waits for lines that do not come.
        before = 1
        while len(server_status(athena.data_dir).processes) <= before and process.poll() is None:
            pass
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=30)
        waiting.flush()
    assert process.returncode == 130
    assert b"Traceback" not in err
    assert out == b""


@pytest.mark.skipif(sys.platform == "win32", reason="pipes differ")
def test_a_reader_that_has_gone_makes_no_noise(athena: Athena) -> None:
    lines = b"".join(b'{"content": "note number %d %s"}\n' % (number, b"x" * 1_000) for number in range(300))
    assert athena("import", "-", data=lines).code == 0
    read, write = os.pipe()
    process = athena.start("export", stdout=write, stderr=subprocess.PIPE)
    os.close(write)
    with os.fdopen(read, "rb") as head:
        assert head.readline().startswith(b'{"athena_export":1')
    _, err = process.communicate(timeout=60)
    assert process.returncode == 141
    assert err == b""


def test_a_list_of_tasks_says_where_each_of_them_stands(athena: Athena) -> None:
    details = '{"priority": "high", "due_at": "2030-02-01"}'
    assert athena("remember", "Renew the certificate.", "--layer", "prospective", "--details", details).code == 0
    assert "[pending, high, due 2030-02-01] Renew the certificate." in athena("list").text
