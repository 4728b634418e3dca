"""`athena-mcp bench learning`."""

from __future__ import annotations

import click

from athena_mcp.cli.bench.showing import Showing, report_options
from athena_mcp.cli.launch import Flags
from athena_mcp.cli.options import common_options, settings_of
from athena_mcp.cli.progress import progress_bar
from athena_mcp.cli.runner import run
from athena_mcp.config import Settings

_COUNT = click.IntRange(min=1)


@click.command("learning", short_help="What the executor's learning gains, and why it learns no more.")
@click.option(
    "--memories", type=_COUNT, default=10_000, show_default=True, metavar="N", help="Synthetic memories in the store."
)
@click.option("--questions", type=_COUNT, default=400, show_default=True, help="Recalls of each kind.")
@click.option("--rounds", type=_COUNT, default=3, show_default=True, help="Turns of every bound.")
@click.option("--hangs", type=_COUNT, default=50, show_default=True, help="Recalls with a hanging layer, each way.")
@report_options(memories=500, questions=40, rounds=1, hangs=10)
@common_options
@click.pass_obj
def command(flags: Flags, memories: int, questions: int, rounds: int, hangs: int, showing: Showing) -> None:
    """What deadlines that follow the layers' answers gain and cost, and what else could be learned.

    Deadlines: recalls while one of five layers hangs, recalls that miss a layer which has become slow, and layers of a
    healthy, busy store that are called late for nothing. Not learned, with the figures that say why: how many layers
    run at once, which layers are worth asking by what reached the final list, and a layer that waits for others' hits.

    \b
    Examples:  athena-mcp bench learning --quick
               athena-mcp bench learning --plot learning.svg
    """
    from athena_mcp.bench.learning.run import LearningPlan, measure_learning
    from athena_mcp.bench.machine import describe_machine
    from athena_mcp.bench.store import PROJECT, postgresql_version, temporary_folder
    from athena_mcp.bench.synthetic.fill import fill

    settings_of(flags)
    plan = LearningPlan(memories, questions, rounds, hangs)
    with temporary_folder() as folder:
        settings = Settings(data_dir=folder / "data", project=PROJECT)
        machine = describe_machine(run(lambda: postgresql_version(settings)))
        run(lambda: fill(settings, plan.grammar, 0, memories, progress_bar))
        report = run(lambda: measure_learning(settings, machine, plan, progress_bar))
    showing.show(report)
