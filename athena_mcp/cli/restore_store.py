"""`athena-mcp restore`."""

from __future__ import annotations

from pathlib import Path

import click

from athena_mcp.cli.doctor import findings_text
from athena_mcp.cli.launch import EXIT_FAILURE, Flags
from athena_mcp.cli.options import common_options, settings_of
from athena_mcp.cli.output import say, visible
from athena_mcp.cli.runner import run
from athena_mcp.errors import ReadOnly


@click.command("restore", short_help="Bring a backup back.")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--replace", is_flag=True, help="Even if the store holds memories: the backup takes their place.")
@common_options
@click.pass_obj
def command(flags: Flags, file: Path, replace: bool) -> None:
    """Make the backup in FILE the embedded store.

    It is filled and checked beside what is there, and takes its place in one step; when anything fails, nothing has
    changed. Refused while servers use the store, and when it holds memories, unless --replace is given.

    \b
    Example:  athena-mcp restore athena-2026-01-31.backup --data-dir ~/restored
    """
    from athena_mcp.db.embedded.backup import restore

    settings = settings_of(flags)
    if not settings.embedded:
        raise click.UsageError("This is for the embedded store. Restore your own server with its pg_restore.")
    if settings.read_only:
        raise ReadOnly
    restored = run(lambda: restore(settings.data_dir, file, replace=replace))
    say(f"Restored {restored.memories:,} memories from {visible(str(file))}.")
    say(findings_text(restored.findings))
    if any(finding.status == "failed" for finding in restored.findings):
        click.get_current_context().exit(EXIT_FAILURE)
