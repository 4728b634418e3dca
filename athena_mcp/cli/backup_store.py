"""`athena-mcp backup`."""

from __future__ import annotations

from pathlib import Path

import click

from athena_mcp.cli.launch import Flags
from athena_mcp.cli.options import common_options, settings_of
from athena_mcp.cli.output import note, visible


@click.command("backup", short_help="Back the embedded store up into one file.")
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@common_options
@click.pass_obj
def command(flags: Flags, file: Path) -> None:
    """Write the embedded store, all projects with everything in it, into FILE.

    One consistent state, while servers go on using the store. FILE appears only when it is complete and is readable by
    its owner only; `athena-mcp restore` brings it back, also on another platform or a later PostgreSQL.

    \b
    Example:  athena-mcp backup athena-$(date +%F).backup
    """
    from athena_mcp.db.embedded.backup import backup
    from athena_mcp.transfer.export import open_whole

    settings = settings_of(flags)
    if not settings.embedded:
        raise click.UsageError("This is for the embedded store. Back your own server up with its pg_dump.")
    if file.exists() and not file.is_file():
        raise click.UsageError(f"{file} is no regular file.")
    with open_whole(file) as stream:
        backup(settings.data_dir, stream)
    note(f"Wrote {visible(str(file))}, {file.stat().st_size / 1e6:,.1f} MB.")
