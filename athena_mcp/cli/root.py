"""The command group, and the one place where errors become messages and exit codes."""

from __future__ import annotations

import contextlib
import importlib
import logging
import os
import sys
import traceback
from collections.abc import Iterator, Sequence
from typing import Final

import click

from athena_mcp.cli.launch import EXIT_FAILURE, EXIT_INTERRUPTED, EXIT_OK, EXIT_PIPE_CLOSED, Flags, serve
from athena_mcp.cli.options import common_options
from athena_mcp.cli.output import note, prepare_streams
from athena_mcp.errors import AthenaError

COMMANDS: Final = {
    "serve": "athena_mcp.cli.serve",
    "demo": "athena_mcp.cli.demo",
    "config": "athena_mcp.cli.host_config",
    "doctor": "athena_mcp.cli.doctor",
    "recall": "athena_mcp.cli.recall",
    "remember": "athena_mcp.cli.remember",
    "forget": "athena_mcp.cli.forget",
    "list": "athena_mcp.cli.list_memories",
    "show": "athena_mcp.cli.show",
    "stats": "athena_mcp.cli.stats",
    "export": "athena_mcp.cli.export_file",
    "import": "athena_mcp.cli.import_file",
    "backup": "athena_mcp.cli.backup_store",
    "restore": "athena_mcp.cli.restore_store",
    "reembed": "athena_mcp.cli.reembed",
    "bench": "athena_mcp.cli.bench",
}
"""Each command and the module whose `command` it is, in the order of the help."""


class LazyGroup(click.Group):
    """A group that imports a command when it is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The commands in the order in which a new user needs them."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command, or None if there is none of that name."""
        module = COMMANDS.get(cmd_name)
        if module is None:
            return None
        command = importlib.import_module(module).command
        assert isinstance(command, click.Command)
        return command


def _print_version(context: click.Context, parameter: click.Parameter, value: bool) -> None:
    if value and not context.resilient_parsing:
        from athena_mcp.version import own_version

        click.echo(f"athena-mcp {own_version()}")
        context.exit()


@click.group(
    cls=LazyGroup,
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Exit codes: 0 done, 1 failed, 2 the command line was not understood, 130 interrupted, 141 the reader of "
    "the output has gone.",
)
@click.option(
    "--version", is_flag=True, is_eager=True, expose_value=False, callback=_print_version, help="Print the version."
)
@common_options
@click.pass_context
def root(context: click.Context) -> None:
    """A memory for AI coding agents, on PostgreSQL.

    Without a command it serves MCP over standard input and output: that is what an agent's host starts. The commands
    are for people and scripts, and work on the same memory, at the same time.

    \b
    Try it:                     athena-mcp demo
    Give it to Claude Code:     athena-mcp config claude-code
    Fill it with your history:  athena-mcp import --git .
    Ask it:                     athena-mcp recall "why did we pin the driver?"
    """
    flags = context.ensure_object(Flags)
    if context.invoked_subcommand is None:
        sys.exit(serve(flags))


def run_command(arguments: Sequence[str]) -> int:
    """Run the command line `arguments` and return its exit code; every error becomes one line on standard error."""
    prepare_streams()
    try:
        code = _invoke(arguments)
        # Here and not at the interpreter's end, where a reader that has gone could only be met with noise.
        if sys.stdout is not None:  # closed before we started: what was asked for is done, and nobody reads of it
            sys.stdout.flush()
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except (click.Abort, KeyboardInterrupt):
        return EXIT_INTERRUPTED
    except Exception as error:  # noqa: BLE001 - the border to the terminal
        return _report(error)
    return code


def _invoke(arguments: Sequence[str]) -> int:
    """Run the command; its exit code. Not by `root.main`, which exits by itself when the reader has gone."""
    try:
        with root.make_context("athena-mcp", list(arguments)) as context:
            root.invoke(context)
    except click.exceptions.Exit as stop:
        return stop.exit_code
    return EXIT_OK


def _report(error: Exception) -> int:
    """Tell of an error, and choose the exit code."""
    causes = list(_leaves(error))
    if any(isinstance(cause, KeyboardInterrupt) for cause in causes):
        return EXIT_INTERRUPTED
    if any(isinstance(cause, BrokenPipeError) for cause in causes):
        _close_output()
        return EXIT_PIPE_CLOSED
    if logging.getLogger().isEnabledFor(logging.DEBUG) and logging.getLogger().handlers:
        traceback.print_exception(error)
    known = next((cause for cause in causes if isinstance(cause, AthenaError)), None)
    if known is not None:
        note(f"Error: {known}")
    elif isinstance(causes[0], OSError):
        failed = causes[0]
        note(f"Error: {failed.strerror or failed}" + (f": {failed.filename}" if failed.filename else ""))
    else:
        note(
            f"Error: unexpected {type(causes[0]).__name__}: {causes[0]}. Run it again with --log-level DEBUG for more."
        )
    return EXIT_FAILURE


def _leaves(error: BaseException) -> Iterator[BaseException]:
    """The errors themselves, out of the groups that task groups put around them."""
    if isinstance(error, BaseExceptionGroup):
        for inner in error.exceptions:
            yield from _leaves(inner)
    else:
        yield error


def _close_output() -> None:
    """Point standard output nowhere, so that the interpreter's own flush at the end does not fail again."""
    with contextlib.suppress(OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)
