"""`athena-mcp bench quality`."""

from __future__ import annotations

from pathlib import Path

import click

from athena_mcp.cli.bench.asking import QUICK_QUERIES, ask, asking_options
from athena_mcp.cli.bench.showing import Showing, report_options
from athena_mcp.cli.launch import Flags
from athena_mcp.cli.options import common_options


@click.command("quality", short_help="Whether recall finds the right memory.")
@click.argument(
    "files", nargs=-1, required=True, type=click.Path(exists=True, dir_okay=False, path_type=Path), metavar="CASE.json…"
)
@asking_options
@click.option("--pooled", is_flag=True, help="All cases in one project.")
@click.option("--limit-queries", type=click.IntRange(min=1), metavar="N", help="Only the first N questions of a case.")
@report_options(limit_queries=QUICK_QUERIES)
@common_options
@click.pass_obj
def command(
    flags: Flags,
    files: tuple[Path, ...],
    k: int,
    through: str,
    pooled: bool,
    limit_queries: int | None,
    showing: Showing,
) -> None:
    """Whether recall finds the right memory, beside BM25 on the same memories.

    A case is {"name", "memories": [{"id", "at"?, "session"?, "text", "layer"?, "details"?, "relations"?, "tags"?}],
    "queries": [{"q", "relevant": [ids], "category"?}]}. frac@k is the share of a question's relevant memories among
    the first k, MRR the mean of 1 divided by the rank of the first, `saved` the share of queries to non-empty layers
    that selection spared. References are computed in memory; their times are no database's.

    \b
    Example:  athena-mcp bench quality case-*.json --pooled
    """
    from athena_mcp.bench.quality.case import read_case

    cases = [read_case(path) for path in files]
    showing.show(ask(flags, cases, k=k, through=through, pooled=pooled, limit_queries=limit_queries))
