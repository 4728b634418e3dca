"""`athena-mcp import`: a file or a repository's history."""

from __future__ import annotations

import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

import anyio
import anyio.to_thread
import click

from athena_mcp.cli.launch import Flags
from athena_mcp.cli.options import TEXT, common_options, settings_of
from athena_mcp.cli.output import note, say, visible
from athena_mcp.cli.progress import progress_bar
from athena_mcp.cli.runner import run_with_manager
from athena_mcp.config import Settings, detect_project
from athena_mcp.model import MAX_ITEMS

if TYPE_CHECKING:
    # These bring the driver; here and in the functions below, so that the help of all commands costs nothing.
    from athena_mcp.manager import MemoryManager
    from athena_mcp.transfer.git_log import GitRange, GitRepository
    from athena_mcp.transfer.jsonl import Source
    from athena_mcp.transfer.loading import ImportReport

Work: TypeAlias = "Callable[[MemoryManager], Awaitable[ImportReport]]"


@click.command("import", short_help="Import JSON lines or a git history.")
@click.argument("file", required=False, type=click.Path(exists=True, dir_okay=False, allow_dash=True, path_type=Path))
@click.option(
    "--git",
    "repository",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    metavar="PATH",
    help="Import the history of the git repository at PATH instead of a file.",
)
@click.option("--since", type=TEXT, metavar="DATE", help="With --git: only commits after this date.")
@click.option("--max-count", type=click.IntRange(min=1), metavar="N", help="With --git: only the newest N commits.")
@click.option("--branch", type=TEXT, help="With --git: this branch, tag or commit. Default: what is checked out.")
@click.option("--merges", is_flag=True, help="With --git: merge commits too.")
@click.option("--skip-bad", is_flag=True, help="Count lines that cannot be imported, and go on.")
@common_options
@click.pass_obj
def command(
    flags: Flags,
    file: Path | None,
    repository: Path | None,
    since: str | None,
    max_count: int | None,
    branch: str | None,
    merges: bool,
    skip_bad: bool,
) -> None:
    """Import memories from FILE, or with --git from a repository's commits.

    FILE has one JSON object a line: what `athena-mcp export` writes, or as little as {"content": "…"}; `-` is standard
    input, .gz is decompressed. Lines without a project go to yours (or --project). What is already there is counted as
    duplicate and not stored twice, so an interrupted import is simply run again, and a history again after new commits.

    A commit becomes an event: author date, message and files, keyed by its id, in the project of its own repository
    unless --project names another.

    \b
    Examples:  athena-mcp import memories.jsonl.gz
               athena-mcp import --git . --since 2025-01-01
    """
    if (file is None) == (repository is None):
        raise click.UsageError("Give either a FILE or --git PATH.")
    if repository is None and (since or max_count or branch or merges):
        raise click.UsageError("--since, --max-count, --branch and --merges go with --git.")
    from athena_mcp.transfer.git_log import GitRange, GitRepository

    settings = settings_of(flags)
    started = time.monotonic()
    if file is not None:
        work = _import_file(file, settings, skip_bad)
    else:
        assert repository is not None
        project = settings.project if flags.project else detect_project(repository.resolve())
        work = _import_git(GitRepository(repository), project, GitRange(branch, since, max_count, merges), skip_bad)
    report = run_with_manager(settings, work, embedder=True)
    unlinked = f", {report.unlinked:,} links to memories that are not in the file dropped" if report.unlinked else ""
    duplicates = "duplicate" if report.duplicates == 1 else "duplicates"
    say(
        f"{report.stored:,} stored, {report.duplicates:,} {duplicates}, {report.redacted:,} redacted, "
        f"{report.skipped:,} skipped{unlinked}, {time.monotonic() - started:.1f} s."
    )
    for problem in report.problems:
        note(f"Skipped: {visible(problem)}")
    if (more := report.skipped - len(report.problems)) > 0:
        note(f"Skipped: {more:,} more.")


def _import_file(file: Path, settings: Settings, skip_bad: bool) -> Work:
    from athena_mcp.transfer.jsonl import Source, open_source
    from athena_mcp.transfer.loading import Loader

    size_bytes = 0 if str(file) == "-" else file.stat().st_size

    async def work(manager: MemoryManager) -> ImportReport:
        loader = Loader(manager, skip_bad=skip_bad)
        try:
            return await load(loader)
        except anyio.get_cancelled_exc_class():
            note(f"Interrupted: {loader.report.stored:,} memories stored. Run it again, and it goes on from there.")
            raise

    async def load(loader: Loader) -> ImportReport:
        if str(file) == "-":
            stdin = Source(sys.stdin.buffer, name="standard input")
            mark = await anyio.to_thread.run_sync(stdin.mark, abandon_on_cancel=True)
            return await loader.run(stdin.records(settings.project), mark=mark)
        with open_source(file) as source, progress_bar("Importing", size_bytes) as progress:
            records = source.records(settings.project)
            return await loader.run(records, mark=source.mark(), progress=_by_position(source, progress))

    return work


def _import_git(repository: GitRepository, project: str, commits: GitRange, skip_bad: bool) -> Work:
    from athena_mcp.transfer.git_history import commit_to_record
    from athena_mcp.transfer.loading import Loader

    total = repository.count(commits)

    async def work(manager: MemoryManager) -> ImportReport:
        note(f"Importing into {visible(project)}.")
        with (
            progress_bar("Importing", total) as progress,
            repository.commits(commits, max_files=MAX_ITEMS) as history,
        ):
            records = (commit_to_record(commit, project) for commit in history)
            return await Loader(manager, skip_bad=skip_bad).run(records, progress=progress)

    return work


def _by_position(source: Source, progress: Callable[[int], None]) -> Callable[[int], None]:
    """Progress in bytes of the file: how many lines it has is not known."""
    done = 0

    def advance(_: int) -> None:
        nonlocal done
        position = source.position
        progress(position - done)
        done = position

    return advance
