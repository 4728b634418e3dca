"""`athena-mcp bench load`."""

from __future__ import annotations

import click

from athena_mcp.cli.bench.showing import Showing, report_options
from athena_mcp.cli.launch import Flags
from athena_mcp.cli.options import common_options, settings_of
from athena_mcp.cli.progress import progress_bar
from athena_mcp.cli.runner import run
from athena_mcp.config import Settings

_COUNT = click.IntRange(min=1)


@click.command("load", short_help="Several agents on one memory, each a process.")
@click.option("--agents", type=_COUNT, default=8, show_default=True, help="Server processes at the most.")
@click.option("--seconds", type=_COUNT, default=15, show_default=True, help="How long each number of agents works.")
@click.option(
    "--memories", type=_COUNT, default=10_000, show_default=True, metavar="N", help="Synthetic memories in the store."
)
@report_options(agents=4, seconds=3, memories=500)
@common_options
@click.pass_obj
def command(flags: Flags, agents: int, seconds: int, memories: int, showing: Showing) -> None:
    """Several agents on one memory: throughput, latency, errors and connections.

    Each agent is a server process of its own, spoken to over stdio, on one shared store. 1, 2, 4 … agents recall (four
    calls of five) and remember (one of five) as fast as they are answered. At the end, what the receipts said is
    compared with what the store holds.

    \b
    Examples:  athena-mcp bench load --quick
               athena-mcp bench load --agents 16 --seconds 60 --plot load.svg
    """
    from athena_mcp.bench.load.report import LoadReport
    from athena_mcp.bench.load.run import LoadPlan, measure_load
    from athena_mcp.bench.machine import describe_machine
    from athena_mcp.bench.store import PROJECT, postgresql_version, temporary_folder
    from athena_mcp.bench.synthetic.fill import fill

    settings_of(flags)
    plan = LoadPlan(agents, seconds, memories)
    with temporary_folder() as folder:
        settings = Settings(data_dir=folder / "data", project=PROJECT)
        machine = describe_machine(run(lambda: postgresql_version(settings)))
        filled = run(lambda: fill(settings, plan.grammar, 0, memories, progress_bar))
        worked = run(lambda: measure_load(folder, settings, plan, progress_bar))
    report = LoadReport(
        machine, filled.stored, worked.steps, worked.acknowledged, worked.found, worked.connection_limit
    )
    showing.show(report)
