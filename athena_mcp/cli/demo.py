"""`athena-mcp demo`."""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import anyio
import click

from athena_mcp.cli.demo_script import PROJECT, QUESTIONS, Lesson, Question, lessons
from athena_mcp.cli.launch import Flags
from athena_mcp.cli.options import common_options, settings_of
from athena_mcp.cli.output import note, one_line, say, visible
from athena_mcp.cli.runner import run
from athena_mcp.cli.stats import stats_text
from athena_mcp.embed.embedder import WARMING

if TYPE_CHECKING:
    # Brings the SDK, which takes half a second that `--help` should not cost.
    from athena_mcp.server.stdio_client import StdioClient

_CELLS = 100
_STOP_WAIT_S = 10.0
_WARM_S = 10.0
_WARM_POLL_S = 0.1
_SHOWN_SECTIONS = ("recall", "executor", "store")


@click.command("demo", short_help="Show all of it in a few seconds.")
@common_options
@click.pass_obj
def command(flags: Flags) -> None:
    """Show the whole of it in a few seconds: remember in one process, recall in another.

    Starts the real server twice over stdio, as an agent's host would, with an embedded PostgreSQL in a temporary folder
    that is removed at the end. Your own memories are not touched, whatever settings are given.

    \b
    Example:  athena-mcp demo
    """
    settings_of(flags)
    started = time.monotonic()
    folder = Path(tempfile.mkdtemp(prefix="athena-demo-"))
    try:
        run(lambda: _show(folder), database=False)
        say(f"\nThat took {time.monotonic() - started:.1f} s. Yours is one step away: athena-mcp config --help")
    finally:
        _clean_up(folder)


async def _show(folder: Path) -> None:
    from athena_mcp.server.stdio_client import StdioServer, connected

    server = StdioServer(data_dir=folder / "data", log=folder / "server.log", project=PROJECT)
    say("First process: an agent remembers.\n")
    async with connected(server) as client:
        ids: dict[str, int] = {}
        for lesson in lessons(datetime.now(UTC)):
            await _remember(client, lesson, ids)
    say("\nIt is stopped. Second process: another agent asks.\n")
    async with connected(server) as client:
        await _until_warm(client)
        for question in QUESTIONS:
            await _recall(client, question)
        statistics = await client.call("stats")
        say("What `athena-mcp stats` shows, in part\n")
        say(stats_text({name: statistics[name] for name in _SHOWN_SECTIONS if name in statistics}))


async def _until_warm(client: StdioClient) -> None:
    """Wait for the embedder, so that the answers show what an agent sees from its second minute on."""
    with anyio.move_on_after(_WARM_S):
        # Only the server knows when; it has no way to tell a client of it.
        while (await client.call("stats", section="embedder"))["embedder"].get("degraded") == WARMING:  # noqa: ASYNC110
            await anyio.sleep(_WARM_POLL_S)


async def _remember(client: StdioClient, lesson: Lesson, ids: dict[str, int]) -> None:
    arguments = dict(lesson.arguments)
    if lesson.about is not None:
        arguments["about"] = ids[lesson.about]
    receipt = await client.call("remember", **arguments)
    if lesson.name is not None:
        ids[lesson.name] = receipt["id"]
    say(f"  #{receipt['id']:<2} {receipt['layer']:<11} {one_line(str(arguments['content']), _CELLS - 17)}")
    for fact in _receipt_facts(receipt):
        say(f"                  {fact}")


def _receipt_facts(receipt: Mapping[str, Any]) -> list[str]:
    facts: list[str] = []
    if receipt.get("redactions"):
        facts.append("redacted before storing: " + ", ".join(receipt["redactions"]))
    if receipt.get("updated"):
        facts.append("counted: " + ", ".join(f"{name} {value}" for name, value in receipt["updated"].items()))
    return facts


async def _recall(client: StdioClient, question: Question) -> None:
    answer = await client.call("recall", query=question.query, k=3, context=dict(question.context) or None)
    say(f'  "{question.query}"  ({question.shows})')
    if answer.get("nothing_relevant") or not answer["memories"]:
        say("     nothing relevant is remembered")
    shown = () if answer.get("nothing_relevant") else answer["memories"][:2]
    for number, row in enumerate(shown):
        say(f"     #{row['id']:<2} {row['layer']:<11} {_sureness(row)}{one_line(row['content'], _CELLS - 20)}")
        # The best one is shown with what makes it an answer.
        for fact in _facts(row.get("details", {})) if number == 0 else ():
            say(f"                     {one_line(fact, _CELLS - 21)}")
    for row in answer["due"]:
        say(f"     due: {one_line(row['content'], _CELLS - 40)} ({visible(row['because'])})")
    say(f"     {_layers(answer['layers'])}; {answer['elapsed_ms']:.1f} ms")
    if answer["degraded"]:
        say(f"     degraded: {visible('; '.join(answer['degraded']))}")
    say()


def _sureness(row: Mapping[str, Any]) -> str:
    return f"{row['confidence']:.2f} " if "confidence" in row else ""


def _facts(details: Mapping[str, Any]) -> list[str]:
    facts = [" → ".join(details["steps"])] if details.get("steps") else []
    if details.get("successes") or details.get("failures"):
        facts.append(f"successes so far: {details.get('successes', 0)}, failures: {details.get('failures', 0)}")
    facts += [f"{edge['subject']} {edge['relation']} {edge['object']}" for edge in details.get("relations", ())]
    return facts


def _layers(layers: Mapping[str, Mapping[str, Any]]) -> str:
    return " · ".join(
        f"{name} {row['status']}" + ("" if row["status"] == "skipped" else f" {row['elapsed_ms']:.1f}")
        for name, row in layers.items()
    )


def _clean_up(folder: Path) -> None:
    """Remove the folder, once its PostgreSQL is gone: one whose folder is taken away would linger."""
    from athena_mcp.db.embedded import EmbeddedServer
    from athena_mcp.db.embedded.status import server_status

    data_dir = folder / "data"
    deadline = time.monotonic() + _STOP_WAIT_S
    while (status := server_status(data_dir)).running and time.monotonic() < deadline:
        if not status.processes:
            # A server that was killed could not stop it: whoever joins and leaves as the last one does.
            server = EmbeddedServer(data_dir)
            server.start()
            server.stop()
        time.sleep(0.05)
    shutil.rmtree(folder, ignore_errors=True)
    if folder.exists():
        note(f"{folder} could not be removed whole; remove it by hand.")
