"""A repository's changelog: where it is, and which commit wrote each of its lines first."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from athena_mcp.bench.devlog.changelog import key_of
from athena_mcp.transfer.git_log import GitRepository


@dataclass(frozen=True, slots=True)
class Introductions:
    """For the key of each line that a file ever had, the id of the commit that first added it."""

    commit_of: Mapping[str, str]


class ChangelogRepository(GitRepository):
    """A repository, asked for its changelog as committed."""

    def tracked(self) -> list[str]:
        """The files of the commit that is checked out, as paths from the root."""
        return self._ask("ls-tree", "-r", "-z", "--name-only", "--full-tree", "HEAD").split("\0")

    def read(self, path: str) -> str:
        """A tracked file as text."""
        return _text(self._ask("show", f"HEAD:{path}"))

    def introductions(self, path: str) -> Introductions:
        """Who wrote the lines of a file, under all the names it had."""
        marker = secrets.token_hex(16)
        log = self._ask(
            "log",
            "--follow",
            "--patch",
            "--unified=0",
            "--no-color",
            "--no-ext-diff",
            "--no-textconv",
            f"--format={marker}%H",
            "HEAD",
            "--",
            # From the root, wherever in the repository we were pointed to.
            f":(top,literal){path}",
        )
        return Introductions(first_added(_text(log).split("\n"), marker))


def first_added(log: Iterable[str], marker: str) -> dict[str, str]:
    """The commit that first added each line, from a log with patches, newest commit first."""
    commit_of: dict[str, str] = {}
    commit = ""
    in_patch = False
    for line in log:
        if line.startswith(marker):
            commit, in_patch = line.removeprefix(marker), False
        elif line.startswith("@@"):
            in_patch = True
        elif in_patch and line.startswith("+") and (key := key_of(line[1:])):
            # The log goes back in time, so that the oldest stays.
            commit_of[key] = commit
    return commit_of


def _text(printed: str) -> str:
    """What git printed, as UTF-8 whatever the locale."""
    return os.fsencode(printed).decode("utf-8", "replace")
