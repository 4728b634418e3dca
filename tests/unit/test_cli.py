"""The command line as a process, as far as it needs no database."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

import pytest

from athena_mcp.cli.launch import Flags, serve_flags
from athena_mcp.cli.output import one_line, say_json, table, visible, width_of, wrapped
from athena_mcp.cli.root import COMMANDS
from athena_mcp.cli.servers import servers_text
from athena_mcp.cli.stats import stats_text
from athena_mcp.layers.totals import PublishedSnapshot

ROOT = Path(__file__).parents[2]


def athena(
    *arguments: str | bytes, env: Mapping[str, str] | None = None, cwd: Path | None = None, data: bytes = b""
) -> subprocess.CompletedProcess[bytes]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("ATHENA_")}
    return subprocess.run(
        [sys.executable, "-m", "athena_mcp", *arguments],
        env={**kept, "PYTHONPATH": str(ROOT), **(env or {})},
        cwd=cwd,
        input=data,
        capture_output=True,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself_with_an_example(command: str) -> None:
    done = athena(command, "--help")
    text = done.stdout.decode()
    assert done.returncode == 0, done.stderr
    assert f"athena-mcp {command}" in text
    assert "Example" in text
    for option in ("--project", "--data-dir", "--database-url", "--log-level"):
        assert option in text


def test_the_help_lists_every_command_and_the_exit_codes() -> None:
    text = athena("--help").stdout.decode()
    for command in COMMANDS:
        assert f"\n  {command} " in text
    assert "Exit codes" in text


def test_the_version_is_printed() -> None:
    done = athena("--version")
    assert done.returncode == 0
    assert done.stdout.startswith(b"athena-mcp ")


_STAND_IN = """
import sys, types
server = types.ModuleType("athena_mcp.server.stdio")
server.main = lambda settings: print(sorted(sys.modules), settings.project, file=sys.stderr)
sys.modules["athena_mcp.server"] = types.ModuleType("athena_mcp.server")
sys.modules["athena_mcp.server.stdio"] = server
sys.argv = ["athena-mcp", *sys.argv[1:]]
from athena_mcp.cli import main
main()
"""


@pytest.mark.parametrize("arguments", [[], ["serve"], ["--project", "a/b"], ["serve", "--log-level=DEBUG"]])
def test_serving_imports_nothing_that_only_commands_need(arguments: list[str]) -> None:
    done = subprocess.run(
        [sys.executable, "-c", _STAND_IN, *arguments],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    modules = done.stderr
    assert "'athena_mcp.config'" in modules
    for heavy in ("click", "anyio", "asyncio", "psycopg", "numpy", "mcp", "pydantic", "athena_mcp.cli.root"):
        assert f"'{heavy}'" not in modules
    if "a/b" in arguments:
        assert modules.rstrip().endswith("a/b")


def test_help_imports_neither_driver_nor_sdk() -> None:
    code = (
        "import sys; from athena_mcp.cli.root import run_command; run_command(['--help']); print(sorted(sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=True,
    )
    for heavy in ("psycopg", "mcp", "numpy", "wordllama"):
        assert f"'{heavy}'" not in done.stdout


def test_flags_of_serving_are_understood_and_anything_else_is_left_to_the_commands() -> None:
    assert serve_flags([]) == Flags()
    assert serve_flags(["serve", "--data-dir", "/d", "--project=p=q"]) == Flags(data_dir="/d", project="p=q")
    assert serve_flags(
        ["--max-concurrent", "3", "--layer-timeout=2", "--recall-timeout", "9", "--parallel=off"]
    ) == Flags(max_concurrent="3", layer_timeout="2", recall_timeout="9", parallel="off")
    assert serve_flags(["--embed-url=http://h/v1", "--embed-model", "m", "--language", "german"]) == Flags(
        embed_url="http://h/v1", embed_model="m", language="german"
    )
    for other in (["recall", "x"], ["--help"], ["--project"], ["--project="], ["serve", "serve"], ["--verbose"]):
        assert serve_flags(other) is None


@pytest.mark.parametrize(
    "arguments",
    [
        ["nonsense"],
        ["recall"],
        ["--nonsense"],
        ["--project"],
        ["list", "--limit", "0"],
        ["list", "--layer", "emotional"],
        ["import"],
        ["import", "--git", ".", "x.jsonl"],
        ["import", "no-such-file.jsonl"],
        ["forget", "seventeen"],
        ["config", "emacs"],
        ["config"],
        ["remember", "x", "--details", "[1]"],
        ["remember", "x", "--details", "{"],
    ],
)
def test_a_command_line_that_is_not_understood_exits_with_2(arguments: list[str], tmp_path: Path) -> None:
    done = athena(*arguments, cwd=tmp_path)
    assert done.returncode == 2
    assert b"Error" in done.stderr
    assert b"Traceback" not in done.stderr
    assert done.stdout == b""


@pytest.mark.parametrize(
    ("arguments", "env"),
    [
        (["list"], {"ATHENA_LOG_LEVEL": "LOUD"}),
        (["list"], {"ATHENA_DATABASE_URL": "mysql://u:secret@h/d"}),
        ([], {"ATHENA_DATABASE_URL": "mysql://u:secret@h/d"}),
        (["serve"], {"ATHENA_LOG_LEVEL": "LOUD"}),
        (["list", "--database-url", "mysql://u:secret@h/d"], {}),
    ],
)
def test_a_setting_that_cannot_work_exits_with_1_and_one_line(arguments: list[str], env: Mapping[str, str]) -> None:
    done = athena(*arguments, env=env)
    assert done.returncode == 1
    lines = done.stderr.decode().splitlines()
    assert len(lines) == 1
    assert lines[0].startswith("Error: ATHENA_")
    assert "secret" not in lines[0]


@pytest.mark.skipif(sys.platform == "win32", reason="arguments are Unicode there")
@pytest.mark.parametrize("locale", ["C", "C.UTF-8"])
@pytest.mark.parametrize("arguments", [["remember", b"caf\xe9"], ["recall", b"\xff"], ["list", "--project", b"\xff"]])
def test_bytes_that_are_no_text_are_refused_by_name(arguments: list[str | bytes], locale: str) -> None:
    done = athena(*arguments, env={"LC_ALL": locale})
    assert done.returncode == 2
    assert b"not valid UTF-8" in done.stderr


def test_git_history_of_no_repository_fails_before_any_database_is_started(tmp_path: Path) -> None:
    done = athena("import", "--git", str(tmp_path), env={"ATHENA_DATA_DIR": str(tmp_path / "data")})
    assert done.returncode == 1
    assert b"Error: git cannot read" in done.stderr
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize("locale", ["C", "C.UTF-8"])
@pytest.mark.parametrize("settings", [{}, {"PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}])
def test_output_is_utf_8_in_any_locale(locale: str, settings: Mapping[str, str]) -> None:
    done = athena("config", "cursor", "--project", "日本", env={"LC_ALL": locale, **settings})
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout.decode())["mcpServers"]["athena"]["env"] == {"ATHENA_PROJECT": "日本"}


@pytest.mark.skipif(sys.platform == "win32", reason="pipes differ")
def test_a_reader_that_has_gone_makes_no_noise() -> None:
    read, write = os.pipe()
    os.close(read)
    with os.fdopen(write, "wb") as closed:
        done = subprocess.run(
            [sys.executable, "-m", "athena_mcp", "config", "agents"],
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdout=closed,
            stderr=subprocess.PIPE,
            timeout=60,
            check=False,
        )
    assert done.returncode == 141
    assert b"Traceback" not in done.stderr
    assert b"Error" not in done.stderr


def test_the_instructions_are_printed_alone_on_standard_output() -> None:
    assert athena("config", "agents").stdout == athena("config", "--instructions").stdout
    assert athena("config", "agents").stdout.startswith(b"## Memory")


def test_the_environment_comes_from_flags_before_or_after_the_command() -> None:
    before = json.loads(athena("--project", "a", "config", "cursor").stdout)
    after = json.loads(athena("--project", "b", "config", "cursor", "--project", "a").stdout)
    assert before == after


def test_help_says_what_an_export_holds_and_that_nothing_forgotten_comes_back() -> None:
    export, forget = (" ".join(athena(name, "--help").stdout.decode().split()) for name in ("export", "forget"))
    assert "Only the flag --project limits it" in export
    assert "The first line is no memory" in export
    assert "jq -r '.content // empty'" in export  # the first line has no content
    assert "cannot be undone" in forget
    assert "`athena-mcp list` show" in forget
    assert "files that were written before still have it" in forget


def test_text_cannot_steer_the_terminal() -> None:
    hostile = "a\x1b[2Jb\x9b31mc\rd\x07\u202e\u2028e\tf"
    shown = visible(hostile)
    assert shown == "a\\x1b[2Jb\\x9b31mc\\x0dd\\x07\\u202e\\u2028e\tf"
    for printed in (wrapped(hostile, "  "), one_line(hostile, 80), stats_text({"x": hostile, "y": {"\x1b": "\x1b"}})):
        assert not any(ord(c) < 32 and c != "\n" for c in printed)
        assert "\x9b" not in printed
        assert "\u202e" not in printed


@pytest.mark.parametrize("terminal", [True, False])
def test_json_cannot_steer_the_terminal_and_loses_nothing(
    terminal: bool, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    steering = "\x1b\x7f\x9b\r\u2028\u202e\u2066\u206a\ufff9\U000e0068\U000e0069"
    kept = "\U0001f3f4\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f \u200djoined\t"
    monkeypatch.setattr(sys.stdout, "isatty", lambda: terminal)
    say_json({"content": steering + kept})
    printed = capsys.readouterr().out
    assert not set(printed.replace(kept[:7], "")) & set(steering)
    assert kept[:7] in printed
    assert json.loads(printed) == {"content": steering + kept}
    assert "\U000e0068" not in visible(steering)


def test_text_is_cut_and_aligned_by_the_cells_it_takes() -> None:
    assert width_of("日本x") == 5
    assert one_line("日本語テキスト", 7) == "日本語…"
    assert one_line("a\n b", 9) == "a b"
    lines = table(("A", "B"), [("日本", "x"), ("ab", "y")]).splitlines()
    assert lines[1] == "日本  x"
    assert lines[2] == "ab    y"


def test_statistics_are_shown_as_values_tables_and_lists() -> None:
    text = stats_text(
        {
            "uptime_s": 1.5,
            "layers": {"semantic": {"p50_ms": 1.25, "n": 1000}, "graph": {"p50_ms": None}},
            "executor": {
                "calls": 3,
                "layers": {
                    "semantic": {"calls": 3, "latency_ms": {"p50": 1.25}},
                    "graph": {"calls": 0, "latency_ms": {"p50": None}},
                },
            },
            "servers": [{"pid": 7, "recalls": {"count": 2}}],
            "empty": {},
        }
    )
    assert text.split("\n\n") == [
        "uptime s 1.5",
        "layers\n  semantic: p50 ms 1.25 · n 1000\n  graph: p50 ms -",
        "executor\n  calls 3\n  layers    calls  p50\n  semantic  3      1.25\n  graph     0      -",
        "servers 1\n  pid 7\n  recalls: count 2",
    ]


def published(pid: int, recalls: int, p95: float, *, alive: bool = True, error: str | None = None) -> PublishedSnapshot:
    row = {"queries": recalls, "hits": 2, "timeouts": 1, "last_error": error, "latency_ms": {"p50": 1.0, "p95": p95}}
    snapshot = {
        "server": {"pid": pid, "uptime_s": 3725.0, "version": "1.0"},
        "recall": {"count": recalls, "latency_ms": {"p50": 2.0, "p95": p95}},
        "executor": {"layer_queries": recalls, "layers": {"semantic": row}},
    }
    return PublishedSnapshot(f"server-{pid}", datetime(2026, 1, 1, tzinfo=UTC), alive, snapshot)


def test_the_servers_that_run_are_shown_together_and_the_ended_are_a_number() -> None:
    text = servers_text(
        [published(7, 3, 9.0), published(8, 4, 12.5, error="late\x1b[2J"), published(9, 5, 1, alive=False)]
    )
    servers, layers, ended = text.split("\n\n")
    assert servers.splitlines()[0] == "Servers that run (2)"
    rows = {line.split()[0]: line.split() for line in servers.splitlines()[2:]}
    assert rows["7"][:5] == ["7", "1h", "2m", "3", "2.0"]
    assert (rows["all"][1], "9" in rows) == ("7", False)
    semantic = next(line for line in layers.splitlines() if line.startswith("semantic"))
    assert semantic.split()[1:3] == ["7", "4"]
    assert "12.5" in semantic
    assert "late\\x1b[2J" in semantic
    assert ended == "1 more server has ended within a day."
    assert servers_text([]) == ""
    assert servers_text([published(9, 5, 1, alive=False), published(8, 5, 1, alive=False)]).startswith("2 more servers")
