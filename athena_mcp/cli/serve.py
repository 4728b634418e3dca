"""`athena-mcp serve`: the server by name."""

from __future__ import annotations

import sys

import click

from athena_mcp.cli.launch import Flags
from athena_mcp.cli.launch import serve as serve_stdio
from athena_mcp.cli.options import common_options


@click.command("serve", short_help="Serve MCP over stdio, as without a command.")
@common_options
@click.pass_obj
def command(flags: Flags) -> None:
    """Serve MCP on standard input and output (what happens without a command, too).

    An agent's host starts this; `athena-mcp config HOST` prints what to tell the host.

    \b
    Example:  athena-mcp serve --project owner/name
    """
    sys.exit(serve_stdio(flags))
