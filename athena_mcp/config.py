"""Settings, resolved once: flag, else environment, else default. The only module that reads the environment."""

from __future__ import annotations

import configparser
import hashlib
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, cast, get_args
from urllib.parse import urlsplit

from athena_mcp.errors import ConfigurationError
from athena_mcp.model import MAX_NAME_CHARS

LogLevel = Literal["DEBUG", "INFO", "WARNING", "ERROR"]
LearningMode = Literal["on", "frozen", "off"]

DEFAULT_PROJECT = "default"
_STRAY_PERCENT = re.compile("%(?![0-9A-Fa-f]{2})")
MAX_MODEL_CHARS = 180
"""Leaves room for what the store adds to the name of an embedder."""
MAX_CONCURRENT = 100
SPARE_CONNECTIONS = 3
"""Beside those of the layers: a writer, and two recalls that lay their ground or read their hits."""
MAX_TIMEOUT_S = 3600
MAX_LIMIT = 1_000_000_000
MAX_LANGUAGE_CHARS = 63
"""The longest name that PostgreSQL gives anything."""

_SWITCH = {"on": True, "true": True, "yes": True, "1": True, "off": False, "false": False, "no": False, "0": False}


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything that can be set. Secrets do not show in `repr`."""

    data_dir: Path
    """Where the embedded PostgreSQL lives; used only when `database_url` is None."""
    project: str
    """The project of calls that name none."""
    database_url: str | None = field(default=None, repr=False)
    """Any PostgreSQL >= 15 with pgvector; None means the embedded one."""
    log_level: LogLevel = "WARNING"
    database_wait_s: float = 30.0
    """How long a call waits for a database that is still coming up."""
    max_concurrent: int = 5
    """The most layers that are asked at once, of all recalls of the process together."""
    layer_timeout_s: float = 10.0
    """The deadline of one layer in a recall."""
    recall_timeout_s: float = 15.0
    """When a recall answers with what its layers have brought by then."""
    parallel: bool = True
    """Whether layers may be asked side by side at all."""
    learning: LearningMode = "on"
    """Whether a layer's deadline follows what its answers took."""
    max_connections: int = 8
    """The most connections of one process: five layers, and `SPARE_CONNECTIONS`."""
    embed_url: str | None = None
    """The base URL of an OpenAI-compatible embeddings service; None means the embedder that comes along."""
    embed_model: str | None = None
    """The service's name of the model; there whenever `embed_url` is."""
    embed_api_key: str | None = field(default=None, repr=False)
    """Sent to the service as a bearer token, if there is one."""
    language: str | None = None
    """The text search configuration to index with; None leaves the store's."""
    read_only: bool = False
    """Recall and statistics only: nothing is written, and the database would not let it be."""
    max_memories: int = 1_000_000
    """The most live memories of a project."""
    max_writes_per_minute: int = 30_000
    """The most memories that one process stores in one project in a minute; imports do not count."""

    @property
    def embedded(self) -> bool:
        """Whether the database is our own."""
        return self.database_url is None


