"""A repository's commits, streamed from `git log`: no shell, no limits on odd bytes, one pass."""

from __future__ import annotations

import os
import re
import secrets
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import IO

from athena_mcp.errors import TransferError

_CHUNK_BYTES = 64 * 1024
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_BARE_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
_LIKE_A_DATE = re.compile(r"\d{4}-\d")

NOW_S = 5.0
"""A date within so many seconds of the present is one that git took for it."""


@dataclass(frozen=True, slots=True)
class GitRange:
    """Which commits: those of `branch` (None: what is checked out), newest `max_count`, younger than `since`."""

    branch: str | None = None
    since: str | None = None
    max_count: int | None = None
    merges: bool = False


@dataclass(frozen=True, slots=True)
class Commit:
    """One commit. `authored_at` is None when its date is none; `files` are paths from the repository's root."""

    sha: str
    authored_at: datetime | None
    author: str
    message: str
    files: tuple[str, ...]


class GitRepository:
    """A repository on this machine. Raises TransferError when git is missing or the folder is no repository."""

    def __init__(self, path: Path) -> None:
        git = shutil.which("git")
        if git is None:
            raise TransferError("git is not installed, or not on PATH; importing a history needs it.")
        if not path.is_dir():
            raise TransferError(f"{path} is not a folder.")
        self._path = path
        # `--no-pager` and the rest keep a user's settings from changing what is printed or from starting programs.
        settings = ("log.showSignature=false", "log.showRoot=true", "diff.relative=false", "core.fsmonitor=false")
        self._git = [git, "--no-pager", *(part for one in settings for part in ("-c", one)), "-C", str(path)]
        self.root = Path(self._ask("rev-parse", "--absolute-git-dir"))

    def count(self, commits: GitRange) -> int:
        """How many commits `commits` will give. Raises TransferError, also for a date that git cannot read."""
        self._check_since(commits)
        return int(self._ask("rev-list", "--count", *_selection(commits), *self._revision(commits)))

    @contextmanager
    def commits(self, commits: GitRange, *, max_files: int) -> Iterator[Iterator[Commit]]:
        """The commits, oldest first, each with at most `max_files` files; git is ended with the block."""
        # A separator nobody can have written into a message or a file name.
        marker = secrets.token_hex(16)
        command = [
            *self._git,
            "log",
            "-z",
            "--reverse",
            "--no-color",
            "--no-renames",
            "--name-only",
            *(["--diff-merges=first-parent"] if commits.merges else []),
            "--encoding=UTF-8",
            f"--format=%x00{marker}%x00%H%x00%at%x00%an%x00%B%x00",
            *_selection(commits),
            *self._revision(commits),
            "--",
        ]
        # Errors go to a file: a full pipe that nobody reads would stop git.
        with tempfile.TemporaryFile() as complaints:
            process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=complaints, env=_environment()
            )
            assert process.stdout is not None
            try:
                yield self._parsed(process, process.stdout, complaints, marker, max_files)
            finally:
                process.kill()
                process.wait()
                process.stdout.close()

    def _parsed(
        self, process: subprocess.Popen[bytes], stdout: IO[bytes], complaints: IO[bytes], marker: str, max_files: int
    ) -> Iterator[Commit]:
        yield from parse_log(stdout, marker, max_files)
        if process.wait() != 0:
            complaints.seek(0)
            raise TransferError(f"git log failed in {self._path}: {_last_line(complaints.read())}")

    def _check_since(self, commits: GitRange) -> None:
        """See that git can read the date: what it cannot it takes for the present moment, and a day that is none for
        another."""
        since = (commits.since or "").strip()
        if not since or since.lower() in ("now", "today"):
            return
        if _LIKE_A_DATE.match(since):
            readable = _is_date(since)
        else:
            read_s = int(self._ask("rev-parse", *_since(since)).partition("=")[2])
            readable = abs(read_s - time.time()) > NOW_S
        if not readable:
            raise TransferError(
                f"git cannot read the date {commits.since!r} of --since; write it as 2025-01-31, or as 2 weeks ago."
            )

    def _revision(self, commits: GitRange) -> list[str]:
        """The commit to start from, by its id, so that no name can be taken for an option."""
        name = commits.branch or "HEAD"
        try:
            return [self._ask("rev-parse", "--verify", "--end-of-options", f"{name}^{{commit}}")]
        except TransferError as error:
            problem = f"has no branch or commit {name!r}" if commits.branch else "has no commits yet"
            raise TransferError(f"The repository {self._path} {problem}.") from error

    def _ask(self, *arguments: str) -> str:
        """What a short git command prints."""
        try:
            done = subprocess.run(
                [*self._git, *arguments], stdin=subprocess.DEVNULL, capture_output=True, check=False, env=_environment()
            )
        except (OSError, ValueError) as error:
            raise TransferError(f"git could not be run in {self._path}: {error}.") from error
        if done.returncode != 0:
            raise TransferError(f"git cannot read {self._path}: {_last_line(done.stderr)}")
        return os.fsdecode(done.stdout.rstrip(b"\r\n"))


