"""`--quick` of the benchmarks, and the sizes and steps that follow from their options."""

from __future__ import annotations

import json
from typing import Any

import click
import pytest
from click.testing import CliRunner

from athena_mcp.bench.load.run import LoadPlan
from athena_mcp.bench.scale.run import ScalePlan
from athena_mcp.cli.bench.showing import Showing, report_options


@click.command()
@click.option("--rounds", type=int, default=20)
@click.option("--memories", type=int, default=1000)
@click.option("--limit-queries", type=int)
@report_options(rounds=2, limit_queries=5)
def bench(showing: Showing, **given: Any) -> None:
    click.echo(json.dumps({**given, "as_json": showing.as_json}))


def run(*arguments: str) -> dict[str, Any]:
    done = CliRunner().invoke(bench, arguments)
    assert done.exit_code == 0, done.output
    shown: dict[str, Any] = json.loads(done.output)
    return shown


def test_without_quick_the_defaults_hold() -> None:
    assert run() == {"rounds": 20, "memories": 1000, "limit_queries": None, "as_json": False}


def test_quick_makes_less_of_everything_that_is_not_given() -> None:
    assert run("--quick", "--json") == {"rounds": 2, "memories": 1000, "limit_queries": 5, "as_json": True}
    assert run("--quick", "--rounds", "20")["rounds"] == 20


def test_help_says_how_much_quick_is() -> None:
    assert "--rounds 2 --limit-queries 5" in " ".join(CliRunner().invoke(bench, ["--help"]).output.split())


@pytest.mark.parametrize(
    ("up_to", "sizes"),
    [(100_000, (1_000, 10_000, 100_000)), (30_000, (1_000, 10_000, 30_000)), (1_000, (1_000,)), (7, (7,))],
)
def test_the_store_is_measured_at_every_power_of_ten_and_at_the_end(up_to: int, sizes: tuple[int, ...]) -> None:
    assert ScalePlan(up_to, 1, 1, 1).sizes() == sizes


@pytest.mark.parametrize(("agents", "steps"), [(8, (1, 2, 4, 8)), (6, (1, 2, 4, 6)), (1, (1,))])
def test_agents_double_up_to_all_of_them(agents: int, steps: tuple[int, ...]) -> None:
    assert LoadPlan(agents, 1, 1).steps() == steps