def resolve_settings(
    environ: Mapping[str, str] | None = None,
    *,
    cwd: Path | None = None,
    database_url: str | None = None,
    data_dir: Path | None = None,
    project: str | None = None,
    log_level: str | None = None,
    embed_url: str | None = None,
    embed_model: str | None = None,
    language: str | None = None,
    max_concurrent: str | None = None,
    layer_timeout: str | None = None,
    recall_timeout: str | None = None,
    parallel: str | None = None,
    learning: str | None = None,
) -> Settings:
    """The settings of this process; named arguments are the command line's flags and win over `environ`.

    Raises ConfigurationError naming the variable that cannot work.
    """
    environ = os.environ if environ is None else environ
    url = database_url or environ.get("ATHENA_DATABASE_URL") or None
    if url is not None:
        check_database_url(url)
    folder = data_dir or (Path(given) if (given := environ.get("ATHENA_DATA_DIR")) else None)
    level = (log_level or environ.get("ATHENA_LOG_LEVEL") or "WARNING").upper()
    if level not in get_args(LogLevel):
        raise ConfigurationError(f"ATHENA_LOG_LEVEL is {level!r}; use one of {', '.join(get_args(LogLevel))}.")
    name = project or environ.get("ATHENA_PROJECT") or None
    if name is not None:
        name = name.strip()
        if not 0 < len(name) <= MAX_NAME_CHARS or not name.isprintable():
            raise ConfigurationError(f"ATHENA_PROJECT must be 1 to {MAX_NAME_CHARS} printable characters.")
    service = embed_url or environ.get("ATHENA_EMBED_URL") or None
    model = embed_model or environ.get("ATHENA_EMBED_MODEL") or None
    api_key = environ.get("ATHENA_EMBED_API_KEY") or None
    check_embed_settings(service, model, api_key)
    tongue = language or environ.get("ATHENA_LANGUAGE") or None
    if tongue is not None and (not tongue.isprintable() or len(tongue.strip()) not in range(1, MAX_LANGUAGE_CHARS + 1)):
        raise ConfigurationError("ATHENA_LANGUAGE must be the name of a text search configuration, such as english.")
    at_once = _whole_number("ATHENA_MAX_CONCURRENT", max_concurrent, environ, 5, MAX_CONCURRENT)
    return Settings(
        data_dir=(folder or default_data_dir()).expanduser().absolute(),
        project=name or detect_project(cwd or Path.cwd()),
        database_url=url,
        log_level=cast("LogLevel", level),
        embed_url=service,
        embed_model=model.strip() if model and service else None,
        embed_api_key=api_key if service else None,
        language=tongue.strip() if tongue else None,
        max_concurrent=at_once,
        max_connections=max(8, at_once + SPARE_CONNECTIONS),
        layer_timeout_s=_seconds("ATHENA_LAYER_TIMEOUT", layer_timeout, environ, 10.0),
        recall_timeout_s=_seconds("ATHENA_RECALL_TIMEOUT", recall_timeout, environ, 15.0),
        parallel=_switch("ATHENA_PARALLEL", parallel, environ, True),
        learning=_learning_mode(learning or environ.get("ATHENA_LEARNING") or "on"),
        read_only=_switch("ATHENA_READ_ONLY", None, environ, False),
        max_memories=_whole_number("ATHENA_MAX_MEMORIES", None, environ, 1_000_000, MAX_LIMIT),
        max_writes_per_minute=_whole_number("ATHENA_MAX_WRITES_PER_MINUTE", None, environ, 30_000, MAX_LIMIT),
    )


def _learning_mode(given: str) -> LearningMode:
    mode = given.strip().lower()
    if mode not in get_args(LearningMode):
        raise ConfigurationError(f"ATHENA_LEARNING must be one of {', '.join(get_args(LearningMode))}.")
    return cast("LearningMode", mode)


def _whole_number(name: str, flag: str | None, environ: Mapping[str, str], default: int, most: int) -> int:
    given = (flag or environ.get(name) or str(default)).strip()
    if not (given.isascii() and given.isdigit() and len(given) <= len(str(most))) or not 1 <= int(given) <= most:
        raise ConfigurationError(f"{name} must be a whole number from 1 to {most}.")
    return int(given)


def _seconds(name: str, flag: str | None, environ: Mapping[str, str], default: float) -> float:
    given = flag or environ.get(name) or str(default)
    try:
        seconds = float(given)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds <= MAX_TIMEOUT_S:
        raise ConfigurationError(f"{name} must be a number of seconds above 0, at most {MAX_TIMEOUT_S}.")
    return seconds


def _switch(name: str, flag: str | None, environ: Mapping[str, str], default: bool) -> bool:
    given = (flag or environ.get(name) or ("on" if default else "off")).strip().lower()
    if given not in _SWITCH:
        raise ConfigurationError(f"{name} must be on or off.")
    return _SWITCH[given]


def default_data_dir() -> Path:
    """The platform's folder for a user's data."""
    # Imported here because a server with ATHENA_DATA_DIR set has no use for it, and start-up is measured.
    import platformdirs

    return Path(platformdirs.user_data_dir("athena-mcp", appauthor=False))


