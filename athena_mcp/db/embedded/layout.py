"""The files and folders of an embedded PostgreSQL, and the rules for making them.

Everything is in one folder of our own, `postgres`, which only its owner may enter. The data folder around it is used as
it is, and the mode of a folder that is not ours is never changed.
"""

from __future__ import annotations

import errno
import hashlib
import os
import secrets
import stat
from dataclasses import dataclass
from pathlib import Path

from athena_mcp.db.embedded.account import is_root
from athena_mcp.errors import EmbeddedServerError

LOG_LIMIT_BYTES = 1_000_000
"""A longer server log is put aside at the next start; there is one older log at most."""


SERVER_PREFIX = "athena-"
"""What the names begin with that our servers carry in their process titles."""


@dataclass(frozen=True, slots=True)
class Layout:
    """The paths of one data folder."""

    data_dir: Path

    @classmethod
    def of(cls, data_dir: Path) -> Layout:
        """The layout of `data_dir`, by its real path, so that two names of one folder are one server."""
        if "\n" in str(data_dir):
            raise EmbeddedServerError(
                "The data folder's path has a line break in it, which PostgreSQL cannot cope with."
            )
        try:
            return cls(data_dir.resolve())
        except (OSError, RuntimeError) as error:
            raise EmbeddedServerError(f"The data folder {data_dir} cannot be used: it leads in a circle.") from error

    @property
    def home(self) -> Path:
        """Our own folder; everything else is in it."""
        return self.data_dir / "postgres"

    @property
    def cluster(self) -> Path:
        """PostgreSQL's own data folder (PGDATA)."""
        return self.home / "cluster"

    @property
    def pid_file(self) -> Path:
        """Where a running server says which process it is."""
        return self.cluster / "postmaster.pid"

    @property
    def password(self) -> Path:
        """The superuser's random password."""
        return self.home / "password"

    @property
    def settings(self) -> Path:
        """Our settings, which the cluster's own configuration includes; written anew at each start."""
        return self.home / "athena.conf"

    @property
    def lock(self) -> Path:
        """Held by whoever starts or stops the server."""
        return self.home / "lock"

    @property
    def log(self) -> Path:
        """What the server says."""
        return self.home / "server.log"

    @property
    def socket(self) -> Path:
        """The usual folder of the server's socket."""
        return self.home / "socket"

    @property
    def socket_elsewhere(self) -> Path:
        """Names the folder of the server's socket when the usual one cannot hold it."""
        return self.home / "socket-folder"

    @property
    def port(self) -> Path:
        """The server's TCP port, on platforms without sockets in the file system."""
        return self.home / "port"

    def token(self) -> str:
        """A name for this folder, the same from every process, that its server carries in every process title.

        Made from the folder's place on disk and not from its path: it stays when the folder is moved, and a copy, or
        a folder of the same path in a container, has another. Raises OSError when the folder is not there.
        """
        place = self.home.stat()
        return f"{SERVER_PREFIX}{hashlib.sha256(f'{place.st_dev}:{place.st_ino}'.encode()).hexdigest()[:16]}"

    def prepare(self) -> None:
        """Make the folders. Raises EmbeddedServerError when our folder is not ours, OSError when the disk refuses."""
        if not self.data_dir.is_dir():
            _make_private(self.data_dir)
        if not self.home.is_dir():
            _make_private(self.home)
        self.check_owner()
        if os.name == "posix" and stat.S_IMODE(self.home.stat().st_mode) & 0o077:
            self.home.chmod(0o700)

    def check_owner(self) -> None:
        """Raise EmbeddedServerError when our folder or its cluster belongs to somebody else; root may use any."""
        if os.name != "posix" or is_root():
            return
        for folder in (self.home, self.cluster):
            if folder.exists() and folder.stat().st_uid != os.geteuid():
                raise EmbeddedServerError(
                    f"{folder} belongs to another user. Run Athena as that user, or set ATHENA_DATA_DIR to a folder "
                    "of your own."
                )

    def owner_uid(self) -> int:
        """The user number that owns our folder; 0 where there are none."""
        return self.home.stat().st_uid

    def write_private(self, path: Path, content: bytes) -> None:
        """Put `content` at `path`, whole or not at all, readable by our folder's owner only."""
        draft = path.with_name(f"{path.name}.{secrets.token_hex(4)}")
        handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            with os.fdopen(handle, "wb") as file:
                if os.name == "posix":
                    os.fchmod(file.fileno(), 0o600)
                    if is_root():
                        os.fchown(file.fileno(), self.owner_uid(), -1)
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            draft.replace(path)
        except BaseException:  # whatever it is: put in order, then raised again
            draft.unlink(missing_ok=True)
            raise

    def ensure_lock_file(self) -> None:
        """Make the lock file if it is missing. Never replaced: two processes must not lock two files of one name."""
        try:
            handle = os.open(self.lock, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError:
            return
        try:
            if is_root():
                os.fchown(handle, self.owner_uid(), -1)
        finally:
            os.close(handle)

    def rotate_log(self) -> None:
        """Put a log that has grown too long aside; only while no server writes to it."""
        if self.log.exists() and self.log.stat().st_size > LOG_LIMIT_BYTES:
            self.log.replace(self.log.with_name("server.log.1"))


def disk_error(folder: Path, error: OSError) -> EmbeddedServerError:
    """`error`, met while working in `folder`, in words that say what to do."""
    match error.errno:
        case errno.ENOSPC | errno.EDQUOT:
            advice = "There is no space left on its disk; free some"
        case errno.EROFS:
            advice = "Its disk is read-only; make it writable"
        case errno.EACCES | errno.EPERM:
            advice = "This user may not write there; change who owns it"
        case errno.ENOTDIR | errno.EEXIST:
            advice = "A part of its path is a file and not a folder; move that away"
        case _:
            advice = f"The system says: {error.strerror or type(error).__name__}. Repair it"
    return EmbeddedServerError(
        f"The embedded PostgreSQL cannot use the folder {folder}. {advice}, or set ATHENA_DATA_DIR to another folder."
    )


def _make_private(folder: Path) -> None:
    """Make `folder`, and what is missing above it, and let only its owner enter whatever the process's umask says."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if os.name == "posix" and (not is_root() or folder.stat().st_uid == 0):
        folder.chmod(0o700)
