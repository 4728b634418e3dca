"""Which embedder the settings ask for."""

from __future__ import annotations

from functools import partial

from athena_mcp.config import Settings
from athena_mcp.embed.embedder import EmbedderHandle
from athena_mcp.embed.http import HttpEmbedder, embedder_name
from athena_mcp.embed.static import static_handle


def configured_handle(settings: Settings) -> EmbedderHandle:
    """The embedder of `settings`, not yet loaded: the service that they name, else the one that comes along."""
    if settings.embed_url is None or settings.embed_model is None:
        return static_handle()
    load = partial(HttpEmbedder.load, settings.embed_url, settings.embed_model, settings.embed_api_key)
    return EmbedderHandle(load, name=embedder_name(settings.embed_model), may_come=True)
