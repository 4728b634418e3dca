"""`athena-mcp list`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from athena_mcp.cli.launch import Flags
from athena_mcp.cli.options import LAYER, common_options, json_option, settings_of
from athena_mcp.cli.output import note, one_line, say, say_json, table, terminal_width, visible
from athena_mcp.cli.runner import run_with_manager
from athena_mcp.model import Memory, ProspectiveDetails
from athena_mcp.transfer.rows import memory_to_row

if TYPE_CHECKING:
    from athena_mcp.manager import MemoryManager

_PAGE = 200
"""Memories asked for at once; a long list is fetched page by page."""


@click.command("list", short_help="List memories, newest first.")
@click.option("--layer", type=LAYER, help="Only this layer.")
@click.option("-n", "--limit", type=click.IntRange(min=1), default=50, show_default=True, help="How many.")
@click.option("--all", "include_superseded", is_flag=True, help="Also what was replaced by something newer.")
@json_option
@common_options
@click.pass_obj
def command(flags: Flags, layer: str | None, limit: int, include_superseded: bool, as_json: bool) -> None:
    """List the project's memories, newest first.

    \b
    Examples:  athena-mcp list --limit 20
               athena-mcp list --layer prospective --json
    """
    settings = settings_of(flags)

    async def fetch(manager: MemoryManager) -> list[Memory]:
        found: list[Memory] = []
        while len(found) < limit:
            page = await manager.list_memories(
                layer=layer,
                limit=min(_PAGE, limit - len(found)),
                before_id=found[-1].id if found else None,
                include_superseded=include_superseded,
            )
            found += page
            if not page:
                break
        return found

    memories = run_with_manager(settings, fetch, warms=False)
    if as_json:
        say_json([memory_to_row(memory) for memory in memories])
    elif memories:
        say(memories_table(memories, terminal_width()))
    else:
        note(f"Nothing is remembered in {visible(settings.project)}" + (f" in layer {layer}." if layer else "."))


def memories_table(memories: list[Memory], cells: int) -> str:
    """A line for each memory, cut to `cells` terminal cells."""
    rows = [
        (
            str(memory.id),
            f"{memory.at:%Y-%m-%d %H:%M}",
            memory.layer.value,
            _history(memory) + _task(memory) + memory.content,
        )
        for memory in memories
    ]
    used = max(len(row[0]) for row in rows) + 16 + 11 + 6
    room = max(20, cells - used)
    return table(("ID", "WHEN (UTC)", "LAYER", "TEXT"), [(*row[:3], one_line(row[3], room)) for row in rows])


def _task(memory: Memory) -> str:
    if not isinstance(memory.details, ProspectiveDetails):
        return ""
    due = f", due {memory.details.due_at:%Y-%m-%d}" if memory.details.due_at else ""
    return f"[{memory.details.status}, {memory.details.priority}{due}] "


def _history(memory: Memory) -> str:
    if memory.superseded_by is not None:
        return f"(replaced by #{memory.superseded_by}) "
    return "(replaced) " if memory.superseded_at is not None else ""
