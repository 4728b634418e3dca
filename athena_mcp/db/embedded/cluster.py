"""Making a cluster (PostgreSQL's data folder), and the settings it runs with."""

from __future__ import annotations

import os
import secrets
import shutil
import threading

from athena_mcp.db.embedded.address import USER, ServerAddress
from athena_mcp.db.embedded.binaries import Binaries
from athena_mcp.db.embedded.command import Programs
from athena_mcp.db.embedded.layout import Layout
from athena_mcp.errors import EmbeddedServerError

INITDB_TIMEOUT_S = 120.0
"""It takes half a second; a cold, slow disk may take a hundred times that."""
NEEDED_BYTES = 150_000_000
"""A new cluster takes 40 MB, and PostgreSQL keeps some log segments of 16 MB beside it."""


def cluster_major(layout: Layout) -> int | None:
    """The PostgreSQL version that made the cluster; None when there is no cluster yet.

    Raises EmbeddedServerError when there is something in its place that is not a cluster.
    """
    try:
        return int((layout.cluster / "PG_VERSION").read_text(encoding="ascii").split(".")[0])
    except FileNotFoundError as error:
        if layout.cluster.exists() and any(layout.cluster.iterdir()):
            raise EmbeddedServerError(
                f"{layout.cluster} is not a whole PostgreSQL data folder. Restore it from a backup, "
                "or move it away to begin with an empty memory."
            ) from error
        return None
    except ValueError as error:
        raise EmbeddedServerError(
            f"{layout.cluster / 'PG_VERSION'} is damaged. Restore the folder from a backup."
        ) from error


def check_version(layout: Layout, found: int, binaries: Binaries) -> None:
    """Raise EmbeddedServerError when `binaries` cannot run a cluster of version `found`."""
    if found != binaries.major:
        raise EmbeddedServerError(
            f"The memory in {layout.home} was written by PostgreSQL {found}, and this Athena brings "
            f"PostgreSQL {binaries.major}. Nothing was changed. Run `athena-mcp backup` (or `athena-mcp export`, where "
            f"there is no backup) with the release of Athena that wrote it, move {layout.home} away, and run "
            "`athena-mcp restore` (or `import`) with this one."
        )


def create_cluster(layout: Layout, programs: Programs, give_up: threading.Event | None = None) -> None:
    """Make the cluster, whole or not at all (also when `give_up` is set): it is made aside and then renamed.

    The locale is PostgreSQL's own, so that text compares and folds alike on every machine. Raises EmbeddedServerError.
    """
    for draft in layout.home.glob("new-cluster-*"):
        # Of a process that was killed. Its initdb may still be writing; what is left then, the next one removes.
        shutil.rmtree(draft, ignore_errors=True)
    if shutil.disk_usage(layout.home).free < NEEDED_BYTES:
        raise EmbeddedServerError(
            f"The disk of {layout.home} has less than {NEEDED_BYTES // 1_000_000} MB left, too little for a database. "
            "Free some, or set ATHENA_DATA_DIR to another folder."
        )
    if not layout.password.exists():
        layout.write_private(layout.password, secrets.token_urlsafe(32).encode("ascii"))
    draft = layout.home / f"new-cluster-{secrets.token_hex(4)}"
    try:
        result = programs.run(
            "initdb",
            f"--username={USER}",
            f"--pwfile={layout.password}",
            "--auth=scram-sha-256",
            "--encoding=UTF8",
            "--locale=C",
            "--locale-provider=builtin",
            "--builtin-locale=C.UTF-8",
            "--data-checksums",
            "--no-instructions",
            cluster=draft,
            timeout_s=INITDB_TIMEOUT_S,
            give_up=give_up,
        )
        if result.code != 0:
            raise EmbeddedServerError(
                f"PostgreSQL could not make its data folder in {layout.home}: {result.reason}. "
                "Repair that, or set ATHENA_DATA_DIR to another folder."
            )
        _include_settings(layout, draft / "postgresql.conf")
        if layout.cluster.exists():
            layout.cluster.rmdir()
        draft.rename(layout.cluster)
    except BaseException:  # whatever it is: put in order, then raised again
        shutil.rmtree(draft, ignore_errors=True)
        raise


