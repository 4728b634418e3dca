"""Which account PostgreSQL runs as.

An ordinary user's server is the user's own. PostgreSQL refuses to run as root, so for root it runs as an unprivileged
account that keeps just the capabilities it needs to reach its programs and its folder below folders that only root may
enter. That way no folder's mode has to change.
"""

from __future__ import annotations

import os
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

from athena_mcp.errors import EmbeddedServerError

ACCOUNTS = ("postgres", "nobody")
"""Accounts to look for, in this order, when nothing says which one the cluster belongs to."""

_NEEDED = {"chown": 0, "dac_override": 1, "setgid": 6, "setuid": 7}
"""Capabilities root must have to run something as another account (numbers: linux/capability.h)."""

_HANDED_ON = {"dac_override": 1, "dac_read_search": 2}
"""Capabilities that let PostgreSQL pass folders it does not own; containers often withhold the second."""

_SETPCAP = 8
"""The capability to change how capabilities count; without it programs below a folder of root's are out of reach."""


@dataclass(frozen=True, slots=True)
class Account:
    """An unprivileged account, and the command that turns root into it."""

    name: str
    uid: int
    prefix: tuple[str, ...]


def is_root() -> bool:
    """Whether this process may not run PostgreSQL itself."""
    return os.name == "posix" and os.geteuid() == 0


def account_for(*folders: Path) -> Account | None:
    """The account to run PostgreSQL as; None when this process's own will do.

    The owner of the first of `folders` that exists and is not root's, else one of `ACCOUNTS`.
    Raises EmbeddedServerError naming the ways out when root has no means to become it.
    """
    if not is_root():
        return None
    setpriv = shutil.which("setpriv")
    if sys.platform != "linux" or setpriv is None:
        raise _no_way("the program setpriv (package util-linux), which would start it as another account, is missing")
    mine = _capabilities()
    missing = [name for name, bit in _NEEDED.items() if not mine >> bit & 1]
    if missing:
        raise _no_way(f"this root may not start it as another account (missing capabilities: {', '.join(missing)})")
    name, uid, gid = _choose(folders)
    caps = ",".join(f"+{cap}" for cap, bit in _HANDED_ON.items() if mine >> bit & 1)
    # PostgreSQL's programs look for each other with access(2), for which the kernel heeds an account's capabilities
    # only under this setting (access_override_creds in fs/open.c).
    heeded = ("--securebits=+no_setuid_fixup",) if mine >> _SETPCAP & 1 else ()
    return Account(
        name=name,
        uid=uid,
        prefix=(
            setpriv,
            f"--reuid={uid}",
            f"--regid={gid}",
            "--clear-groups",
            f"--inh-caps=-all,{caps}",
            f"--ambient-caps=-all,{caps}",
            *heeded,
            "--no-new-privs",
            "--",
        ),
    )


def _choose(folders: tuple[Path, ...]) -> tuple[str, int, int]:
    import pwd

    for folder in folders:
        try:
            status = folder.stat()
        except FileNotFoundError:
            continue
        if status.st_uid != 0:
            try:
                entry = pwd.getpwuid(status.st_uid)
            except KeyError:  # a volume of another machine: the number will do to start, initdb would say what it lacks
                return str(status.st_uid), status.st_uid, status.st_gid
            return entry.pw_name, entry.pw_uid, entry.pw_gid
    for name in ACCOUNTS:
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return entry.pw_name, entry.pw_uid, entry.pw_gid
    raise _no_way(f"there is no account to run it as (looked for {' and '.join(ACCOUNTS)})")


def _capabilities() -> int:
    """The capabilities, as bits, that this process both has and may hand on."""
    found = {"CapEff": 0, "CapPrm": 0, "CapBnd": 0}
    try:
        lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    except OSError:
        return 0
    for line in lines:
        name, _, value = line.partition(":")
        if name in found:
            found[name] = int(value, 16)
    return found["CapEff"] & found["CapPrm"] & found["CapBnd"]


def _no_way(reason: str) -> EmbeddedServerError:
    return EmbeddedServerError(
        f"PostgreSQL does not run as root, and {reason}. "
        "Run Athena as an ordinary user, or set ATHENA_DATABASE_URL to a PostgreSQL server with pgvector."
    )
