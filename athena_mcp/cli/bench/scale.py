"""`athena-mcp bench scale`."""

from __future__ import annotations

import click

from athena_mcp.cli.bench.showing import Showing, report_options
from athena_mcp.cli.launch import Flags
from athena_mcp.cli.options import common_options, settings_of
from athena_mcp.cli.progress import progress_bar
from athena_mcp.cli.runner import run
from athena_mcp.config import Settings

_COUNT = click.IntRange(min=1)


@click.command("scale", short_help="Recall, remember, import and disk with ever more memories.")
@click.option(
    "--up-to",
    type=_COUNT,
    default=100_000,
    show_default=True,
    metavar="N",
    help="Memories at the end; measured at 1,000, 10,000 … on the way.",
)
@click.option(
    "--import", "imported", type=_COUNT, default=20_000, show_default=True, metavar="N", help="Lines of the import."
)
@click.option("--questions", type=_COUNT, default=200, show_default=True, help="Recalls of each kind and size.")
@click.option("--writes", type=_COUNT, default=200, show_default=True, help="New memories at each size.")
@report_options(up_to=1_000, imported=2_000, questions=40, writes=40)
@common_options
@click.pass_obj
def command(flags: Flags, up_to: int, imported: int, questions: int, writes: int, showing: Showing) -> None:
    """Recall, remember, bulk import and size on disk with 1,000, 10,000 and 100,000 memories.

    A file is imported into an empty store first: read, checked, redacted, embedded and indexed, as `athena-mcp import`
    does. Then another store is filled with synthetic memories in all five layers and asked over stdio at each size, at
    default settings and at depth 1, without cache. --up-to 1000000 takes a while and some gigabytes.

    \b
    Examples:  athena-mcp bench scale --quick
               athena-mcp bench scale --up-to 10000 --plot scale.svg
    """
    from athena_mcp.bench.machine import describe_machine
    from athena_mcp.bench.scale.conversation import hold_conversation
    from athena_mcp.bench.scale.run import ScalePlan, ScaleReport, Size, database_bytes, folder_bytes
    from athena_mcp.bench.store import PROJECT, postgresql_version, remove_store, server_in, temporary_folder
    from athena_mcp.bench.synthetic.fill import fill, import_file, write_import

    settings_of(flags)
    plan = ScalePlan(up_to, imported, questions, writes)
    with temporary_folder() as folder:
        empty = Settings(data_dir=folder / "import", project=PROJECT)
        machine = describe_machine(run(lambda: postgresql_version(empty)))
        lines = folder / "import.jsonl"
        write_import(lines, plan.grammar, imported)
        loaded = run(lambda: import_file(empty, lines, imported, progress_bar))
        lines.unlink()
        remove_store(empty.data_dir)
        settings = Settings(data_dir=folder / "data", project=PROJECT)
        server = server_in(folder, settings)
        sizes = []
        stored = 0
        for size in plan.sizes():
            filled = run(lambda: fill(settings, plan.grammar, stored, size, progress_bar))  # noqa: B023  run at once
            calls = hold_conversation(server, plan.grammar, size, count=questions, writes=writes, progress=progress_bar)
            stored = size + writes
            on_disk = run(lambda: database_bytes(settings))
            sizes.append(Size(size, filled, calls, on_disk, folder_bytes(settings.data_dir)))
    showing.show(ScaleReport(machine, loaded, tuple(sizes)))