def parse_log(stream: IO[bytes], marker: str, max_files: int) -> Iterator[Commit]:
    """The commits in the output of the `git log` that `GitRepository.commits` runs."""
    tokens = _tokens(stream)
    start = marker.encode()
    token = next(tokens, None)
    while token is not None:
        if token != start:
            token = next(tokens, None)
            continue
        sha, seconds, author, message = (next(tokens, b"") for _ in range(4))
        files: list[str] = []
        for token in tokens:
            if token == start:
                break
            # git puts a line end between the message and the first file.
            name = token.removeprefix(b"\n") if not files else token
            if name and len(files) < max_files:
                files.append(_decoded(name))
        else:
            token = None
        yield Commit(
            sha=sha.decode("ascii", "replace"),
            authored_at=_moment(seconds),
            author=_decoded(author),
            message=_decoded(message),
            files=tuple(files),
        )


def _tokens(stream: IO[bytes]) -> Iterator[bytes]:
    """The NUL-separated parts of a stream."""
    parts: list[bytes] = []
    while chunk := stream.read(_CHUNK_BYTES):
        first, *more = chunk.split(b"\0")
        parts.append(first)
        for part in more:
            yield b"".join(parts)
            parts = [part]
    yield b"".join(parts)


def _decoded(raw: bytes) -> str:
    """Text, whatever it was written in: git re-encodes what declares its encoding, the rest shows as U+FFFD."""
    return raw.decode("utf-8", "replace")


def _moment(seconds: bytes) -> datetime | None:
    try:
        return _EPOCH + timedelta(seconds=int(seconds))
    except (ValueError, OverflowError):
        return None


def _selection(commits: GitRange) -> list[str]:
    chosen = [] if commits.merges else ["--no-merges"]
    if commits.since:
        chosen += _since(commits.since)
    if commits.max_count is not None:
        chosen.append(f"--max-count={commits.max_count}")
    return chosen


def _is_date(text: str) -> bool:
    try:
        datetime.fromisoformat(text)
    except ValueError:
        return False
    return True


def _since(given: str) -> list[str]:
    # git reads a bare date as that day at the present time of day.
    since = given.strip()
    return [f"--since={since}T00:00:00" if _BARE_DATE.fullmatch(since) else f"--since={since}"]


def _last_line(raw: bytes) -> str:
    lines = raw.decode("utf-8", "replace").strip().splitlines()
    return lines[-1].removeprefix("fatal: ") if lines else "git gave no reason."


def _environment() -> dict[str, str]:
    """This process's environment, handed on to git without what would point it at another repository (as in a hook)."""
    dropped = ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_COMMON_DIR", "GIT_OBJECT_DIRECTORY", "GIT_PREFIX")
    kept = {name: value for name, value in os.environ.items() if name not in dropped}
    # Messages in one language; never a question that nobody can answer.
    return {**kept, "LC_ALL": "C", "GIT_TERMINAL_PROMPT": "0"}
