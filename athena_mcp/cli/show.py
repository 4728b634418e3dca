"""`athena-mcp show`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from athena_mcp.cli.launch import Flags
from athena_mcp.cli.options import common_options, json_option, settings_of
from athena_mcp.cli.output import say, say_json, visible, wrapped
from athena_mcp.cli.recalled import details_text
from athena_mcp.cli.runner import run_with_manager
from athena_mcp.model import Memory
from athena_mcp.transfer.rows import memory_to_row
from athena_mcp.validation import check_id

if TYPE_CHECKING:
    from athena_mcp.manager import MemoryManager


@click.command("show", short_help="Show memories whole.")
@click.argument("ids", metavar="ID...", nargs=-1, required=True, type=int)
@json_option
@common_options
@click.pass_obj
def command(flags: Flags, ids: tuple[int, ...], as_json: bool) -> None:
    """Show memories whole, by the numbers that `athena-mcp recall` and `athena-mcp list` give.

    They must be of the project you are in (or of the one that --project names), or of `global`. What was replaced is
    shown too, and says by what.

    \b
    Examples:  athena-mcp show 17
               athena-mcp show 17 18 --json
    """
    for id_ in ids:
        check_id("id", id_)

    async def fetch(manager: MemoryManager) -> list[Memory]:
        return [await manager.get(id_) for id_ in ids]

    memories = run_with_manager(settings_of(flags), fetch, warms=False)
    if as_json:
        say_json([memory_to_row(memory) for memory in memories])
    else:
        say("\n\n".join(map(memory_text, memories)))


def memory_text(memory: Memory) -> str:
    """A memory for people, with all that it has."""
    facts = [f"#{memory.id}  {memory.layer.value}", f"{memory.at:%Y-%m-%d %H:%M} UTC", visible(memory.project)]
    facts += [f"session {visible(memory.session_id)}"] if memory.session_id else []
    facts += [f"key {visible(memory.key)}"] if memory.key else []
    facts += [f"about #{memory.about}"] if memory.about is not None else []
    facts += [f"replaced by #{memory.superseded_by}"] if memory.superseded_by is not None else []
    lines = ["  ".join(facts), wrapped(memory.content, "   ")]
    if extra := details_text(memory):
        lines.append(wrapped(extra, "   "))
    return "\n".join(lines)
