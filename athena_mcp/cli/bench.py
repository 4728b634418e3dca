"""`athena-mcp bench`: the measurements, for anyone to repeat."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from athena_mcp.cli.launch import Flags
from athena_mcp.cli.options import TEXT, common_options, settings_of
from athena_mcp.cli.output import note, say, table, visible
from athena_mcp.cli.progress import progress_bar
from athena_mcp.cli.runner import run
from athena_mcp.config import Settings

if TYPE_CHECKING:
    # These bring the driver and the SDK, which `--help` should not cost.
    from athena_mcp.bench.quality.case import Case
    from athena_mcp.bench.report import Report

Command = TypeVar("Command", bound=Callable[..., Any])
_FILE = click.Path(dir_okay=False, path_type=Path)


def _json_out(command: Command) -> Command:
    return click.option("--json", "out", type=_FILE, metavar="OUT", help="Write everything measured to a JSON file.")(
        command
    )


def _quality_options(command: Command) -> Command:
    options = (
        click.option("--k", type=click.IntRange(10, 50), default=10, show_default=True, help="Memories a recall."),
        click.option(
            "--through",
            type=click.Choice(["manager", "stdio"]),
            default="manager",
            show_default=True,
            help="Ask in this process, or a server over MCP, one `remember` a memory.",
        ),
    )
    for option in reversed(options):
        command = option(command)
    return command


@click.group("bench", short_help="Measure recall, latency and scale.")
@common_options
def command() -> None:
    """Measure Athena on this machine: how well it recalls, how fast it answers, what it costs.

    Each benchmark works in a temporary store with a PostgreSQL of its own that is removed at the end, and says what
    machine it ran on. `quality`, `devlog` and `calibration` use another store when --data-dir or --database-url names
    one; what they put there they forget.

    \b
    Examples:  athena-mcp bench devlog .
               athena-mcp bench quality case.json --json result.json
               athena-mcp bench stdio --memories 100000
               athena-mcp bench executor
    """


@command.command("quality")
@click.argument(
    "files", nargs=-1, required=True, type=click.Path(exists=True, dir_okay=False, path_type=Path), metavar="CASE.json…"
)
@_quality_options
@click.option("--pooled", is_flag=True, help="All cases in one project.")
@click.option("--limit-queries", type=click.IntRange(min=1), metavar="N", help="Only the first N questions of a case.")
@_json_out
@common_options
@click.pass_obj
def _quality(
    flags: Flags,
    files: tuple[Path, ...],
    k: int,
    through: str,
    pooled: bool,
    limit_queries: int | None,
    out: Path | None,
) -> None:
    """Whether recall finds the right memory, beside BM25 on the same memories.

    A case is {"name", "memories": [{"id", "at"?, "session"?, "text"}], "queries": [{"q", "relevant": [ids],
    "category"?}]}. frac@k is the share of a question's relevant memories among the first k, MRR the mean of 1 divided
    by the rank of the first, `saved` the share of queries to non-empty layers that selection spared. References are
    computed in memory; their times are no database's.

    \b
    Example:  athena-mcp bench quality case-*.json --pooled
    """
    from athena_mcp.bench.quality.case import read_case

    _check_writable(out)
    _run_quality(
        flags, [read_case(path) for path in files], out, k=k, through=through, pooled=pooled, limit=limit_queries
    )


@command.command("calibration")
@click.argument(
    "files", nargs=-1, required=True, type=click.Path(exists=True, dir_okay=False, path_type=Path), metavar="CASE.json…"
)
@click.option("--k", type=click.IntRange(3, 50), default=10, show_default=True, help="Memories a recall.")
@click.option("--limit-queries", type=click.IntRange(min=1), metavar="N", help="Only the first N questions of a case.")
@click.option("--fit", is_flag=True, help="Print constants fitted on these cases, as the module that holds them.")
@click.option("--write", "module", type=_FILE, metavar="FILE.py", help="Write that module to a file.")
@_json_out
@common_options
@click.pass_obj
def _calibration(
    flags: Flags,
    files: tuple[Path, ...],
    k: int,
    limit_queries: int | None,
    fit: bool,
    module: Path | None,
    out: Path | None,
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

    _check_writable(out)
    _check_writable(module)
    cases = tuple(read_case(path) for path in files)
    given = settings_of(flags)
    with temporary_folder() as folder:
        own = flags.data_dir is not None or flags.database_url is not None
        settings = given if own else Settings(data_dir=folder / "data", project=PROJECT)
        machine = describe_machine(run(lambda: postgresql_version(settings)))
        plan = CalibrationPlan(cases, settings, k, limit_queries, keep_clean=own)
        wanted = fit or module is not None
        report = run(lambda: measure_calibration(plan, machine, fit=wanted, progress=progress_bar))
    _show(report, machine.sentence(), out)
    if report.constants is not None:
        if module is None:
            say()
            say(visible(report.constants.module()))
        else:
            module.write_text(report.constants.module(), encoding="utf-8")
            note(f"Written to {visible(str(module))}.")


@command.command("devlog")
@click.argument("path", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--changelog", type=TEXT, metavar="FILE", help="The tracked file to ask from. Default: the usual names.")
@click.option("--queries", type=click.IntRange(min=1), metavar="N", help="Only the first N entries that match.")
@click.option(
    "--max-commits", type=click.IntRange(min=1), default=20_000, show_default=True, metavar="N", help="The newest N."
)
@click.option("--out", "case_file", type=_FILE, metavar="CASE.json", help="Write the case to a file, too.")
@_quality_options
@_json_out
@common_options
@click.pass_obj
def _devlog(
    flags: Flags,
    path: Path,
    changelog: str | None,
    queries: int | None,
    max_commits: int,
    case_file: Path | None,
    k: int,
    through: str,
    out: Path | None,
) -> None:
    """Recall on your own repository: each entry of its changelog must find the commit that it is about.

    Which commit that is follows from request numbers that both name, or from who wrote the entry's first line; never
    from what they say. Request numbers and names are taken out of the question.

    \b
    Example:  athena-mcp bench devlog . --queries 200
    """
    from athena_mcp.bench.devlog.build import build_devlog
    from athena_mcp.bench.quality.case import write_case

    _check_writable(out)
    _check_writable(case_file)
    devlog = build_devlog(path, changelog=changelog, max_commits=max_commits)
    say(visible(devlog.sentence()))
    if case_file is not None:
        write_case(devlog.case, case_file)
    _run_quality(flags, [devlog.case], out, k=k, through=through, pooled=False, limit=queries)


@command.command("stdio")
@click.option("--memories", type=click.IntRange(min=1), default=10_000, show_default=True, metavar="N")
@click.option("--runs", type=click.IntRange(min=1), default=7, show_default=True, help="Starts for each figure.")
@click.option("--questions", type=click.IntRange(min=1), default=200, show_default=True, help="Recalls of each kind.")
@click.option("--writes", type=click.IntRange(min=1), default=200, show_default=True, help="New memories.")
@_json_out
@common_options
@click.pass_obj
def _stdio(flags: Flags, memories: int, runs: int, questions: int, writes: int, out: Path | None) -> None:
    """How long a host waits: start, first recall, recall and remember with many memories, resident memory.

    Always in a temporary store, with synthetic memories in all five layers.

    \b
    Example:  athena-mcp bench stdio --memories 100000 --json stdio.json
    """
    from athena_mcp.bench.machine import describe_machine
    from athena_mcp.bench.stdio import run as bench
    from athena_mcp.bench.stdio.startup import measure_startup
    from athena_mcp.bench.store import PROJECT, postgresql_version, temporary_folder

    _check_writable(out)
    settings_of(flags)
    plan = bench.StdioPlan(memories, runs, questions, writes)
    with temporary_folder() as folder:
        settings = Settings(data_dir=folder / "data", project=PROJECT)
        machine = describe_machine(run(lambda: postgresql_version(settings)))
        filled = run(lambda: bench.fill(settings, plan, progress_bar))
        server = bench.server_in(folder, settings)
        startup = measure_startup(server, bench.first_question(plan), folder, runs, progress_bar)
        conversation = run(lambda: bench.converse(server, plan, progress_bar), database=False)
    _show(bench.StdioReport(machine, plan, filled, startup, conversation), machine.sentence(), out)


@command.command("executor")
@click.option("--rounds", type=click.IntRange(min=1), default=20, show_default=True, help="Turns of each kind.")
@click.option("--calls", type=click.IntRange(min=1), default=2_000, show_default=True, help="Calls for the overhead.")
@_json_out
@common_options
@click.pass_obj
def _executor(flags: Flags, rounds: int, calls: int, out: Path | None) -> None:
    """What asking layers side by side gains when each waits 50 ms in the database, and what the executor costs.

    \b
    Example:  athena-mcp bench executor
    """
    from athena_mcp.bench.executor import ExecutorReport, measure_executor
    from athena_mcp.bench.machine import describe_machine
    from athena_mcp.bench.store import PROJECT, open_database, postgresql_version, temporary_folder

    _check_writable(out)
    settings_of(flags)
    with temporary_folder() as folder:
        settings = Settings(data_dir=folder / "data", project=PROJECT)
        machine = describe_machine(run(lambda: postgresql_version(settings)))

        async def measure() -> ExecutorReport:
            async with open_database(settings) as database:
                return await measure_executor(database, machine, rounds=rounds, calls=calls, progress=progress_bar)

        report = run(measure)
    _show(report, machine.sentence(), out)


def _run_quality(
    flags: Flags, cases: Sequence[Case], out: Path | None, *, k: int, through: str, pooled: bool, limit: int | None
) -> None:
    from athena_mcp.bench.machine import describe_machine
    from athena_mcp.bench.quality.run import QualityPlan, measure_quality, reference_embedder
    from athena_mcp.bench.quality.words import english_stemmer
    from athena_mcp.bench.store import PROJECT, postgresql_version, temporary_folder

    given = settings_of(flags)
    # Before any work, since it may not be installed.
    english_stemmer()
    with ExitStack() as stack:
        folder = stack.enter_context(temporary_folder())
        # A store of one's own must be named on the command line: measuring fills it.
        own = flags.data_dir is not None or flags.database_url is not None
        settings = given if own else Settings(data_dir=folder / "data", project=PROJECT)
        machine = describe_machine(run(lambda: postgresql_version(settings)))
        plan = QualityPlan(
            cases=tuple(cases),
            settings=settings,
            folder=folder,
            through="stdio" if through == "stdio" else "manager",
            k=k,
            pooled=pooled,
            limit_queries=limit,
            keep_clean=own,
        )
        embedder = reference_embedder()
        report = run(
            lambda: measure_quality(plan, machine, embedder=embedder, progress=progress_bar),
            database=through == "manager",
        )
    _show(report, machine.sentence(), out)


def _show(report: Report, machine: str, out: Path | None) -> None:
    say(visible(machine))
    for part in report.tables():
        say()
        say(visible(part.title))
        say(table(part.headings, [[visible(cell) for cell in row] for row in part.rows]))
    say()
    for line in report.notes():
        say(visible(line))
    if out is not None:
        out.write_text(json.dumps(report.to_dict(), indent=1) + "\n", encoding="utf-8")
        note(f"Written to {visible(str(out))}.")


def _check_writable(path: Path | None) -> None:
    """Refuse before the work, which may take minutes, what could not be written after it."""
    if path is not None and not path.absolute().parent.is_dir():
        raise click.UsageError(f"There is no folder {path.absolute().parent} to write {path.name} in.")
