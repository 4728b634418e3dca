"""What all commands share: the settings as flags, and text arguments that are text."""

from __future__ import annotations

import json
import logging
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from athena_mcp.cli.launch import Flags
from athena_mcp.config import Settings, resolve_settings
from athena_mcp.model import Layer

if TYPE_CHECKING:
    TextBase = click.ParamType[Any]
else:
    # A generic class only in newer versions of click.
    TextBase = click.ParamType

Command = TypeVar("Command", bound=Callable[..., Any])


class Text(TextBase):
    """An argument that must be Unicode text; what the shell passed as other bytes is refused by name."""

    name = "text"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """The text itself."""
        try:
            # What the locale could not decode may be UTF-8 all the same.
            text = os.fsencode(value).decode("utf-8") if _escaped(value) else str(value)
            text.encode("utf-8")
        except UnicodeError:
            self.fail("is not valid UTF-8 text; check the terminal's encoding", param, ctx)
        return text


class JsonObject(Text):
    """An argument that is one JSON object."""

    name = "json"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """The object as a dict."""
        if isinstance(value, dict):
            return value
        try:
            decoded = json.loads(super().convert(value, param, ctx))
        except (ValueError, RecursionError) as error:
            self.fail(f"is not JSON ({error})", param, ctx)
        if not isinstance(decoded, dict):
            self.fail('is not a JSON object such as {"outcome": "success"}', param, ctx)
        return decoded


def _escaped(value: object) -> bool:
    """Whether Python smuggled bytes into `value` that are no text in the locale's encoding."""
    return isinstance(value, str) and any(0xDC80 <= ord(c) <= 0xDCFF for c in value)


TEXT = Text()
JSON_OBJECT = JsonObject()
LAYER = click.Choice([layer.value for layer in Layer])


def _keep(context: click.Context, parameter: click.Parameter, value: str | None) -> None:
    """Note a flag for `settings_of`; one after the command wins over one before it."""
    if value == "":
        # A variable of a script that is not set, most likely: the default would be taken for what was meant.
        raise click.BadParameter("is empty; leave the flag out to have the default", context, parameter)
    if value is not None:
        setattr(context.ensure_object(Flags), str(parameter.name), value)


def common_options(command: Command) -> Command:
    """The flags that every command takes."""
    # The values travel in the context's Flags, so that commands do not repeat as many parameters.
    options = (
        click.option(
            "--project",
            type=TEXT,
            metavar="NAME",
            callback=_keep,
            expose_value=False,
            help="The project to work in. [env: ATHENA_PROJECT; default: the repository you are in]",
        ),
        click.option(
            "--data-dir",
            type=click.Path(file_okay=False),
            callback=_keep,
            expose_value=False,
            help="Where the embedded PostgreSQL lives. [env: ATHENA_DATA_DIR; default: your user data folder]",
        ),
        click.option(
            "--database-url",
            type=TEXT,
            metavar="URL",
            callback=_keep,
            expose_value=False,
            help="A PostgreSQL of your own instead, 15 or newer with pgvector. The variable keeps a password out of "
            "the process list. [env: ATHENA_DATABASE_URL]",
        ),
        click.option(
            "--log-level",
            type=click.Choice(["DEBUG", "INFO", "WARNING", "ERROR"], case_sensitive=False),
            callback=_keep,
            expose_value=False,
            help="What to report on standard error; DEBUG adds tracebacks. [env: ATHENA_LOG_LEVEL; default: WARNING]",
        ),
        click.option(
            "--embed-url",
            type=TEXT,
            metavar="URL",
            callback=_keep,
            expose_value=False,
            help="An OpenAI-compatible embeddings service, such as http://localhost:11434/v1; its key goes into "
            "ATHENA_EMBED_API_KEY. [env: ATHENA_EMBED_URL; default: the embedder that comes along]",
        ),
        click.option(
            "--embed-model",
            type=TEXT,
            metavar="NAME",
            callback=_keep,
            expose_value=False,
            help="The model to embed with there. [env: ATHENA_EMBED_MODEL]",
        ),
        click.option(
            "--language",
            type=TEXT,
            metavar="NAME",
            callback=_keep,
            expose_value=False,
            help="The language whose word forms are recognised; changing it indexes all memories anew. "
            "[env: ATHENA_LANGUAGE; default: the store's, at first english]",
        ),
        click.option(
            "--max-concurrent",
            type=TEXT,
            metavar="N",
            callback=_keep,
            expose_value=False,
            help="The most layers asked at once, of all recalls of a server. [env: ATHENA_MAX_CONCURRENT; default: 5]",
        ),
        click.option(
            "--layer-timeout",
            type=TEXT,
            metavar="SECONDS",
            callback=_keep,
            expose_value=False,
            help="The time of one layer. [env: ATHENA_LAYER_TIMEOUT; default: 10]",
        ),
        click.option(
            "--recall-timeout",
            type=TEXT,
            metavar="SECONDS",
            callback=_keep,
            expose_value=False,
            help="When a recall answers with what has come. [env: ATHENA_RECALL_TIMEOUT; default: 15]",
        ),
        click.option(
            "--parallel",
            type=TEXT,
            metavar="on|off",
            callback=_keep,
            expose_value=False,
            help="Whether layers may be asked side by side. [env: ATHENA_PARALLEL; default: on]",
        ),
        click.option(
            "--learning",
            type=TEXT,
            metavar="on|frozen|off",
            callback=_keep,
            expose_value=False,
            help="Whether a layer's deadline follows what its answers took. [env: ATHENA_LEARNING; default: on]",
        ),
    )
    for option in reversed(options):
        command = option(command)
    return command


def json_option(command: Command) -> Command:
    """The flag of commands whose output programs read."""
    return click.option("--json", "as_json", is_flag=True, help="Print JSON for programs instead of text.")(command)


def settings_of(flags: Flags) -> Settings:
    """The settings of this command; also points logging at standard error."""
    settings = resolve_settings(
        project=flags.project,
        data_dir=Path(flags.data_dir) if flags.data_dir else None,
        database_url=flags.database_url,
        log_level=flags.log_level,
        embed_url=flags.embed_url,
        embed_model=flags.embed_model,
        language=flags.language,
        max_concurrent=flags.max_concurrent,
        layer_timeout=flags.layer_timeout,
        recall_timeout=flags.recall_timeout,
        parallel=flags.parallel,
        learning=flags.learning,
    )
    logging.basicConfig(
        level=settings.log_level, stream=sys.stderr, format="%(levelname)s %(name)s: %(message)s", force=True
    )
    return settings
