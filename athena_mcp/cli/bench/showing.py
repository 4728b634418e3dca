"""What all benchmarks share: --quick, and the ways in which the outcome is shown."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click
from click.core import ParameterSource

from athena_mcp.cli.output import note, say, say_json, table, visible

if TYPE_CHECKING:
    # Brings the driver, which `--help` should not cost.
    from athena_mcp.bench.report import Report

Command = TypeVar("Command", bound=Callable[..., Any])
FILE = click.Path(dir_okay=False, path_type=Path)


@dataclass(frozen=True, slots=True)
class Showing:
    """How the outcome is wanted."""

    as_json: bool = False
    save: Path | None = None
    plot: Path | None = None

    def check(self) -> None:
        """Refuse before the work, which may take minutes, what could not be done after it."""
        check_writable(self.save)
        check_writable(self.plot)
        if self.plot is not None:
            from athena_mcp.bench.drawing import check_plot

            check_plot(self.plot)

    def tell(self, line: str) -> None:
        """Print a line that belongs to the tables; with --json beside the output."""
        (note if self.as_json else say)(visible(line))

    def show(self, report: Report) -> None:
        """Print the outcome, and write the files that were asked for."""
        found = report.to_dict()
        if self.as_json:
            say_json(found)
        else:
            _show_tables(report)
        if self.save is not None:
            self.save.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
            note(f"Written to {visible(str(self.save))}.")
        if self.plot is not None:
            from athena_mcp.bench.drawing import draw

            draw(report.charts(), report.machine.sentence(), self.plot)
            note(f"Drawn to {visible(str(self.plot))}.")


def report_options(**quick: float) -> Callable[[Command], Command]:
    """The options that every benchmark takes; its function gets them as `showing`.

    `quick` are the values that options have with --quick, unless they are given too.
    """

    def decorate(command: Command) -> Command:
        @functools.wraps(command)
        def run(*args: Any, hurry: bool, as_json: bool, save: Path | None, plot: Path | None, **given: Any) -> Any:
            context = click.get_current_context()
            if hurry:
                given |= {name: value for name, value in quick.items() if _left_alone(context, name)}
            showing = Showing(as_json, save, plot)
            showing.check()
            return command(*args, showing=showing, **given)

        short = " ".join(f"--{name.replace('_', '-')} {value}" for name, value in quick.items())
        options = (
            click.option("--quick", "hurry", is_flag=True, help=f"A first look in less than a minute: {short}."),
            click.option("--json", "as_json", is_flag=True, help="Print JSON for programs instead of tables."),
            click.option("--save", type=FILE, metavar="OUT.json", help="Write that JSON to a file, too."),
            click.option("--plot", type=FILE, metavar="OUT.svg", help="Draw it into an .svg or .png file, too."),
        )
        decorated: Any = run
        for option in reversed(options):
            decorated = option(decorated)
        shown: Command = decorated
        return shown

    return decorate


def _left_alone(context: click.Context, name: str) -> bool:
    """Whether the command line does not name a parameter."""
    return context.get_parameter_source(name) is ParameterSource.DEFAULT


def check_writable(path: Path | None) -> None:
    """Refuse a file that could not be written."""
    if path is not None and not path.absolute().parent.is_dir():
        raise click.UsageError(f"There is no folder {path.absolute().parent} to write {path.name} in.")


def _show_tables(report: Report) -> None:
    say(visible(report.machine.sentence()))
    for part in report.tables():
        say()
        say(visible(part.title))
        say(table(part.headings, [[visible(cell) for cell in row] for row in part.rows]))
    say()
    for line in report.notes():
        say(visible(line))
