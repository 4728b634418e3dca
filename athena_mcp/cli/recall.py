"""`athena-mcp recall`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import click

from athena_mcp.cli.launch import Flags
from athena_mcp.cli.options import LAYER, TEXT, common_options, json_option, settings_of
from athena_mcp.cli.output import say, say_json
from athena_mcp.cli.recalled import recalled_text
from athena_mcp.cli.runner import run_with_manager
from athena_mcp.harmless import harmless_value
from athena_mcp.model import DEFAULT_K, GLOBAL_PROJECT, RecallResult

if TYPE_CHECKING:
    from athena_mcp.manager import MemoryManager


@click.command("recall", short_help="Find what is remembered.")
@click.argument("query", nargs=-1, required=True, type=TEXT)
@click.option("-k", "--limit", "k", type=int, default=DEFAULT_K, show_default=True, help="How many memories, 1 to 50.")
@click.option("--layer", "layers", multiple=True, type=LAYER, help="Ask only this layer; may be repeated.")
@click.option("--since", type=TEXT, metavar="DATE", help="Only what happened at or after this ISO date.")
@click.option("--until", type=TEXT, metavar="DATE", help="Only what happened up to this ISO date, its day included.")
@click.option("--tag", "tags", multiple=True, type=TEXT, help="Only memories with this tag; may be repeated.")
@click.option("--file", "files", multiple=True, type=TEXT, help="A file you are working on; weighs, does not filter.")
@click.option("--branch", type=TEXT, help="The branch you are on; makes its tasks due.")
@click.option("--task", type=TEXT, help="What you are working on, in a few words.")
@click.option("--depth", type=int, help="How deep to search, 1 to 3. Default: as deep as the question needs.")
@click.option("--explain", is_flag=True, help="Say why these layers and these memories (in --json).")
@json_option
@common_options
@click.pass_obj
def command(
    flags: Flags,
    query: tuple[str, ...],
    k: int,
    layers: tuple[str, ...],
    since: str | None,
    until: str | None,
    tags: tuple[str, ...],
    files: tuple[str, ...],
    branch: str | None,
    task: str | None,
    depth: int | None,
    explain: bool,
    as_json: bool,
) -> None:
    """Find what is remembered about QUERY, best first, with the tasks that are due.

    Ask in plain words. Each layer says how it did, and an answer that is missing a part says which.

    \b
    Examples:  athena-mcp recall "when did the build last fail?"
               athena-mcp recall how do we cut a release --layer procedural
               athena-mcp recall "what is left to do" --branch main --json
    """
    context: dict[str, Any] = {"files": list(files), "branch": branch, "task": task}
    given: dict[str, Any] = {
        "context": {name: value for name, value in context.items() if value} or None,
        "k": k,
        "cascade_depth": depth,
        "explain_reasoning": explain,
        "layers": layers or None,
        "since": since,
        "until": until,
        "tags": tags,
    }
    text = " ".join(query)
    _check(text, given)

    async def ask(manager: MemoryManager) -> RecallResult:
        return await manager.recall(text, **given)

    result = run_with_manager(settings_of(flags), ask, embedder=True)
    if as_json:
        say_json(harmless_value(result.to_dict()))
    else:
        say(recalled_text(result))


def _check(query: str, given: Mapping[str, Any]) -> None:
    """Refuse what cannot be accepted before a database is started for it. Raises InvalidArgument."""
    from athena_mcp.recall.request import check_request

    check_request(query, project=GLOBAL_PROJECT, **given)
