"""`athena-mcp bench executor`."""

from __future__ import annotations

import click

from athena_mcp.cli.bench.showing import Showing, report_options
from athena_mcp.cli.launch import Flags
from athena_mcp.cli.options import common_options, settings_of
from athena_mcp.cli.progress import progress_bar
from athena_mcp.cli.runner import run
from athena_mcp.config import Settings


@click.command("executor", short_help="What asking layers side by side gains and costs.")
@click.option("--rounds", type=click.IntRange(min=1), default=20, show_default=True, help="Turns of each kind.")
@click.option("--calls", type=click.IntRange(min=1), default=2_000, show_default=True, help="Calls for the overhead.")
@report_options(rounds=5, calls=500)
@common_options
@click.pass_obj
def command(flags: Flags, rounds: int, calls: int, showing: Showing) -> None:
    """What asking layers side by side gains when each waits 50 ms in the database, and what the executor costs.

    \b
    Example:  athena-mcp bench executor
    """
    from athena_mcp.bench.executor import ExecutorReport, measure_executor
    from athena_mcp.bench.machine import describe_machine
    from athena_mcp.bench.store import PROJECT, open_database, postgresql_version, temporary_folder

    settings_of(flags)
    with temporary_folder() as folder:
        settings = Settings(data_dir=folder / "data", project=PROJECT)
        machine = describe_machine(run(lambda: postgresql_version(settings)))

        async def measure() -> ExecutorReport:
            async with open_database(settings) as database:
                return await measure_executor(database, machine, rounds=rounds, calls=calls, progress=progress_bar)

        report = run(measure)
    showing.show(report)
