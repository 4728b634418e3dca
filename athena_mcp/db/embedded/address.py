"""Where an embedded server listens: its address, and the private folder of its socket."""

from __future__ import annotations

import os
import socket
import stat
import sys
import tempfile
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from athena_mcp.db.embedded.layout import Layout
from athena_mcp.errors import EmbeddedServerError

USER = "athena"
DATABASE = "athena"
SOCKET_PORT = 5432
"""Only a part of the socket's file name, since the server listens on no TCP port where sockets have names."""

SOCKET_PATH_BYTES = 103 if sys.platform == "darwin" else 107
"""The longest path of a Unix socket (sun_path in sys/un.h, less its closing zero)."""


@dataclass(frozen=True, slots=True)
class ServerAddress:
    """How to connect to the server. The password does not show in `repr`."""

    host: str
    """The folder of the socket, or 127.0.0.1."""
    port: int
    user: str
    password: str = field(repr=False)
    dbname: str = DATABASE

    @property
    def conninfo(self) -> str:
        """A libpq connection string with the password in it."""
        from psycopg.conninfo import make_conninfo

        return make_conninfo(
            host=self.host,
            port=self.port,
            user=self.user,
            password=self.password,
            dbname=self.dbname,
            # Said outright so that no PG… variable that is meant for another database is asked.
            hostaddr="",
            sslmode="disable",
            gssencmode="disable",
            target_session_attrs="any",
            options="",
        )


def current_address(layout: Layout) -> ServerAddress:
    """Where the server of `layout` listens if it runs. Raises EmbeddedServerError when a file to tell by is missing."""
    try:
        password = layout.password.read_text(encoding="ascii").strip()
    except FileNotFoundError as error:
        raise EmbeddedServerError(
            f"The password file {layout.password} is gone, and without it nobody can connect to the database beside "
            "it. Restore the file from a backup."
        ) from error
    if os.name == "nt":
        port = int(layout.port.read_text(encoding="ascii")) if layout.port.exists() else 0
        return ServerAddress(host="127.0.0.1", port=port, user=USER, password=password)
    return ServerAddress(host=str(_recorded_folder(layout)), port=SOCKET_PORT, user=USER, password=password)


def choose_address(layout: Layout) -> None:
    """Decide where the server, which does not run now, will listen, and record it for every process.

    Raises EmbeddedServerError when no place is fit for a socket.
    """
    if os.name == "nt":
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            layout.write_private(layout.port, str(probe.getsockname()[1]).encode("ascii"))
        return
    layout.socket.mkdir(mode=0o700, exist_ok=True)
    if _fits(layout.socket):
        layout.socket_elsewhere.unlink(missing_ok=True)
        return
    folder = _private_temporary_folder(layout)
    layout.write_private(layout.socket_elsewhere, os.fsencode(folder))


def release_address(layout: Layout) -> None:
    """Leave nothing in the system's temporary folder; for after the server has ended."""
    if os.name == "posix" and (folder := _recorded_folder(layout)) != layout.socket:
        with suppress(OSError):
            folder.rmdir()


def leftover_sockets(layout: Layout) -> list[Path]:
    """The files of the server's socket: what a killed server leaves behind."""
    if os.name == "nt":
        return []
    folder = _recorded_folder(layout)
    return [folder / f".s.PGSQL.{SOCKET_PORT}", folder / f".s.PGSQL.{SOCKET_PORT}.lock"]


def _recorded_folder(layout: Layout) -> Path:
    try:
        folder = Path(os.fsdecode(layout.socket_elsewhere.read_bytes()))
    except FileNotFoundError:
        return layout.socket
    # A copied data folder brings the record of the original along; that server is not ours.
    return folder if folder.name == _temporary_name(layout) else layout.socket


def _fits(folder: Path) -> bool:
    """Whether a socket can be made in `folder`: its path is short enough, and the file system has sockets at all."""
    path = folder / f".s.PGSQL.{SOCKET_PORT}"
    if len(os.fsencode(path)) > SOCKET_PATH_BYTES:
        return False
    probe_path = folder / ".probe"
    probe_path.unlink(missing_ok=True)
    with socket.socket(socket.AF_UNIX) as probe:
        try:
            probe.bind(str(probe_path))
        except OSError:
            return False
        finally:
            probe_path.unlink(missing_ok=True)
    return True


def _temporary_name(layout: Layout) -> str:
    return f"{layout.token()}-{layout.owner_uid()}"


def _private_temporary_folder(layout: Layout) -> Path:
    """A folder of ours below the system's temporary folder, which everybody may write to: so look whose it is."""
    try:
        preferred = [Path(tempfile.gettempdir())]
    except FileNotFoundError:  # TMPDIR leads nowhere and none of the usual folders can be written to
        preferred = []
    uid = layout.owner_uid()
    # Safe in folders that everybody may write to, because owner and mode are checked.
    for parent in dict.fromkeys([*preferred, Path("/tmp"), Path("/var/tmp")]):  # noqa: S108
        folder = parent / _temporary_name(layout)
        try:
            folder.mkdir(mode=0o700, exist_ok=True)
            found = folder.lstat()
            if stat.S_ISDIR(found.st_mode) and found.st_uid == os.geteuid() != uid:
                os.chown(folder, uid, -1)
                found = folder.lstat()
        except OSError:
            continue
        if not stat.S_ISDIR(found.st_mode) or found.st_uid != uid or stat.S_IMODE(found.st_mode) & 0o077:
            raise EmbeddedServerError(
                f"{folder} is wanted for the database's socket, but it is not a private folder of this user. "
                "Remove it, or set ATHENA_DATA_DIR to a folder with a shorter path."
            )
        if _fits(folder):
            return folder
    raise EmbeddedServerError(
        f"The path of {layout.socket} is too long for a socket (at most {SOCKET_PATH_BYTES} bytes), and no temporary "
        "folder can hold one. Set ATHENA_DATA_DIR to a folder with a shorter path."
    )
