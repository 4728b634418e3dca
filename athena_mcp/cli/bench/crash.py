"""`athena-mcp bench crash`."""

from __future__ import annotations

import click

from athena_mcp.cli.bench.showing import Showing, report_options
from athena_mcp.cli.launch import Flags
from athena_mcp.cli.options import common_options, settings_of
from athena_mcp.cli.progress import progress_bar
from athena_mcp.cli.runner import run
from athena_mcp.config import Settings

_DURING = ("remember", "import", "migration", "reembed")
_VICTIMS = ("server", "postmaster", "backend", "postgresql", "both")


@click.command("crash", short_help="Whether a killed process loses anything.")
@click.option("--kills", type=click.IntRange(min=1), default=50, show_default=True, metavar="N", help="Of each kind.")
@click.option("--during", type=click.Choice(_DURING), multiple=True, help="Only during this; may be repeated.")
@click.option("--victim", "victims", type=click.Choice(_VICTIMS), multiple=True, help="Only this; may be repeated.")
@click.option("--memories", type=click.IntRange(min=50), default=1_000, show_default=True, metavar="N")
@click.option("--seed", type=click.IntRange(min=0), default=1, show_default=True, help="Of the moments of the kills.")
@report_options(kills=1, memories=300)
@common_options
@click.pass_obj
def command(
    flags: Flags,
    kills: int,
    during: tuple[str, ...],
    victims: tuple[str, ...],
    memories: int,
    seed: int,
    showing: Showing,
) -> None:
    """Whether a process that is killed loses anything: at random moments while a server remembers, replaces and
    forgets, in an import, in the first start on a store of the first schema, and in a change of the embedder.

    Killed are the Athena process, PostgreSQL's main process, one of its sessions, all of PostgreSQL, or everything.
    After each kill all that was acknowledged must be there once, every index, count and link must agree, and the next
    start must succeed by itself. The exit code is 1 when one of these does not hold. Always in temporary stores.

    \b
    Example:  athena-mcp bench crash --kills 50 --during import
    """
    from athena_mcp.bench.crash.run import CrashPlan, During, run_crashes
    from athena_mcp.bench.crash.victims import Victim
    from athena_mcp.bench.failure import BenchFailed
    from athena_mcp.bench.machine import describe_machine
    from athena_mcp.bench.store import PROJECT, postgresql_version, temporary_folder

    settings_of(flags)
    plan = CrashPlan(
        kills,
        tuple(During(name) for name in during or _DURING),
        tuple(Victim(name) for name in victims or _VICTIMS),
        memories,
        seed,
    )
    with temporary_folder() as folder:
        settings = Settings(data_dir=folder / "version", project=PROJECT)
        machine = describe_machine(run(lambda: postgresql_version(settings)))
        report = run(lambda: run_crashes(plan, folder, machine, progress_bar), database=False)
    showing.show(report)
    if not report.holds:
        raise BenchFailed("Something was lost, doubled or broken; see above.")
