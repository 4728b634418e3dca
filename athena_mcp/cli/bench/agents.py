"""`athena-mcp bench agents`."""

from __future__ import annotations

import click

from athena_mcp.cli.bench.showing import Showing, report_options
from athena_mcp.cli.launch import Flags
from athena_mcp.cli.options import common_options, settings_of
from athena_mcp.cli.progress import progress_bar
from athena_mcp.cli.runner import run
from athena_mcp.config import Settings


@click.command("agents", short_help="Whether many agents on one memory lose anything.")
@click.option("--agents", type=click.IntRange(min=1), default=8, show_default=True, metavar="N", help="At once.")
@click.option("--lives", type=click.IntRange(min=1), default=5, show_default=True, metavar="N", help="Servers of each.")
@click.option("--calls", type=click.IntRange(min=2), default=30, show_default=True, metavar="N", help="Of a caller.")
@click.option("--seed", type=click.IntRange(min=0), default=1, show_default=True, help="Of what the agents do.")
@report_options(lives=1, calls=10)
@common_options
@click.pass_obj
def command(flags: Flags, agents: int, lives: int, calls: int, seed: int, showing: Showing) -> None:
    """Whether many agents on one data folder lose or double anything: each starts server after server, which remember,
    replace, forget and recall, and then leave, are interrupted or are killed.

    In the end all receipts must be true, and the last one out must have stopped PostgreSQL. The exit code is 1 when
    something does not hold. Always in a temporary store.

    \b
    Example:  athena-mcp bench agents --agents 8 --lives 10
    """
    from athena_mcp.bench.agents.run import AgentsPlan, run_agents
    from athena_mcp.bench.failure import BenchFailed
    from athena_mcp.bench.machine import describe_machine
    from athena_mcp.bench.store import PROJECT, postgresql_version, temporary_folder

    settings_of(flags)
    with temporary_folder() as folder:
        settings = Settings(data_dir=folder / "version", project=PROJECT)
        machine = describe_machine(run(lambda: postgresql_version(settings)))
        plan = AgentsPlan(agents, lives, calls, seed)
        report = run(lambda: run_agents(plan, folder, machine, progress_bar), database=False)
    showing.show(report)
    if not report.holds:
        raise BenchFailed("Something is not as it should be; see above.")
