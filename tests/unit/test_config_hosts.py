from __future__ import annotations

import json
import shlex
import tomllib
from pathlib import Path
from typing import get_args

import pytest

from athena_mcp.cli.host_config import explicit_environment
from athena_mcp.cli.hosts import AGENT_INSTRUCTIONS, Host, Launch, host_block
from athena_mcp.cli.launch import Flags
from athena_mcp.config import Settings, resolve_settings

LAUNCH = Launch("/opt/a b/athena-mcp", (), {"ATHENA_PROJECT": 'o/n "x" $HOME \\ é', "ATHENA_LOG_LEVEL": "INFO"})
ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("host", ["claude-desktop", "cursor", "gemini"])
@pytest.mark.parametrize("platform", ["linux", "darwin", "win32"])
def test_most_hosts_take_a_block_of_mcp_servers(host: Host, platform: str) -> None:
    block = json.loads(host_block(host, LAUNCH, platform).text)
    assert block == {"mcpServers": {"athena": {"command": LAUNCH.command, "args": [], "env": dict(LAUNCH.env)}}}


def test_vscode_takes_a_block_of_servers_with_a_type() -> None:
    block = json.loads(host_block("vscode", LAUNCH, "linux").text)
    assert block["servers"]["athena"] == {"type": "stdio", **LAUNCH.to_dict()}


def test_codex_takes_toml() -> None:
    block = tomllib.loads(host_block("codex", LAUNCH, "linux").text)
    server = block["mcp_servers"]["athena"]
    assert (server["command"], server["args"], server["env"]) == (LAUNCH.command, [], dict(LAUNCH.env))


def test_claude_code_takes_a_command_with_an_option_between_env_and_name() -> None:
    words = shlex.split(host_block("claude-code", LAUNCH, "linux").text)
    assert words[:3] == ["claude", "mcp", "add"]
    assert words[words.index("--") + 1 :] == [LAUNCH.command]
    assert words[words.index("--") - 1] == "athena"
    assert words[3:7] == [part for item in LAUNCH.env.items() for part in ("--env", "=".join(item))]
    assert words[7] == "--transport"


@pytest.mark.parametrize("host", get_args(Host))
def test_without_settings_nothing_is_set(host: Host) -> None:
    text = host_block(host, Launch("/bin/athena-mcp"), "linux").text
    assert "ATHENA_" not in text
    assert "/bin/athena-mcp" in text


@pytest.mark.parametrize(
    ("platform", "folder"), [("linux", "~/.config/Claude"), ("darwin", "~/Library"), ("win32", "%APPDATA%")]
)
def test_the_place_is_the_platforms(platform: str, folder: str) -> None:
    assert host_block("claude-desktop", LAUNCH, platform).place.startswith(folder)


def test_the_example_file_is_the_block_for_claude_desktop_without_placeholders() -> None:
    example = json.loads((ROOT / "claude_desktop_config.example.json").read_text(encoding="utf-8"))
    server = example["mcpServers"]["athena"]
    assert server["command"] == "athena-mcp"
    assert server["args"] == []
    resolve_settings(server["env"], cwd=Path("/"))
    assert "<" not in json.dumps(example)


def settings(tmp_path: Path, flags: Flags) -> Settings:
    return resolve_settings(
        cwd=tmp_path,
        project=flags.project,
        data_dir=Path(flags.data_dir) if flags.data_dir else None,
        database_url=flags.database_url,
        log_level=flags.log_level,
        max_concurrent=flags.max_concurrent,
        parallel=flags.parallel,
        layer_timeout=flags.layer_timeout,
    )


def test_only_what_was_given_becomes_part_of_the_block(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("ATHENA_DATABASE_URL", "ATHENA_DATA_DIR", "ATHENA_PROJECT", "ATHENA_LOG_LEVEL"):
        monkeypatch.delenv(name, raising=False)
    assert explicit_environment(Flags(), settings(tmp_path, Flags())) == {}
    monkeypatch.setenv("ATHENA_PROJECT", "from/environment")
    flags = Flags(data_dir=str(tmp_path / "d"), log_level="debug")
    assert explicit_environment(flags, settings(tmp_path, flags)) == {
        "ATHENA_DATA_DIR": str(tmp_path / "d"),
        "ATHENA_PROJECT": "from/environment",
        "ATHENA_LOG_LEVEL": "DEBUG",
    }
    flags = Flags(max_concurrent="5", layer_timeout="2.5", parallel="off")
    assert explicit_environment(flags, settings(tmp_path, flags)) == {
        "ATHENA_PROJECT": "from/environment",
        "ATHENA_LAYER_TIMEOUT": "2.5",
        "ATHENA_PARALLEL": "off",
    }
    flags = Flags(project="from/flag", database_url="postgresql://u:p@h/d")
    assert explicit_environment(flags, settings(tmp_path, flags)) == {
        "ATHENA_DATABASE_URL": "postgresql://u:p@h/d",
        "ATHENA_PROJECT": "from/flag",
    }


def test_the_instructions_name_the_tools_and_their_links() -> None:
    for word in ("`recall`", "`remember`", "`replaces", "`about", "`athena`"):
        assert word in AGENT_INSTRUCTIONS
