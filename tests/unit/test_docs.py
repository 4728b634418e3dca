"""The documentation names what there is: commands, options, settings, limits, tools, answers, statistics, rooms."""

from __future__ import annotations

import dataclasses
import importlib
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import click
import pytest

from athena_mcp.cli.checks import run_checks
from athena_mcp.cli.hosts import Host
from athena_mcp.cli.options import common_options
from athena_mcp.cli.root import root
from athena_mcp.config import Settings
from athena_mcp.layers.registry import layer_rooms
from athena_mcp.manager import STATS_SECTIONS
from athena_mcp.model import EpisodicKind, Layer, Outcome, Priority, SemanticKind, TaskStatus, TriggerKind
from athena_mcp.recall.request import CONTEXT_KEYS
from athena_mcp.server.resources import MEMORY_TEMPLATE, whole_memory
from athena_mcp.server.results import LayerRow, MemoryRow, RecallAnswer, RememberAnswer
from athena_mcp.server.tools import TOOLS

ROOT = Path(__file__).parents[2]
DOCS = sorted((ROOT / "docs").glob("*.md"))
PAGES = [ROOT / "README.md", ROOT / "CHANGELOG.md", ROOT / "CONTRIBUTING.md", *DOCS]
CONFIGURATION, TOOLS_PAGE, LAYERS_PAGE, OPERATIONS, ARCHITECTURE, BENCHMARKS = (
    (ROOT / "docs" / f"{name}.md").read_text(encoding="utf-8")
    for name in ("configuration", "tools", "layers", "operations", "architecture", "benchmarks")
)
CODE = re.compile(r"`([^`\n]+)`")
METHODS = frozenset({"server/discover"})
"""Of the protocol; they look like paths."""
FOR_TESTS = {"ATHENA_TEST_DATABASE_URL", "ATHENA_TEST_EXAMPLES"}
SETTING = re.compile(r"ATHENA_[A-Z_]*[A-Z]")


def section(page: str, title: str) -> str:
    """The text below a heading, up to the next of its level or above."""
    found = re.search(rf"^(#+) {re.escape(title)}\n(.*?)(?=^#{{1,2}} |^\1 |\Z)", page, re.MULTILINE | re.DOTALL)
    assert found, f"there is no section {title!r}"
    return found[2].strip()


def rows(text: str) -> list[list[str]]:
    """The cells of the tables in a text, without headings."""
    lines = [line for line in text.splitlines() if line.startswith("|")]
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    ruled = [index for index, row in enumerate(cells) if all(re.fullmatch("-+", cell) for cell in row)]
    return [row for index, row in enumerate(cells) if index not in ruled and index + 1 not in ruled]


def names(cell: str) -> set[str]:
    """What is set as code in a cell."""
    return set(CODE.findall(cell))


def first_names(text: str) -> set[str]:
    """What is set as code in the first cells of a text's tables."""
    return {name for row in rows(text) for name in names(row[0])}


def commands(group: click.Group = root) -> dict[str, click.Command]:
    context = click.Context(group)
    return {name: command for name in group.list_commands(context) if (command := group.get_command(context, name))}


def benchmarks() -> dict[str, click.Command]:
    group = commands()["bench"]
    assert isinstance(group, click.Group)
    return commands(group)


def options(command: click.Command) -> set[str]:
    """The spellings of a command's own options."""
    shared = {parameter.name for parameter in common_options(click.Command("none", callback=lambda: None)).params}
    return {
        spelling
        for parameter in command.params
        if isinstance(parameter, click.Option) and parameter.name not in shared
        for spelling in (*parameter.opts, *parameter.secondary_opts)
    }


def test_every_command_has_a_section_and_every_section_is_a_command() -> None:
    told = set(re.findall(r"^### (\S+)$", section(CONFIGURATION, "Commands"), re.MULTILINE))
    assert told == set(commands())


@pytest.mark.parametrize("name", sorted(commands()))
def test_the_options_of_a_command_are_those_of_its_table(name: str) -> None:
    told = {spelling for spelling in first_names(section(CONFIGURATION, name)) if spelling.startswith("-")}
    assert told == options(commands()[name])


def test_every_benchmark_is_told_of_where_commands_are_and_where_benchmarks_are() -> None:
    assert first_names(section(CONFIGURATION, "bench")) == set(benchmarks())
    assert set(re.findall(r"^### (\S+)$", section(BENCHMARKS, "Commands"), re.MULTILINE)) == set(benchmarks())


