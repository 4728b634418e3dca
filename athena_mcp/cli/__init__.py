"""The command `athena-mcp`: alone it serves MCP over stdio, with a command it is the human face of the same memory."""

from __future__ import annotations

import os
import sys


def main() -> None:
    """The console script. Ends the process.

    A host starts this program for its server far more often than a person types a command, and waits for it: so
    nothing that only commands need is imported on the way to the server.
    """
    # Before numpy is imported. Our matrices are small: threads of the linear algebra would wait for each other longer
    # than they work (2 to 12 ms instead of 2 for reading forty texts while the other core is busy).
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

    from athena_mcp.cli.launch import EXIT_INTERRUPTED, serve, serve_flags

    arguments = sys.argv[1:]
    flags = serve_flags(arguments)
    if flags is not None:
        sys.exit(serve(flags))

    from athena_mcp.cli.root import run_command

    code = run_command(arguments)
    if code == EXIT_INTERRUPTED:
        # A thread that still waits for standard input would keep the interpreter from ending.
        os._exit(code)
    sys.exit(code)
