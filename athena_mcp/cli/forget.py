"""`athena-mcp forget`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from athena_mcp.cli.launch import Flags
from athena_mcp.cli.options import common_options, settings_of
from athena_mcp.cli.output import say
from athena_mcp.cli.runner import run_with_manager
from athena_mcp.receipt import Forgotten
from athena_mcp.validation import check_id

if TYPE_CHECKING:
    from athena_mcp.manager import MemoryManager


@click.command("forget", short_help="Remove a memory for good.")
@click.argument("id_", metavar="ID", type=int)
@common_options
@click.pass_obj
def command(flags: Flags, id_: int) -> None:
    """Remove one memory for good; this cannot be undone.

    ID is the number that `athena-mcp recall` and `athena-mcp list` show. The memory must be of the project you are in
    (or of the one that --project names), or of `global`. It is gone from every answer, from the history and from later
    exports and backups; files that were written before still have it.

    When something has merely changed, use `athena-mcp remember "…" --replaces ID` instead: what was believed before
    stays in the history.

    \b
    Example:  athena-mcp forget 17
    """

    check_id("id", id_)

    async def remove(manager: MemoryManager) -> Forgotten:
        return await manager.forget(id_)

    forgotten = run_with_manager(settings_of(flags), remove, warms=False)
    relations = f" and {forgotten.relations_removed} relations" if forgotten.relations_removed else ""
    say(f"Forgot {', '.join(f'#{one}' for one in forgotten.ids)}{relations}.")
