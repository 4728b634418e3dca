"""`athena-mcp bench stdio`."""

from __future__ import annotations

import click

from athena_mcp.cli.bench.showing import Showing, report_options
from athena_mcp.cli.launch import Flags
from athena_mcp.cli.options import common_options, settings_of
from athena_mcp.cli.progress import progress_bar
from athena_mcp.cli.runner import run
from athena_mcp.config import Settings


@click.command("stdio", short_help="How long a host waits.")
@click.option("--memories", type=click.IntRange(min=1), default=10_000, show_default=True, metavar="N")
@click.option("--runs", type=click.IntRange(min=1), default=7, show_default=True, help="Starts for each figure.")
@click.option("--questions", type=click.IntRange(min=1), default=200, show_default=True, help="Recalls of each kind.")
@click.option("--writes", type=click.IntRange(min=1), default=200, show_default=True, help="New memories.")
@report_options(memories=1_000, runs=2, questions=40, writes=40)
@common_options
@click.pass_obj
def command(flags: Flags, memories: int, runs: int, questions: int, writes: int, showing: Showing) -> None:
    """How long a host waits: start, first recall, recall and remember with many memories, resident memory.

    Always in a temporary store, with synthetic memories in all five layers.

    \b
    Example:  athena-mcp bench stdio --memories 100000 --save stdio.json
    """
    from athena_mcp.bench.machine import describe_machine
    from athena_mcp.bench.stdio import run as bench
    from athena_mcp.bench.stdio.startup import measure_startup
    from athena_mcp.bench.store import PROJECT, postgresql_version, temporary_folder

    settings_of(flags)
    plan = bench.StdioPlan(memories, runs, questions, writes)
    with temporary_folder() as folder:
        settings = Settings(data_dir=folder / "data", project=PROJECT)
        machine = describe_machine(run(lambda: postgresql_version(settings)))
        filled = run(lambda: bench.fill(settings, plan, progress_bar))
        server = bench.server_in(folder, settings)
        startup = measure_startup(server, bench.first_question(plan), folder, runs, progress_bar)
        conversation = run(lambda: bench.converse(server, plan, progress_bar), database=False)
    showing.show(bench.StdioReport(machine, plan, filled, startup, conversation))
