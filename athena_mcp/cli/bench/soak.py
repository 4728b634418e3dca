"""`athena-mcp bench soak`."""

from __future__ import annotations

import click

from athena_mcp.cli.bench.showing import Showing, report_options
from athena_mcp.cli.launch import Flags
from athena_mcp.cli.options import common_options, settings_of
from athena_mcp.cli.progress import progress_bar
from athena_mcp.cli.runner import run
from athena_mcp.config import Settings


@click.command("soak", short_help="Whether memory, connections and latency stay flat.")
@click.option(
    "--minutes", type=click.FloatRange(min=0.0, min_open=True), default=10.0, show_default=True, help="How long."
)
@click.option(
    "--memories",
    type=click.IntRange(min=1),
    default=2_000,
    show_default=True,
    metavar="N",
    help="Synthetic memories in the store.",
)
@report_options(minutes=0.4, memories=300)
@common_options
@click.pass_obj
def command(flags: Flags, minutes: float, memories: int, showing: Showing) -> None:
    """Whether a server that is busy for long stays as it is: memory, connections, files, latency, dead rows.

    One server is called over stdio without a pause: recalls alone and five at once, new memories, replaced ones,
    reports, and as many forgotten, so that the store stays as large as it is while rows die. What the server and
    PostgreSQL hold is looked at 24 times; each measure is called flat or not. The shorter it runs, the less that says.

    \b
    Examples:  athena-mcp bench soak --minutes 60 --plot soak.svg
               athena-mcp bench soak --quick
    """
    from athena_mcp.bench.machine import describe_machine
    from athena_mcp.bench.soak.report import SoakReport
    from athena_mcp.bench.soak.run import SoakPlan, soak
    from athena_mcp.bench.store import PROJECT, postgresql_version, server_in, temporary_folder
    from athena_mcp.bench.synthetic.fill import fill

    settings_of(flags)
    plan = SoakPlan(minutes, memories)
    with temporary_folder() as folder:
        settings = Settings(data_dir=folder / "data", project=PROJECT)
        machine = describe_machine(run(lambda: postgresql_version(settings)))
        filled = run(lambda: fill(settings, plan.grammar, 0, memories, progress_bar))
        soaked = run(lambda: soak(server_in(folder, settings), settings, plan, progress_bar))
    showing.show(SoakReport(machine, filled.stored, soaked.stretches, soaked.errors))
