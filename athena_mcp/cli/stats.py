"""`athena-mcp stats`."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import click

from athena_mcp.cli.launch import Flags
from athena_mcp.cli.options import TEXT, common_options, json_option, settings_of
from athena_mcp.cli.output import MAX_WIDTH, note, say, say_json, table, visible
from athena_mcp.cli.runner import run_with_manager

if TYPE_CHECKING:
    from athena_mcp.manager import MemoryManager

_LASTING = ("store", "servers")
_JOINT = "\u2007"
"""A space that does not break, between a name and its value until lines are folded."""


@click.command("stats", short_help="Show what is stored and how recall does.")
@click.argument("section", required=False, type=TEXT)
@json_option
@common_options
@click.pass_obj
def command(flags: Flags, section: str | None, as_json: bool) -> None:
    """Show what is stored, and what the servers that use it report of themselves; or one SECTION.

    Counts of calls belong to a process; those of the running servers stand under `servers`, as they last reported them.
    An agent sees its own server's in full: tool `stats`, resource athena://stats.

    \b
    Examples:  athena-mcp stats
               athena-mcp stats --json
    """

    async def ask(manager: MemoryManager) -> dict[str, Any]:
        return await manager.stats(section)

    answer = run_with_manager(settings_of(flags), ask)
    if as_json:
        say_json(answer)
        return
    # Nobody has asked this process, which lives for this command only, anything.
    shown = answer if section else {name: answer[name] for name in _LASTING if answer.get(name)}
    say(stats_text(shown))
    if not section and not answer.get("servers"):
        note("No server has reported lately; each does within seconds of being used.")


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