def _include_settings(layout: Layout, configuration: os.PathLike[str]) -> None:
    # Not through a link: as root we write here into a folder of an account that is not root.
    handle = os.open(configuration, os.O_WRONLY | os.O_APPEND | getattr(os, "O_NOFOLLOW", 0))
    with os.fdopen(handle, "a", encoding="ascii") as file:
        file.write(f"\ninclude_if_exists = '../{layout.settings.name}'\n")
        file.flush()
        os.fsync(file.fileno())


def write_settings(layout: Layout, address: ServerAddress, binaries: Binaries) -> None:
    """Write the settings for the next start, so that those of a new release reach an old cluster."""
    settings: dict[str, str | int] = {
        "cluster_name": layout.token(),
        # Reached by its owner only.
        "port": address.port,
        "listen_addresses": address.host if os.name == "nt" else "",
        "ssl": "off",
        "max_connections": 100,
        # Sized for a laptop: no helper processes that one user never needs, and a cache that holds 100,000 memories
        # with their indexes. It takes no more than has been read; with 64 MB, half the pages of such a store were
        # copied from the system's cache at every recall, which took 1.3 times as long.
        "shared_buffers": "256MB",
        "jit": "off",
        "wal_level": "minimal",
        "max_wal_senders": 0,
        "max_logical_replication_workers": 0,
        "max_wal_size": "256MB",
        "min_wal_size": "32MB",
        # What was acknowledged stays, whatever happens to the power.
        "fsync": "on",
        "synchronous_commit": "on",
        "full_page_writes": "on",
        "autovacuum": "on",
        "TimeZone": "UTC",
        "log_timezone": "UTC",
        "lc_messages": "C",
        # The log tells of the server's life and never of what is in it. Even the text of an error may quote a value, so
        # errors of statements are not logged at all ('log' ranks above 'error' here), and reports on the server's own
        # troubles leave out the details, where PostgreSQL names the statement that was running.
        "logging_collector": "off",
        "log_destination": "stderr",
        "log_line_prefix": "%m [%p] ",
        "log_min_messages": "log",
        "log_min_error_statement": "panic",
        "log_error_verbosity": "terse",
        "log_statement": "none",
        "log_duration": "off",
        "log_min_duration_statement": -1,
        "log_min_duration_sample": -1,
        "log_transaction_sample_rate": 0,
        "log_parameter_max_length": 0,
        "log_parameter_max_length_on_error": 0,
        "log_connections": "off",
        "log_disconnections": "off",
        "log_checkpoints": "off",
        "log_autovacuum_min_duration": -1,
        "log_temp_files": -1,
        "log_lock_waits": "off",
    }
    if binaries.major >= 18:
        settings["io_method"] = "sync"
    if os.name == "posix":
        settings |= {
            "unix_socket_directories": '"{}"'.format(address.host.replace('"', '""')),
            "unix_socket_permissions": "0700",
            # /dev/shm has 64 MB in a container, too little to build a vector index in, and a logout may empty it.
            "dynamic_shared_memory_type": "mmap",
            # The statement of a process that was killed ends soon after it.
            "client_connection_check_interval": "2s",
        }
    lines = [f"{name} = '{_quoted(str(value))}'\n" for name, value in settings.items()]
    content = "# Written by Athena at each start; changes made here are lost.\n" + "".join(lines)
    layout.write_private(layout.settings, os.fsencode(content))


def _quoted(value: str) -> str:
    """`value` as it must be written between single quotes in PostgreSQL's configuration."""
    return value.replace("\\", "\\\\").replace("'", "''").replace("\n", "\\n")
