"""The command `athena-mcp`: alone it serves MCP over stdio, with a command it is the human face of the same memory."""

from __future__ import annotations

import sys


def main() -> None:
    """The console script. Ends the process.

    A host starts this program for its server far more often than a person types a command, and waits for it: so
    nothing that only commands need is imported on the way to the server.
    """
    from athena_mcp.cli.launch import serve, serve_flags

    arguments = sys.argv[1:]
    flags = serve_flags(arguments)
    if flags is not None:
        sys.exit(serve(flags))

    from athena_mcp.cli.root import run_command

    sys.exit(run_command(arguments))
