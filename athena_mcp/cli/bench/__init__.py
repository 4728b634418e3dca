"""`athena-mcp bench`: the measurements, for anyone to repeat. One file a benchmark."""

from __future__ import annotations

import click

from athena_mcp.cli.bench import agents, calibration, crash, devlog, fuzz, latency, learning, load, quality, scale, soak
from athena_mcp.cli.options import common_options


@click.group("bench", short_help="Measure recall, latency and scale.")
@common_options
def command() -> None:
    """Measure Athena on this machine: how well it recalls, how fast it answers, what it costs.

    Each benchmark works in a temporary store with a PostgreSQL of its own that is removed at the end, and says what
    machine it ran on. `quality`, `devlog` and `calibration` use another store when --data-dir or --database-url names
    one; what they put there they forget.

    Each prints tables, or with --json one JSON object and nothing else. --quick is for a first look.

    \b
    Examples:  athena-mcp bench devlog .
               athena-mcp bench quality case.json --json > result.json
               athena-mcp bench scale --up-to 10000 --plot scale.svg
               athena-mcp bench latency --quick
    """


for _module in (latency, learning, scale, load, soak, quality, devlog, calibration, fuzz, crash, agents):
    command.add_command(_module.command)
