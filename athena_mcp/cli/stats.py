"""`athena-mcp stats`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import click

from athena_mcp.cli.launch import Flags
from athena_mcp.cli.options import TEXT, common_options, json_option, settings_of
from athena_mcp.cli.output import say, say_json, table, visible
from athena_mcp.cli.runner import run_with_manager

if TYPE_CHECKING:
    from athena_mcp.manager import MemoryManager


@click.command("stats", short_help="Show what is stored and how recall does.")
@click.argument("section", required=False, type=TEXT)
@json_option
@common_options
@click.pass_obj
def command(flags: Flags, section: str | None, as_json: bool) -> None:
    """Show what is stored and how recall has done, or one SECTION of it.

    Counts of calls belong to a process; those of the running servers stand under `servers`, as they last reported them.

    \b
    Examples:  athena-mcp stats
               athena-mcp stats --json
    """

    async def ask(manager: MemoryManager) -> dict[str, Any]:
        return await manager.stats(section)

    answer = run_with_manager(settings_of(flags), ask)
    if as_json:
        say_json(answer)
    else:
        say(stats_text(answer))


def stats_text(answer: Mapping[str, Any]) -> str:
    """The statistics in sections: plain values first, then each group of values as a table or a list of lines."""
    plain = {name: value for name, value in answer.items() if not _is_group(value)}
    parts = ["\n".join(_lines(plain))] if plain else []
    for name, value in answer.items():
        if isinstance(value, Mapping) and value:
            parts.append(f"{_title(name)}\n" + "\n".join(f"  {line}" for line in _group(value)))
        elif _is_group(value) and isinstance(value, Sequence):
            for number, row in enumerate(value, start=1):
                parts.append(f"{_title(name)} {number}\n" + "\n".join(f"  {line}" for line in _group(row)))
    return "\n\n".join(parts)


def _group(values: Mapping[str, Any]) -> list[str]:
    """A table if every value is a row of plain values, else lines, with what is inside indented."""
    if len(values) > 1 and all(
        isinstance(row, Mapping) and not any(map(_is_group, row.values())) for row in values.values()
    ):
        columns = list(dict.fromkeys(column for row in values.values() for column in row))
        rows = [[_title(name), *(_shown(row.get(column)) for column in columns)] for name, row in values.items()]
        return table(["", *(column.replace("_", " ") for column in columns)], rows).splitlines()
    lines = _lines({name: value for name, value in values.items() if not _is_group(value)})
    for name, value in values.items():
        if isinstance(value, Mapping) and value:
            lines += [_title(name) + ":", *(f"  {line}" for line in _group(value))]
        elif _is_group(value) and isinstance(value, Sequence):
            lines += [_title(name) + ":", *(f"  - {'; '.join(_lines(row))}" for row in value)]
    return lines


def _is_group(value: object) -> bool:
    if isinstance(value, Mapping):
        return True
    return isinstance(value, list | tuple) and bool(value) and all(isinstance(row, Mapping) for row in value)


def _is_row(value: object) -> bool:
    return isinstance(value, Mapping) and not any(map(_is_group, value.values()))


def _lines(values: Mapping[str, Any]) -> list[str]:
    return [f"{_title(name)}: {_shown(value)}" for name, value in values.items()]


def _title(name: str) -> str:
    return visible(name.replace("_", " "))


def _shown(value: object) -> str:
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:,.3f}".rstrip("0").rstrip(".")
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, list | tuple):
        return ", ".join(_shown(one) for one in value) or "-"
    return " ".join(visible(str(value)).split())
