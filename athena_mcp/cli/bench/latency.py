"""`athena-mcp bench latency`."""

from __future__ import annotations

import click

from athena_mcp.cli.bench.showing import Showing, report_options
from athena_mcp.cli.launch import Flags
from athena_mcp.cli.options import common_options, settings_of
from athena_mcp.cli.progress import progress_bar
from athena_mcp.cli.runner import run
from athena_mcp.config import Settings

_COUNT = click.IntRange(min=1)


@click.command("latency", short_help="What layers side by side gain, the executor costs, the cache saves.")
@click.option(
    "--memories", type=_COUNT, default=10_000, show_default=True, metavar="N", help="Synthetic memories in the store."
)
@click.option("--rounds", type=_COUNT, default=20, show_default=True, help="Turns of layers that wait; others more.")
@click.option("--calls", type=_COUNT, default=2_000, show_default=True, help="Calls for the overhead.")
@click.option("--questions", type=_COUNT, default=200, show_default=True, help="Recalls of each kind.")
@click.option(
    "--hangs", type=_COUNT, default=100, show_default=True, help="Recalls with a hanging layer, of each kind."
)
@click.option("--starts", type=_COUNT, default=7, show_default=True, help="Starts of a server for each figure.")
@report_options(memories=500, rounds=4, calls=200, questions=20, hangs=5, starts=1)
@common_options
@click.pass_obj
def command(
    flags: Flags,
    memories: int,
    rounds: int,
    calls: int,
    questions: int,
    hangs: int,
    starts: int,
    showing: Showing,
) -> None:
    """What asking layers side by side gains and costs, what the cache saves, and how long a host waits for the start.

    1, 2, 3 and 5 layers are asked one after the other and side by side, through the executor of every recall: layers
    that wait 50 ms in the database, that compute there for about 5 ms, and those of a store with memories. Then: what
    the executor adds to its slowest layer, kept answers beside fresh ones and beside a trivial call, one of five layers
    hanging, five recalls at once, and the time to `initialize` and to the first answer beside an empty MCP server.

    What is compared is measured in turns: a speedup of 4.9 holds on a busy machine too, the milliseconds do not.

    \b
    Examples:  athena-mcp bench latency --quick
               athena-mcp bench latency --memories 100000 --save latency.json --plot latency.svg
    """
    from athena_mcp.bench.latency.calls import measure_calls
    from athena_mcp.bench.latency.report import LatencyReport
    from athena_mcp.bench.latency.run import LatencyPlan, measure_in_process
    from athena_mcp.bench.machine import describe_machine
    from athena_mcp.bench.served.startup import measure_startup
    from athena_mcp.bench.store import PROJECT, postgresql_version, server_in, temporary_folder
    from athena_mcp.bench.synthetic.fill import fill

    settings_of(flags)
    plan = LatencyPlan(memories, rounds, calls, questions, hangs, starts)
    with temporary_folder() as folder:
        settings = Settings(data_dir=folder / "data", project=PROJECT)
        machine = describe_machine(run(lambda: postgresql_version(settings)))
        filled = run(lambda: fill(settings, plan.grammar, 0, memories, progress_bar))
        in_process = run(lambda: measure_in_process(settings, plan, progress_bar))
        server = server_in(folder, settings)
        asked = plan.asked()
        startup = measure_startup(server, asked[0], folder, starts, progress_bar)
        calls_over_stdio = measure_calls(server, asked, max(1, questions // 4), progress_bar)
    showing.show(LatencyReport(machine, filled, in_process, startup, calls_over_stdio))
