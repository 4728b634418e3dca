"""`athena-mcp stats`."""

from __future__ import annotations

import sys
import textwrap
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import anyio
import click

from athena_mcp.cli.launch import Flags
from athena_mcp.cli.options import TEXT, common_options, json_option, settings_of
from athena_mcp.cli.output import MAX_WIDTH, note, say, say_json, table, visible
from athena_mcp.cli.runner import run_with_manager
from athena_mcp.cli.servers import servers_text

if TYPE_CHECKING:
    from athena_mcp.manager import MemoryManager

_OF_A_PROCESS = ("server", "recall", "remember", "forget", "executor", "cache", "database", "embedder")
"""The sections that servers publish of themselves."""
_JOINT = "\u2007"
"""A space that does not break, between a name and its value until lines are folded."""


@click.command("stats", short_help="Show what is stored and how the servers do.")
@click.argument("section", required=False, type=TEXT)
@click.option(
    "--watch",
    type=click.FloatRange(min=0.5, max=3600),
    is_flag=False,
    flag_value=5.0,
    metavar="SECONDS",
    help="Show it again every so many seconds (5 when none are given), until interrupted.",
)
@json_option
@common_options
@click.pass_obj
def command(flags: Flags, section: str | None, watch: float | None, as_json: bool) -> None:
    """Show what is stored, and what the servers that use it report of themselves; or one SECTION.

    Counts of calls belong to a process. Each server leaves its own in the database, at most every five seconds while it
    is used and once at its end; all that run are shown together. With --json it is the answer of the tool `stats`, and
    with --watch a line of it each time.

    \b
    Examples:  athena-mcp stats
               athena-mcp stats executor --watch
               athena-mcp stats --json
    """

    async def show(manager: MemoryManager) -> None:
        while True:
            await _show(manager, section, as_json)
            if watch is None:
                return
            sys.stdout.flush()
            await anyio.sleep(watch)
            if sys.stdout.isatty() and not as_json:
                click.clear()
            elif not as_json:
                say()

    run_with_manager(settings_of(flags), show)


async def _show(manager: MemoryManager, section: str | None, as_json: bool) -> None:
    if as_json:
        say_json(await manager.stats(section))
        return
    if section in _OF_A_PROCESS:
        published = [server for server in await manager.published() if server.alive]
        # Nobody has asked this process, which lives for this command only, anything.
        if published:
            order = (await manager.stats(section)).get(section, {})
            say(
                stats_text(
                    {
                        f"{section} of {one.server_id}": _in_order(one.snapshot.get(section, {}), order)
                        for one in published
                    }
                )
            )
    elif section is not None:
        answer = await manager.stats(section)
        published = await manager.published()
        if section != "servers":
            say(stats_text(answer))
            return
        if published:
            say(stats_text(answer))
    else:
        published = await manager.published()
        say(stats_text(await manager.stats("store")))
        if published:
            say()
            say(servers_text(published))
    if not published:
        note(_nobody_reports(section))


def _nobody_reports(section: str | None) -> str:
    """What to do when no server has left statistics behind."""
    what = f"`{section}` is" if section in _OF_A_PROCESS else "Statistics of servers are"
    return (
        f"No server has reported, so there is nothing to show: {what} what running servers leave in this store. "
        "`athena-mcp config HOST` prints what makes an agent's host start one; it reports within seconds of the first "
        "recall or remember. If one runs, check that it uses the same store; `athena-mcp doctor` says which this is."
    )


def _in_order(value: Any, order: Any) -> Any:
    """A published section in the order of this process's own: the database keeps JSON by the length of its keys."""
    if not isinstance(value, Mapping) or not isinstance(order, Mapping):
        return value
    known = [name for name in order if name in value]
    return {name: _in_order(value[name], order.get(name)) for name in (*known, *(n for n in value if n not in order))}


def stats_text(answer: Mapping[str, Any]) -> str:
    """The statistics by section: plain values run on, rows of values become tables. What is empty is left out."""
    plain = {name: value for name, value in answer.items() if not _is_group(value)}
    parts = ["\n".join(_plain(plain, ""))] if plain else []
    for name, value in answer.items():
        sections = value if isinstance(value, list | tuple) else [value]
        for number, section in enumerate(sections, start=1):
            if isinstance(section, Mapping) and section:
                title = _title(name) if section is value else f"{_title(name)} {number}"
                parts.append("\n".join([title, *_group(section, "  ")]))
    return "\n\n".join(parts)


def _group(values: Mapping[str, Any], indent: str) -> list[str]:
    """The lines of one section: its plain values first, then what is inside it."""
    lines = _plain({name: value for name, value in values.items() if not _is_group(value)}, indent)
    for name, value in values.items():
        if not isinstance(value, Mapping):
            if _is_group(value):
                lines += [f"{indent}{_title(name)}", *(line for row in value for line in _group(row, indent + "  "))]
        elif value and not any(map(_is_group, value.values())):
            lines += _plain(value, indent, f"{_title(name)}: ")
        elif len(value) > 1 and all(isinstance(row, Mapping) for row in value.values()):
            lines += [indent + line for line in _rows(name, value).splitlines()]
        elif value:
            lines += [f"{indent}{_title(name)}", *_group(value, indent + "  ")]
    return lines


def _rows(name: str, rows: Mapping[str, Mapping[str, Any]]) -> str:
    """A table of rows; groups of values in a row become columns of their own."""
    flat = {title: dict(_flattened(row)) for title, row in rows.items()}
    columns = list(dict.fromkeys(column for row in flat.values() for column in row))
    cells = [[_title(title), *(_shown(row.get(column)) for column in columns)] for title, row in flat.items()]
    return table([_title(name), *map(_title, columns)], cells)


def _flattened(row: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for name, value in row.items():
        if isinstance(value, Mapping):
            yield from _flattened(value)
        else:
            yield name, value


def _plain(values: Mapping[str, Any], indent: str, title: str = "") -> list[str]:
    """Plain values, run on and folded."""
    pairs = [f"{_title(name)} {_shown(value)}" for name, value in values.items() if value != []]
    if not pairs:
        return []
    # A pair is not torn apart by the folding.
    joined = " · ".join(pair.replace(" ", _JOINT) for pair in pairs)
    lines = textwrap.wrap(title + joined, MAX_WIDTH, initial_indent=indent, subsequent_indent=indent + "  ")
    return [line.replace(_JOINT, " ").removesuffix(" ·") for line in lines]


def _is_group(value: object) -> bool:
    if isinstance(value, Mapping):
        return True
    return isinstance(value, list | tuple) and bool(value) and all(isinstance(row, Mapping) for row in value)


def _title(name: str) -> str:
    return visible(name.replace("_", " "))


def _shown(value: object) -> str:
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:,.2f}".rstrip("0").rstrip(".")
    if isinstance(value, int):
        # A process number is no quantity, and neither has many digits.
        return f"{value:,}" if value >= 100_000 else str(value)
    if isinstance(value, list | tuple):
        return ", ".join(_shown(one) for one in value) or "none"
    return " ".join(visible(str(value)).split())