def check_database_url(url: str) -> None:
    """Refuse what psycopg would misread, without ever repeating the URL, which may hold a password.

    A password with a `/` or an `@` as it is would end up as a host or a port, and so in an error.
    """
    try:
        parts = urlsplit(url)
    except ValueError:
        parts = urlsplit("")
    if parts.scheme not in ("postgresql", "postgres"):
        raise ConfigurationError("ATHENA_DATABASE_URL must start with postgresql:// or postgres://.")
    user, _, hosts = parts.netloc.rpartition("@")
    ports = [host.rpartition("]")[2].partition(":")[2] for host in hosts.split(",")]
    misread = (
        "@" in user
        or "@" in parts.path
        or bool(parts.fragment)
        or not all(port == "" or (port.isascii() and port.isdigit()) for port in ports)
        or not all("=" in pair for pair in parts.query.split("&") if pair)
        or _STRAY_PERCENT.search(url) is not None
    )
    if misread:
        raise ConfigurationError(
            "ATHENA_DATABASE_URL cannot be read. In a user's name or password, write / as %2F, # as %23, ? as %3F, "
            "@ as %40, : as %3A and % as %25."
        )


def check_embed_settings(url: str | None, model: str | None, api_key: str | None) -> None:
    """Refuse an embeddings service that could never answer, without repeating what may hold a secret.

    A model or a key without a URL means nothing and is let pass: other programs' settings may leave one behind.
    """
    if url is None:
        return
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        parts, host = urlsplit(""), None
    if parts.scheme not in ("http", "https") or not host or not url.isprintable() or " " in url:
        raise ConfigurationError(
            "ATHENA_EMBED_URL must be a URL such as https://api.openai.com/v1 or http://localhost:11434/v1."
        )
    if "@" in parts.netloc:
        raise ConfigurationError("ATHENA_EMBED_URL must not hold a user or password; use ATHENA_EMBED_API_KEY.")
    if model is None or not 0 < len(model.strip()) <= MAX_MODEL_CHARS or not model.isprintable():
        raise ConfigurationError(
            f"ATHENA_EMBED_URL needs ATHENA_EMBED_MODEL, a model's name (up to {MAX_MODEL_CHARS} characters)."
        )
    if api_key is not None and not (api_key.isascii() and api_key.isprintable() and " " not in api_key):
        raise ConfigurationError("ATHENA_EMBED_API_KEY has characters that no key has, such as a space or a line end.")


def detect_project(cwd: Path) -> str:
    """The project that a process started in `cwd` works on.

    The origin repository as `owner/name`, else the name of the git root or of `cwd` with a short hash of its path
    (two folders named `app` are two projects), else, at `/` or in the home folder, `default`.
    """
    cwd = cwd.absolute()
    root = next((folder for folder in (cwd, *cwd.parents) if (folder / ".git").exists()), None)
    if root is not None and (origin := _origin_of(root)):
        return origin
    folder = root or cwd
    if folder == Path(folder.anchor) or folder == _home():
        return DEFAULT_PROJECT
    digest = hashlib.sha256(str(folder).encode("utf-8", "surrogateescape")).hexdigest()[:8]
    name = "".join(c for c in folder.name if c.isprintable())[: MAX_NAME_CHARS - 9] or "project"
    return f"{name}-{digest}"


def _home() -> Path | None:
    try:
        return Path.home()
    except RuntimeError:  # no home folder is set and the account has none
        return None


def _origin_of(root: Path) -> str | None:
    """`owner/name` of the remote called origin, read from the repository's configuration without running git."""
    parser = configparser.ConfigParser(strict=False, interpolation=None, allow_no_value=True)
    try:
        parser.read(_git_dir(root) / "config", encoding="utf-8")
        url = parser.get('remote "origin"', "url", fallback=None)
    except (OSError, configparser.Error, UnicodeDecodeError):
        return None
    if not url:
        return None
    # scheme://host/owner/name.git, or the short form host:owner/name.git
    path = urlsplit(url).path if "://" in url else url.rpartition(":")[2]
    # Azure DevOps puts a word of its own between them: org/project/_git/name
    parts = [part for part in path.removesuffix("/").removesuffix(".git").split("/") if part not in ("", "_git")]
    name = "/".join(parts[-2:])
    return name if len(parts) >= 2 and name.isprintable() and len(name) <= MAX_NAME_CHARS else None


def _git_dir(root: Path) -> Path:
    """The folder with the repository's configuration; in a worktree or submodule `.git` is a file that points to it."""
    git = root / ".git"
    if git.is_dir():
        return git
    target = root / git.read_text(encoding="utf-8").partition("gitdir:")[2].strip()
    common = target / "commondir"
    return (target / common.read_text(encoding="utf-8").strip()) if common.exists() else target
