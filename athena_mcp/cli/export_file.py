"""`athena-mcp export`."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from athena_mcp.cli.launch import Flags
from athena_mcp.cli.options import common_options, settings_of
from athena_mcp.cli.output import note
from athena_mcp.cli.progress import progress_bar
from athena_mcp.cli.runner import run_with_manager
from athena_mcp.transfer.export import open_target, write_export
from athena_mcp.version import own_version

if TYPE_CHECKING:
    from athena_mcp.manager import MemoryManager


@click.command("export", short_help="Write all memories as JSON lines.")
@click.argument("file", required=False, type=click.Path(dir_okay=False, path_type=Path))
@common_options
@click.pass_obj
def command(flags: Flags, file: Path | None) -> None:
    """Write every memory as JSON, one a line, to FILE; without FILE, or with `-`, to standard output.

    That is the memories of all projects, with their history and links. Only the flag --project limits it to one
    project; ATHENA_PROJECT and the folder you are in do not. The first line is no memory, it says what the file is.

    `athena-mcp import FILE` brings it all back, into this store or another. FILE is written whole or not at all, takes
    the place of a file of that name, and can be read by you only; if its name ends in .gz, it is compressed.

    \b
    Examples:  athena-mcp export memories.jsonl.gz
               athena-mcp export --project owner/name | jq -r '.content // empty'
    """
    settings = settings_of(flags)
    # A flag narrows the export; the project that one happens to stand in does not.
    project = settings.project if flags.project else None

    async def export(manager: MemoryManager) -> int:
        projects = await manager.projects()
        total = sum(row.memories for row in projects if project is None or row.name == project)
        write = partial(write_export, version=own_version(), now=datetime.now(UTC), project=project)
        with progress_bar("Exporting", total) as progress:
            if file is None or str(file) == "-":
                return await write(manager, sys.stdout, progress=progress)
            with open_target(file) as stream:
                return await write(manager, stream, progress=progress)

    written = run_with_manager(settings, export, warms=False)
    if file is not None and str(file) != "-":
        note(f"Wrote {written:,} memories to {file}.")
