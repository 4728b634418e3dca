"""`athena-mcp reembed`."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING

import click

from athena_mcp.cli.launch import Flags
from athena_mcp.cli.options import common_options, settings_of
from athena_mcp.cli.output import note, say, visible
from athena_mcp.cli.progress import progress_bar
from athena_mcp.cli.runner import run
from athena_mcp.config import Settings
from athena_mcp.embed.choose import configured_handle
from athena_mcp.errors import EmbedderUnavailable

if TYPE_CHECKING:
    # Brings the driver; the help of all commands costs nothing without it.
    from athena_mcp.search.reembed import Reembedded

_STEPS = 1_000


@click.command("reembed", short_help="Change the embedder of the store.")
@common_options
@click.pass_obj
def command(flags: Flags) -> None:
    """Embed all memories anew with the embedder of these settings, and make it the store's.

    All projects are concerned. Recall goes on with the old vectors until the new ones are complete. Interrupted, it
    goes on where it stopped when it is run again. Servers that run with the old embedder recall by words alone from
    the change on, and say so, until they are restarted with the new settings.

    \b
    Examples:  ATHENA_EMBED_API_KEY=… athena-mcp reembed --embed-url https://api.openai.com/v1 \\
                   --embed-model text-embedding-3-small
               athena-mcp reembed        (back to the embedder that comes along)
    """
    settings = settings_of(flags)
    started = time.monotonic()
    done = run(lambda: _reembed(settings))
    say(
        f"{done.embedded:,} memories embedded with {visible(done.name)} ({done.dimension} dimensions), "
        f"{done.removed:,} old vectors removed, {time.monotonic() - started:.1f} s."
    )
    if done.before is not None:
        note(f"The store had {visible(done.before)} before: restart the servers that run with it.")


async def _reembed(settings: Settings) -> Reembedded:
    from athena_mcp.db.store import open_store
    from athena_mcp.search.reembed import reembed

    handle = configured_handle(settings)
    try:
        embedder = await handle.warm()
        if embedder is None:
            raise EmbedderUnavailable(handle.reason or "There is no embedder.")
        async with open_store(settings) as database:
            with progress_bar("Embedding", _STEPS) as advance:
                return await reembed(database, embedder, _by_share(advance))
    finally:
        await handle.close()


def _by_share(advance: Callable[[int], None]) -> Callable[[int, int], None]:
    """Progress in thousandths: how much there is to do is known only when the work has begun, and grows."""
    shown = 0

    def report(done: int, total: int) -> None:
        nonlocal shown
        now = _STEPS * done // max(1, total)
        advance(max(0, now - shown))
        shown = max(shown, now)

    return report
