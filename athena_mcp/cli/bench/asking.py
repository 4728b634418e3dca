"""Asking the questions of cases, as `quality` and `devlog` do."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any, TypeVar

import click

from athena_mcp.cli.launch import Flags
from athena_mcp.cli.options import settings_of
from athena_mcp.cli.progress import progress_bar
from athena_mcp.cli.runner import run
from athena_mcp.config import Settings

if TYPE_CHECKING:
    # These bring the driver and the SDK, which `--help` should not cost.
    from athena_mcp.bench.quality.case import Case
    from athena_mcp.bench.quality.measured import QualityReport

Command = TypeVar("Command", bound=Callable[..., Any])
QUICK_QUERIES = 20


def asking_options(command: Command) -> Command:
    """How the questions are asked."""
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


def ask(
    flags: Flags, cases: Sequence[Case], *, k: int, through: str, pooled: bool, limit_queries: int | None
) -> QualityReport:
    """Store the cases and ask their questions, in a temporary store unless the command line names one."""
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
            limit_queries=limit_queries,
            keep_clean=own,
        )
        embedder = reference_embedder()
        return run(
            lambda: measure_quality(plan, machine, embedder=embedder, progress=progress_bar),
            database=through == "manager",
        )