@pytest.mark.parametrize("name", sorted(benchmarks()))
def test_the_options_of_a_benchmark_are_those_of_its_table(name: str) -> None:
    commands = section(BENCHMARKS, "Commands")
    shared = first_names(commands.split("\n### ")[0])
    assert first_names(section(commands, name)) == options(benchmarks()[name]) - shared
    assert shared <= options(benchmarks()[name])


def test_every_shared_flag_and_variable_is_in_the_table_of_settings() -> None:
    table = rows(section(CONFIGURATION, "Settings").split("\n### ")[0])
    told = {name for row in table for name in names(row[0]) if name.startswith("--")}
    shared = common_options(click.Command("none", callback=lambda: None)).params
    assert told == {spelling for parameter in shared for spelling in parameter.opts}


def test_every_variable_that_is_read_is_told_of_and_no_other_is() -> None:
    read = set(SETTING.findall((ROOT / "athena_mcp" / "config.py").read_text(encoding="utf-8")))
    assert set(SETTING.findall(section(CONFIGURATION, "Settings"))) == read
    for page in PAGES:
        assert set(SETTING.findall(page.read_text(encoding="utf-8"))) <= read | FOR_TESTS, page.name


def test_the_defaults_of_settings_made_from_python_are_right() -> None:
    defaults = {field.name: field.default for field in dataclasses.fields(Settings)}
    table = [row for row in rows(section(CONFIGURATION, "Settings")) if names(row[0]) & set(defaults)]
    assert len(table) == 2
    for row in table:
        assert float(row[1]) == defaults[row[0].strip("`")]


def test_every_limit_is_that_of_the_code() -> None:
    table = rows(section(CONFIGURATION, "Limits"))
    assert len(table) > 10
    for what, limit, place in table:
        module, _, constant = place.strip("`").rpartition(".")
        assert getattr(importlib.import_module(f"athena_mcp.{module}"), constant) == int(limit.replace(",", "")), what


def test_every_limit_of_the_model_is_told() -> None:
    told = {place.strip("`") for *_, place in rows(section(CONFIGURATION, "Limits"))}
    model = importlib.import_module("athena_mcp.model")
    assert {f"model.{name}" for name in vars(model) if name.startswith("MAX_")} <= told


@pytest.mark.parametrize("tool", list(TOOLS))
def test_the_arguments_of_a_tool_are_those_of_its_table(tool: str) -> None:
    table = next(part for part in section(TOOLS_PAGE, tool).split("\n\n") if part.startswith("| argument "))
    assert first_names(table) == set(TOOLS[tool].arguments.model_fields)


def test_every_tool_has_its_hints_told() -> None:
    told = {row[0].strip("`"): [cell == "yes" for cell in row[1:]] for row in rows(TOOLS_PAGE.split("\n## ")[0])}
    assert told == {
        name: [
            tool.annotations.read_only_hint,
            tool.annotations.destructive_hint,
            tool.annotations.idempotent_hint,
            tool.annotations.open_world_hint,
        ]
        for name, tool in TOOLS.items()
    }


def test_the_fields_of_the_answers_are_those_of_their_tables() -> None:
    def answered(tool: str) -> list[list[str]]:
        return rows(next(part for part in section(TOOLS_PAGE, tool).split("\n\n") if part.startswith("| field ")))

    recalled = answered("recall")
    assert {name for row in recalled for name in names(row[0])} == set(RecallAnswer.__annotations__)
    assert {name for row in answered("remember") for name in names(row[0])} == set(RememberAnswer.__annotations__)
    meanings = {row[0].strip("`"): row[1] for row in recalled}
    assert set(MemoryRow.__annotations__) <= names(meanings["memories"]) | names(meanings["due"])
    assert set(LayerRow.__annotations__) <= names(meanings["layers"])


def test_the_context_and_the_resources_are_told_whole() -> None:
    assert set(CONTEXT_KEYS) <= names(next(row[3] for row in rows(TOOLS_PAGE) if row[0] == "`context`"))
    told = {row[0].strip("`"): names(row[1]) for row in rows(section(TOOLS_PAGE, "Resources"))}
    source = Path(importlib.import_module(whole_memory.__module__).__file__ or "").read_text(encoding="utf-8")
    assert set(re.findall(r'row\["(\w+)"\]', source)) <= told[MEMORY_TEMPLATE]


