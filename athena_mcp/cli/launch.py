"""The short way to the server: understands the flags of serving by itself and imports nothing else."""

from __future__ import annotations

import gc
import sys
from collections.abc import Sequence
from dataclasses import dataclass

EXIT_OK = 0
EXIT_FAILURE = 1
EXIT_USAGE = 2
EXIT_INTERRUPTED = 130
"""128 + SIGINT, as a shell reports it."""
EXIT_PIPE_CLOSED = 141
"""128 + SIGPIPE: whoever read the output has gone."""


@dataclass(slots=True)
class Flags:
    """The settings given on the command line, as typed; None for those that were not."""

    project: str | None = None
    data_dir: str | None = None
    database_url: str | None = None
    log_level: str | None = None
    embed_url: str | None = None
    embed_model: str | None = None
    language: str | None = None
    max_concurrent: str | None = None
    layer_timeout: str | None = None
    recall_timeout: str | None = None
    parallel: str | None = None
    learning: str | None = None


_NAMES = {
    "--project": "project",
    "--data-dir": "data_dir",
    "--database-url": "database_url",
    "--log-level": "log_level",
    "--embed-url": "embed_url",
    "--embed-model": "embed_model",
    "--language": "language",
    "--max-concurrent": "max_concurrent",
    "--layer-timeout": "layer_timeout",
    "--recall-timeout": "recall_timeout",
    "--parallel": "parallel",
    "--learning": "learning",
}


def serve_flags(arguments: Sequence[str]) -> Flags | None:
    """The flags, if all that `arguments` ask for is to serve; None if a command, help or an error is to be handled."""
    flags = Flags()
    rest = list(arguments)
    named = False
    while rest:
        argument = rest.pop(0)
        if argument == "serve" and not named:
            named = True
            continue
        name, has_value, value = argument.partition("=")
        if name not in _NAMES or (not has_value and not rest):
            return None
        value = value if has_value else rest.pop(0)
        if not value or not value.isprintable():
            return None
        setattr(flags, _NAMES[name], value)
    return flags


BY_HAND = (
    "Athena waits for a host to speak MCP on standard input. `athena-mcp config HOST` tells a host to start it, "
    "`athena-mcp --help` shows the commands, Ctrl-C ends it."
)
"""For who starts the server in a terminal, where nothing else would be seen."""


def serve(flags: Flags) -> int:
    """Serve MCP on standard input and output until the host is done; the exit code."""
    # Collecting during imports costs a tenth of the start and finds nothing; the server turns it on again.
    gc.disable()
    from pathlib import Path

    from athena_mcp.config import resolve_settings
    from athena_mcp.errors import AthenaError

    try:
        settings = resolve_settings(
            project=flags.project,
            data_dir=Path(flags.data_dir) if flags.data_dir else None,
            database_url=flags.database_url,
            log_level=flags.log_level,
            embed_url=flags.embed_url,
            embed_model=flags.embed_model,
            language=flags.language,
            max_concurrent=flags.max_concurrent,
            layer_timeout=flags.layer_timeout,
            recall_timeout=flags.recall_timeout,
            parallel=flags.parallel,
            learning=flags.learning,
        )
        from athena_mcp.server.stdio import main as serve_stdio

        if sys.stdin is not None and sys.stdin.isatty():
            print(BY_HAND, file=sys.stderr)
        serve_stdio(settings)
    except AthenaError as error:
        print(f"Error: {error}", file=sys.stderr)
        return EXIT_FAILURE
    except OSError as error:
        print(f"Error: {error.strerror or error}: {error.filename or 'working directory'}", file=sys.stderr)
        return EXIT_FAILURE
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED
    return EXIT_OK
