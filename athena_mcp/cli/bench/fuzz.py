"""`athena-mcp bench fuzz`."""

from __future__ import annotations

import click

from athena_mcp.cli.bench.showing import Showing, report_options
from athena_mcp.cli.launch import Flags
from athena_mcp.cli.options import common_options, settings_of
from athena_mcp.cli.progress import progress_bar
from athena_mcp.cli.runner import run
from athena_mcp.config import Settings


@click.command("fuzz", short_help="Whether abuse of the protocol breaks the server.")
@click.option("--messages", type=click.IntRange(min=1), default=100_000, show_default=True, metavar="N")
@click.option("--connections", type=click.IntRange(min=1), default=20, show_default=True, metavar="N")
@click.option("--seed", type=click.IntRange(min=0), default=1, show_default=True, help="The same seed, the same lines.")
@report_options(messages=5_000, connections=5)
@common_options
@click.pass_obj
def command(flags: Flags, messages: int, connections: int, seed: int, showing: Showing) -> None:
    """Whether abuse of the protocol breaks the server: lines that are no messages, wrong types, huge and deep values,
    ids that cannot be used, cancellations, requests before the handshake, both eras, bursts of 200, closed pipes.

    Every request must be answered once, nothing but messages may come on standard output, no server may end by itself,
    the log may repeat no text of a message, and memory stays bounded. The exit code is 1 when one of these does not
    hold. Always in a temporary store.

    \b
    Example:  athena-mcp bench fuzz --messages 100000
    """
    from athena_mcp.bench.failure import BenchFailed
    from athena_mcp.bench.fuzz.run import FuzzPlan, run_fuzz
    from athena_mcp.bench.machine import describe_machine
    from athena_mcp.bench.store import PROJECT, postgresql_version, temporary_folder
    from athena_mcp.server.stdio_client import StdioServer

    settings_of(flags)
    with temporary_folder() as folder:
        settings = Settings(data_dir=folder / "data", project=PROJECT)
        machine = describe_machine(run(lambda: postgresql_version(settings)))
        server = StdioServer(settings.data_dir, folder / "server.log", settings.project)
        report = run_fuzz(server, FuzzPlan(messages, connections, seed), machine, progress_bar)
    showing.show(report)
    if not report.holds:
        raise BenchFailed("Something happened that should not; see above.")
