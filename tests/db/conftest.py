"""A store and an application for a whole module, for tests that only read or that keep to a project of their own.

And a pool on the test's own store, for tests of what works below an application.
"""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator, Iterator

import pytest

from athena_mcp.app import App, open_app
from athena_mcp.config import Settings
from athena_mcp.db.pool import Database
from athena_mcp.embed.embedder import EmbedderHandle
from athena_mcp.embed.static import DIMENSION, NAME, StaticEmbedder
from athena_mcp.manager import MemoryManager
from tests.conftest import PROJECT
from tests.db.pools import opened
from tests.db.stores import new_database


@pytest.fixture(scope="module")
def shared_url(admin_url: str, template: str) -> Iterator[str]:
    with new_database(admin_url, template) as url:
        yield url


@pytest.fixture(scope="module")
async def shared_app(
    shared_url: str, static_embedder: StaticEmbedder, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[App]:
    settings = Settings(data_dir=tmp_path_factory.mktemp("data"), project=PROJECT, database_url=shared_url)
    handle = EmbedderHandle(lambda: static_embedder, name=NAME, dimension=DIMENSION)
    async with open_app(settings, embedder=lambda: handle) as running:
        await running.manager()
        await running.warmed()
        yield running


@pytest.fixture(scope="module")
async def shared(shared_app: App) -> MemoryManager:
    """The memory that the module shares."""
    return await shared_app.manager()


@pytest.fixture
def project() -> str:
    """A project that nobody else uses."""
    return f"team/{uuid.uuid4().hex[:8]}"


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    """A pool on the test's own store."""
    async with opened(database_url) as one:
        yield one
