"""`athena-mcp bench devlog`."""

from __future__ import annotations

from pathlib import Path

import click

from athena_mcp.cli.bench.asking import QUICK_QUERIES, ask, asking_options
from athena_mcp.cli.bench.showing import FILE, Showing, check_writable, report_options
from athena_mcp.cli.launch import Flags
from athena_mcp.cli.options import TEXT, common_options

QUICK_COMMITS = 2_000


@click.command("devlog", short_help="Recall on your own repository.")
@click.argument("path", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--changelog", type=TEXT, metavar="FILE", help="The tracked file to ask from. Default: the usual names.")
@click.option("--queries", type=click.IntRange(min=1), metavar="N", help="Only the first N entries that match.")
@click.option(
    "--max-commits", type=click.IntRange(min=1), default=20_000, show_default=True, metavar="N", help="The newest N."
)
@click.option(
    "--out", "case_file", type=FILE, metavar="CASE.json", help="Write the case, which `bench quality` takes, to a file."
)
@asking_options
@report_options(queries=QUICK_QUERIES, max_commits=QUICK_COMMITS)
@common_options
@click.pass_obj
def command(
    flags: Flags,
    path: Path,
    changelog: str | None,
    queries: int | None,
    max_commits: int,
    case_file: Path | None,
    k: int,
    through: str,
    showing: Showing,
) -> None:
    """Recall on your own repository: each entry of its changelog must find the commit that it is about.

    Which commit that is follows from request numbers that both name, or from who wrote the entry's first line; never
    from what they say. Request numbers and names are taken out of the question.

    \b
    Example:  athena-mcp bench devlog . --queries 200
    """
    from athena_mcp.bench.devlog.build import build_devlog
    from athena_mcp.bench.quality.case import write_case

    check_writable(case_file)
    devlog = build_devlog(path, changelog=changelog, max_commits=max_commits)
    showing.tell(devlog.sentence())
    if case_file is not None:
        write_case(devlog.case, case_file)
    showing.show(ask(flags, [devlog.case], k=k, through=through, pooled=False, limit_queries=queries))