def test_every_detail_of_every_layer_and_every_value_is_told() -> None:
    table = {row[0].strip("`"): row[2] for row in rows(section(LAYERS_PAGE, "The five layers"))}
    assert set(table) == {layer.value for layer in Layer}
    for layer, room in layer_rooms().items():
        assert set(room.fields) <= names(table[layer.value])
    choices = [
        (Layer.EPISODIC, EpisodicKind),
        (Layer.EPISODIC, Outcome),
        (Layer.SEMANTIC, SemanticKind),
        (Layer.PROSPECTIVE, TaskStatus),
        (Layer.PROSPECTIVE, Priority),
        (Layer.PROSPECTIVE, TriggerKind),
    ]
    for layer, values in choices:
        for value in values:
            assert re.search(rf"\b{value.value}\b", table[layer.value]), value


def test_every_section_of_the_statistics_is_told() -> None:
    assert [row[0].strip("`") for row in rows(section(OPERATIONS, "Statistics"))] == list(STATS_SECTIONS)


@pytest.mark.timeout(60)
def test_every_finding_of_doctor_is_told(settings: Settings, tmp_path: Path) -> None:
    told = set(first_names(section(OPERATIONS, "Doctor")))
    embedded = Settings(data_dir=tmp_path / "data", project="owner/project")
    made = {finding.name for each in (settings, embedded) for finding in run_checks(each)}
    assert told == made


def test_every_host_is_told() -> None:
    told = names(section(CONFIGURATION, "config"))
    assert set(get_args(Host)) | {"agents"} <= told
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert all(f"athena-mcp config {host}\n" in readme for host in get_args(Host))


def test_the_table_of_rooms_is_the_package_in_the_order_of_the_import_rules() -> None:
    told = [sorted(names(row[0])) for row in rows(section(ARCHITECTURE, "Rooms"))]
    package = {
        entry.name
        for entry in (ROOT / "athena_mcp").iterdir()
        if entry.name != "__pycache__" and entry.suffix != ".pyc"
    }
    assert {name for row in told for name in row} == package
    pyproject = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    contract = pyproject["tool"]["importlinter"]["contracts"][0]
    ordered = [[room.strip().removeprefix("athena_mcp.") for room in row.split("|")] for row in contract["layers"]]
    free = ["__init__.py", "py.typed"]
    assert [[room.removesuffix(".py") for room in row] for row in told if row[0] not in free] == ordered


def test_every_path_of_the_code_that_a_page_names_exists() -> None:
    known = {"README.md", "pyproject.toml", ".ci/run", "claude_desktop_config.example.json"}
    tops = {"athena_mcp", "tests", "docs", *(entry.name for entry in (ROOT / "athena_mcp").iterdir() if entry.is_dir())}
    for page in PAGES:
        for name in CODE.findall(page.read_text(encoding="utf-8")):
            if name in known:
                assert (ROOT / name).exists(), f"{page.name}: {name}"
            elif name not in METHODS and re.fullmatch(r"[\w./-]+", name) and "/" in name and name.split("/")[0] in tops:
                assert (ROOT / name).exists() or (ROOT / "athena_mcp" / name).exists(), f"{page.name}: {name}"


def anchors(text: str) -> Iterator[str]:
    """The names by which a page's headings can be linked to."""
    for heading in re.findall(r"^#+ (.+)$", text, re.MULTILINE):
        yield re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_inside_the_project_leads_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)]+)\)", page.read_text(encoding="utf-8")):
        if "://" in target:
            continue
        file, _, anchor = target.partition("#")
        linked = (page.parent / file).resolve() if file else page
        assert linked.exists(), target
        if anchor:
            assert anchor in set(anchors(linked.read_text(encoding="utf-8"))), target


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_no_page_names_a_place_that_only_its_writer_had(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    # Folders of one machine, hosts of package registries, and people of one workplace.
    assert not re.search(r"(?:^|[^\w.])/(?:work|farm|root|home/\w+|tmp/\w+)/", text, re.MULTILINE)
    assert not re.search(r"pyp[i]\.org|python[h]osted|registry\.np[m]js|deb\.debia[n]|astral\.s[h]", text)
    assert not re.search(r"\b(?:workplace|builder [A-Z]|the lead|steering|CEO)\b", text, re.IGNORECASE)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_pages_are_readable_as_plain_text(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert text.endswith("\n")
    assert not text.endswith("\n\n")
    assert not re.search(r"[ \t]$", text, re.MULTILINE)
    prose = [line for line in text.splitlines() if not line.startswith(("|", "- ")) and "](" not in line]
    assert max(map(len, prose)) <= 130
