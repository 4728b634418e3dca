"""What the tests share: one real PostgreSQL a session, a fresh copy of an empty store a test, one loaded embedder.

The server is the embedded one in a temporary folder, or the one that ATHENA_TEST_DATABASE_URL names.
"""

from __future__ import annotations

import os
import signal
import uuid
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from pathlib import Path
from urllib.parse import quote, urlsplit, urlunsplit

import anyio
import psycopg
import pytest
from psycopg.sql import SQL, Identifier

from athena_mcp.app import App, open_app
from athena_mcp.config import Settings
from athena_mcp.db.embedded import EmbeddedServer, ServerAddress
from athena_mcp.db.migrate import migrate
from athena_mcp.embed.embedder import EmbedderHandle
from athena_mcp.embed.static import DIMENSION, NAME, StaticEmbedder
from athena_mcp.manager import MemoryManager

PROJECT = "owner/project"


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(autouse=True, scope="session")
def signals_are_heeded() -> None:
    """Programs inherit a signal that is ignored, as it is under `nohup` and in a shell's background."""
    for name, usual in (("SIGINT", signal.default_int_handler), ("SIGHUP", signal.SIG_DFL)):
        number = getattr(signal, name, None)  # Windows has no SIGHUP
        if number is not None and signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, usual)


@pytest.fixture(autouse=True)
def clean_environ(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No test may depend on the settings of whoever runs it, nor touch their data."""
    for name in list(os.environ):
        if name.startswith("ATHENA_") and not name.startswith("ATHENA_TEST_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("ATHENA_DATA_DIR", str(tmp_path / "athena-data"))


@pytest.fixture(scope="session")
def admin_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A database that others may be created from."""
    if given := os.environ.get("ATHENA_TEST_DATABASE_URL"):
        yield given
        return
    server = EmbeddedServer(tmp_path_factory.mktemp("server"))
    try:
        yield embedded_url(server.start())
    finally:
        server.stop()


def embedded_url(address: ServerAddress) -> str:
    """The address of an embedded server as a URL."""
    where = f"host={quote(address.host, safe='')}&port={address.port}"
    return f"postgresql://{quote(address.user)}:{quote(address.password)}@/{address.dbname}?{where}"


def other_database(url: str, name: str) -> str:
    """The same server's database of another name."""
    parts = urlsplit(url)
    return urlunsplit(parts._replace(path=f"/{name}"))


@pytest.fixture(scope="session")
def template(admin_url: str) -> Iterator[str]:
    """The name of a database with the schema and nothing in it."""
    name = f"athena_template_{uuid.uuid4().hex[:12]}"
    with psycopg.connect(admin_url, autocommit=True) as admin:
        admin.execute(SQL("CREATE DATABASE {}").format(Identifier(name)))
        try:

            async def apply() -> None:
                async with await psycopg.AsyncConnection.connect(
                    other_database(admin_url, name), autocommit=True
                ) as connection:
                    await migrate(connection)

            anyio.run(apply)
            yield name
        finally:
            admin.execute(SQL("DROP DATABASE {} WITH (FORCE)").format(Identifier(name)))


@pytest.fixture
def database_url(admin_url: str, template: str) -> Iterator[str]:
    """A store of the test's own: the schema, and nothing in it."""
    name = f"athena_test_{uuid.uuid4().hex[:12]}"
    with psycopg.connect(admin_url, autocommit=True) as admin:
        admin.execute(SQL("CREATE DATABASE {} TEMPLATE {}").format(Identifier(name), Identifier(template)))
        try:
            yield other_database(admin_url, name)
        finally:
            admin.execute(SQL("DROP DATABASE {} WITH (FORCE)").format(Identifier(name)))


@pytest.fixture
def settings(database_url: str, tmp_path: Path) -> Settings:
    """A server's settings on the test's own store."""
    return Settings(data_dir=tmp_path / "athena-data", project=PROJECT, database_url=database_url)


@pytest.fixture(scope="session")
def static_embedder() -> StaticEmbedder:
    """The default embedder, loaded once."""
    return StaticEmbedder.load()


@pytest.fixture
async def app(settings: Settings, static_embedder: StaticEmbedder) -> AsyncIterator[App]:
    """The application, up, with its embedder warm."""
    handle = EmbedderHandle(lambda: static_embedder, name=NAME, dimension=DIMENSION)
    async with open_app(settings, embedder=lambda: handle) as running:
        await running.manager()
        await running.warmed()
        yield running


@pytest.fixture
async def manager(app: App) -> MemoryManager:
    """The memory of `app`."""
    return await app.manager()


@pytest.fixture
def other_settings(settings: Settings) -> Settings:
    """A second server on the same store, in another project."""
    return replace(settings, project="owner/other")
