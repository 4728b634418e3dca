"""`athena-mcp bench calibration`."""

from __future__ import annotations

from pathlib import Path

import click

from athena_mcp.cli.bench.asking import QUICK_QUERIES
from athena_mcp.cli.bench.showing import FILE, Showing, check_writable, report_options
from athena_mcp.cli.launch import Flags
from athena_mcp.cli.options import common_options, settings_of
from athena_mcp.cli.output import note, say, visible
from athena_mcp.cli.progress import progress_bar
from athena_mcp.cli.runner import run
from athena_mcp.config import Settings


@click.command("calibration", short_help="Whether the confidence is what it says.")
@click.argument(
    "files", nargs=-1, required=True, type=click.Path(exists=True, dir_okay=False, path_type=Path), metavar="CASE.json…"
)
@click.option("--k", type=click.IntRange(3, 50), default=10, show_default=True, help="Memories a recall.")
@click.option("--limit-queries", type=click.IntRange(min=1), metavar="N", help="Only the first N questions of a case.")
@click.option(
    "--fit",
    is_flag=True,
    help="Print constants fitted on these cases, as the module that holds them; with --json they are its `constants`.",
)
@click.option("--write", "module", type=FILE, metavar="FILE.py", help="Write that module to a file.")
@report_options(limit_queries=QUICK_QUERIES)
@common_options
@click.pass_obj
def command(
    flags: Flags,
    files: tuple[Path, ...],
    k: int,
    limit_queries: int | None,
    fit: bool,
    module: Path | None,
    showing: Showing,
) -> None:
    """Whether the confidence is what it says: of the answers called 70 % sure, 70 % should hold the answer.

    Cases are those of `bench quality`. Every question is asked as it is, in a copy of the store that lacks its relevant
    memories, and in the store of another case; a question without relevant memories is asked as it is. The constants
    that Athena ships are judged beside constants fitted without the case that they are judged on.

    \b
    Example:  athena-mcp bench calibration case-*.json --fit
    """
    from athena_mcp.bench.calibration.collect import CalibrationPlan
    from athena_mcp.bench.calibration.run import measure_calibration
    from athena_mcp.bench.machine import describe_machine
    from athena_mcp.bench.quality.case import read_case
    from athena_mcp.bench.store import PROJECT, postgresql_version, temporary_folder

    check_writable(module)
    cases = tuple(read_case(path) for path in files)
    given = settings_of(flags)
    with temporary_folder() as folder:
        own = flags.data_dir is not None or flags.database_url is not None
        settings = given if own else Settings(data_dir=folder / "data", project=PROJECT)
        machine = describe_machine(run(lambda: postgresql_version(settings)))
        plan = CalibrationPlan(cases, settings, k, limit_queries, keep_clean=own)
        wanted = fit or module is not None
        report = run(lambda: measure_calibration(plan, machine, fit=wanted, progress=progress_bar))
    showing.show(report)
    if report.constants is not None:
        if module is not None:
            module.write_text(report.constants.module(), encoding="utf-8")
            note(f"Written to {visible(str(module))}.")
        elif not showing.as_json:
            say()
            say(visible(report.constants.module()))
