"""`athena-mcp remember`."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import click

from athena_mcp.cli.launch import Flags
from athena_mcp.cli.options import JSON_OBJECT, LAYER, TEXT, common_options, json_option, settings_of
from athena_mcp.cli.output import say, say_json, visible
from athena_mcp.cli.runner import run_with_manager
from athena_mcp.errors import InvalidArgument
from athena_mcp.model import DEFAULT_IMPORTANCE, GLOBAL_PROJECT, MAX_CONTENT_CHARS
from athena_mcp.receipt import Receipt

if TYPE_CHECKING:
    from athena_mcp.manager import MemoryManager

_MAX_INPUT_BYTES = 8 * MAX_CONTENT_CHARS
"""Standard input is read no further: more than this is over-long in any encoding, and the memory will say so."""


@click.command("remember", short_help="Remember something.")
@click.argument("text", nargs=-1, required=True, type=TEXT)
@click.option("--layer", type=LAYER, help="The kind of memory. Default: chosen from the text, and you are told why.")
@click.option("--tag", "tags", multiple=True, type=TEXT, help="A tag; may be repeated.")
@click.option("--importance", type=float, default=DEFAULT_IMPORTANCE, show_default=True, help="From 0 to 1.")
@click.option("--occurred-at", type=TEXT, metavar="DATE", help="When it happened, ISO 8601; without a zone in UTC.")
@click.option("--session", "session_id", type=TEXT, help="The session it belongs to.")
@click.option("--details", type=JSON_OBJECT, metavar="JSON", help="The layer's own fields as a JSON object.")
@click.option(
    "--relation",
    "relations",
    multiple=True,
    nargs=3,
    type=TEXT,
    metavar="SUBJECT RELATION OBJECT",
    help="An edge that this states; may be repeated.",
)
@click.option("--replaces", type=int, metavar="ID", help="The memory that this one puts right.")
@click.option("--about", type=int, metavar="ID", help="The task or procedure that this reports on.")
@click.option("--key", type=TEXT, help="A name of your own for it: the same key again is the same memory.")
@json_option
@common_options
@click.pass_obj
def command(
    flags: Flags,
    text: tuple[str, ...],
    layer: str | None,
    tags: tuple[str, ...],
    importance: float,
    occurred_at: str | None,
    session_id: str | None,
    details: dict[str, Any] | None,
    relations: tuple[tuple[str, str, str], ...],
    replaces: int | None,
    about: int | None,
    key: str | None,
    as_json: bool,
) -> None:
    """Remember TEXT; `-` reads it from standard input.

    Secrets are replaced by markers such as [redacted:aws-key] before anything is stored. Once it says so, it is stored.

    \b
    Examples:  athena-mcp remember "Staging listens on port 8443."
               git log -1 --format=%B | athena-mcp remember - --layer episodic
               athena-mcp remember "rotate the signing key" --details '{"due_at": "2027-01-15"}'
               athena-mcp remember "done, runs as a timer now" --about 31 --details '{"status": "completed"}'
    """
    content = _standard_input() if text == ("-",) else " ".join(text)
    edges = [{"subject": subject, "relation": relation, "object": target} for subject, relation, target in relations]

    given: dict[str, Any] = {
        "layer": layer,
        "tags": tags,
        "importance": importance,
        "occurred_at": occurred_at,
        "session_id": session_id,
        "details": details,
        "relations": edges,
        "replaces": replaces,
        "about": about,
        "key": key,
    }
    _check(content, given)

    async def store(manager: MemoryManager) -> Receipt:
        return await manager.remember(content, **given)

    receipt = run_with_manager(settings_of(flags), store, embedder=True)
    if as_json:
        say_json(receipt.to_dict())
    else:
        say(receipt_text(receipt))


def _check(content: str, given: Mapping[str, Any]) -> None:
    """Refuse what cannot be accepted before a database is started for it. Raises InvalidArgument."""
    from athena_mcp.layers.registry import parse_details
    from athena_mcp.remember.request import check_request

    request = check_request(content, project=GLOBAL_PROJECT, **given)
    # What a report may say hangs on what it is about, and where no layer is named it is chosen from the whole.
    if request.layer is not None and request.about is None:
        parse_details(request.layer, request.details)


def receipt_text(receipt: Receipt) -> str:
    """A receipt in words."""
    project = visible(receipt.project)
    if receipt.status == "duplicate":
        differs = "; the text stored under this key is another one" if receipt.content_differs else ""
        lines = [f"Already remembered as #{receipt.id} ({receipt.layer.value}, {project}){differs}."]
    else:
        reason = f": {visible(receipt.layer_reason)}" if receipt.layer_reason else ""
        lines = [f"Remembered as #{receipt.id} in {project}, layer {receipt.layer.value}{reason}."]
    if receipt.redactions:
        kinds = ", ".join(f"{kind} ({count})" for kind, count in receipt.redactions.items())
        lines.append(f"Redacted: {kinds}.")
    if receipt.supersedes:
        lines.append(f"Replaces {_ids(receipt.supersedes)}.")
    if receipt.updated:
        lines.append(
            "Updated: " + ", ".join(f"{name} {visible(str(value))}" for name, value in receipt.updated.items())
        )
    if receipt.near_duplicates:
        lines.append(f"Close to {_ids(receipt.near_duplicates)}; `--replaces ID` if this is the newer word.")
    if not receipt.vector:
        lines.append("Found by its words for now; its vector follows when the embedder is up.")
    return "\n".join(lines)


def _ids(ids: tuple[int, ...]) -> str:
    return ", ".join(f"#{id_}" for id_ in ids)


def _standard_input() -> str:
    """Standard input as text, whatever the locale, without the line end at its end."""
    raw = sys.stdin.buffer.read(_MAX_INPUT_BYTES)
    try:
        return raw.decode("utf-8-sig").rstrip("\r\n")
    except UnicodeDecodeError as error:
        if len(raw) == _MAX_INPUT_BYTES and error.end >= len(raw) - 3:
            return raw.decode("utf-8-sig", "ignore")
        raise InvalidArgument("content", "standard input is not UTF-8 text") from error
