"""`athena-mcp config`."""

from __future__ import annotations

import sys
import sysconfig
from dataclasses import fields
from pathlib import Path
from typing import cast, get_args

import click

from athena_mcp.cli.hosts import AGENT_INSTRUCTIONS, Host, Launch, host_block
from athena_mcp.cli.launch import Flags
from athena_mcp.cli.options import common_options, settings_of
from athena_mcp.cli.output import note, say
from athena_mcp.config import DEFAULT_PROJECT, Settings, default_data_dir

_AGENTS = "agents"


@click.command("config", short_help="Print what a host needs to start Athena.")
@click.argument("host", required=False, type=click.Choice([*get_args(Host), _AGENTS]))
@click.option("--instructions", is_flag=True, help=f"The same as HOST `{_AGENTS}`.")
@common_options
@click.pass_obj
def command(flags: Flags, host: str | None, instructions: bool) -> None:
    """Print what HOST needs to start this Athena, ready to paste, with this program's absolute path in it.

    Where it belongs is said on standard error; nothing is written. Settings given here as flags or in the environment
    become part of it, others stay at their defaults. `agents` prints the lines for AGENTS.md or CLAUDE.md that make an
    agent use its memory.

    \b
    Examples:  athena-mcp config claude-code
               athena-mcp config vscode > .vscode/mcp.json
               athena-mcp config agents >> AGENTS.md
    """
    if instructions or host == _AGENTS:
        note("For AGENTS.md, CLAUDE.md or GEMINI.md:")
        say(AGENT_INSTRUCTIONS.rstrip())
        return
    if host is None:
        raise click.UsageError(f"Name a host: {', '.join([*get_args(Host), _AGENTS])}.")
    launch = Launch(*_executable(), env=explicit_environment(flags, settings_of(flags)))
    block = host_block(cast("Host", host), launch, sys.platform)
    note(f"For {block.place}:")
    if "ATHENA_DATABASE_URL" in launch.env:
        note("It holds your database URL, with any password in it: keep it out of repositories.")
    if "ATHENA_EMBED_API_KEY" in launch.env:
        note("It holds the key of your embeddings service: keep it out of repositories.")
    say(block.text)


def explicit_environment(flags: Flags, settings: Settings) -> dict[str, str]:
    """The variables of the settings that were given, by flag or environment, rather than found out.

    The project is found out anew by each server from where its host starts it, so one found here is left out.
    """
    env: dict[str, str] = {}
    if settings.database_url is not None:
        env["ATHENA_DATABASE_URL"] = settings.database_url
    if flags.data_dir or settings.data_dir != default_data_dir():
        env["ATHENA_DATA_DIR"] = str(settings.data_dir)
    if project := _given_project(flags):
        env["ATHENA_PROJECT"] = project
    if flags.log_level or settings.log_level != "WARNING":
        env["ATHENA_LOG_LEVEL"] = settings.log_level
    further = {
        "ATHENA_EMBED_URL": settings.embed_url,
        "ATHENA_EMBED_MODEL": settings.embed_model,
        "ATHENA_EMBED_API_KEY": settings.embed_api_key,
        "ATHENA_LANGUAGE": settings.language,
        "ATHENA_MAX_CONCURRENT": _unless_default(settings, "max_concurrent"),
        "ATHENA_LAYER_TIMEOUT": _unless_default(settings, "layer_timeout_s"),
        "ATHENA_RECALL_TIMEOUT": _unless_default(settings, "recall_timeout_s"),
        "ATHENA_PARALLEL": None if settings.parallel else "off",
        "ATHENA_LEARNING": None if settings.learning == "on" else settings.learning,
        "ATHENA_READ_ONLY": "1" if settings.read_only else None,
        "ATHENA_MAX_MEMORIES": _unless_default(settings, "max_memories"),
        "ATHENA_MAX_WRITES_PER_MINUTE": _unless_default(settings, "max_writes_per_minute"),
    }
    return env | {name: value for name, value in further.items() if value is not None}


def _unless_default(settings: Settings, name: str) -> str | None:
    default = next(field.default for field in fields(Settings) if field.name == name)
    value = getattr(settings, name)
    return None if value == default else str(value) if isinstance(value, int) else f"{value:g}"


def _given_project(flags: Flags) -> str | None:
    from athena_mcp.config import resolve_settings
    from athena_mcp.remember.project_names import SETTING, ProjectNames
    from athena_mcp.remember.redact import Redactor

    # At the root of the file system nothing can be found out, so any other name was given.
    root = Path(Path.cwd().anchor)
    project = resolve_settings(cwd=root, project=flags.project).project
    if not flags.project and project == DEFAULT_PROJECT:
        return None
    return ProjectNames(Redactor()).check(project, SETTING)


def _executable() -> tuple[str, tuple[str, ...]]:
    """The command, and its first arguments, that start this very program from anywhere."""
    called = Path(sys.argv[0])
    beside = Path(sysconfig.get_path("scripts")) / ("athena-mcp.exe" if sys.platform == "win32" else "athena-mcp")
    for candidate in (called, beside):
        if candidate.stem == "athena-mcp" and candidate.is_file():
            # Not resolved: a link in a stable place outlives the folder it points into.
            return str(candidate.absolute()), ()
    return sys.executable, ("-m", "athena_mcp")
