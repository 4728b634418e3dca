"""Which open tasks have come due: by time, by the files and branch at hand, or by a phrase in what is asked."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from fnmatch import fnmatchcase
from typing import Any, NamedTuple

MAX_DUE = 10
"""The most urgent ones; a longer list would crowd the answer out."""
MAX_PATTERNS = 5_000
"""Conditions of open tasks that one recall compares: file and branch patterns, and phrases beyond ASCII."""
SHOWN_CHARS = 120
"""Of the phrase, file or branch that made a task due."""

_SPACED = r"[^\W\u0e00-\U0010ffff]"
"""A letter or digit of a script that parts words by spaces; those from Thai on do not."""
_LEADING = re.compile(r"\A(?:\.{0,2}/)+")


@dataclass(frozen=True, slots=True)
class Situation:
    """What the caller is at: the moment, the words of the query and the task, the files and the branch."""

    now: datetime
    words: str
    files: tuple[str, ...] = ()
    branch: str | None = None


@dataclass(frozen=True, slots=True)
class Due:
    """A task that is due, most urgent first, and why."""

    project_id: int
    memory_id: int
    because: str
    asked_for: bool = False
    """Whether words of the question made it due, so that it is part of the answer."""


class Fired(NamedTuple):
    """A condition of an open task that may hold; patterns are compared by `due_of`."""

    project_id: int
    memory_id: int
    kind: str
    value: str


# Which letters are the same is told by `plain_case` alone: PostgreSQL's lower() knows other rules than Python, and may
# follow the database's locale. So of phrases only those in ASCII are compared here, where all agree.
# prospective_due and prospective_triggers_by_kind serve it; only open tasks that are live count.
DUE = """
WITH fired AS (
    SELECT d.project_id, d.memory_id, 'due' AS kind,
        to_char(d.due_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"') AS value
    FROM athena.prospective_details d
    WHERE d.project_id = ANY (%(projects)s) AND d.due_at <= %(now)s
        AND d.status IN ('pending', 'in_progress', 'blocked')
    UNION ALL
    SELECT t.project_id, t.memory_id, t.kind::text, t.value
    FROM athena.prospective_triggers t
    WHERE t.project_id = ANY (%(projects)s) AND (
        (t.kind = 'time' AND t.fires_at <= %(now)s)
        OR (t.kind = 'phrase' AND (
            octet_length(t.value) > length(t.value) OR position(lower(t.value COLLATE "C") IN %(words)s) > 0))
        OR (t.kind = 'file' AND %(has_files)s)
        OR (t.kind = 'branch' AND %(has_branch)s))
)
SELECT f.project_id, f.memory_id, f.kind, f.value
FROM fired f
JOIN athena.prospective_details d USING (project_id, memory_id)
JOIN athena.memories m ON m.project_id = f.project_id AND m.id = f.memory_id
WHERE d.status IN ('pending', 'in_progress', 'blocked') AND m.superseded_at IS NULL
ORDER BY d.priority DESC, d.due_at NULLS LAST, f.memory_id, f.kind
LIMIT %(patterns)s
"""


# When an answer given now ends to be complete: the soonest moment at which another open task falls due by time.
NEXT_DUE = """
SELECT min(at) FROM (
    SELECT min(d.due_at) AS at FROM athena.prospective_details d
    WHERE d.project_id = ANY (%(projects)s) AND d.due_at > %(now)s
        AND d.status IN ('pending', 'in_progress', 'blocked')
    UNION ALL
    SELECT min(t.fires_at) FROM athena.prospective_triggers t
    WHERE t.project_id = ANY (%(projects)s) AND t.kind = 'time' AND t.fires_at > %(now)s
) AS moments
"""


def due_values(situation: Situation) -> dict[str, Any]:
    """The parameters of `DUE` and `NEXT_DUE`, but for the projects."""
    return {
        "now": situation.now,
        "words": plain_case(situation.words),
        "has_files": bool(situation.files),
        "has_branch": situation.branch is not None,
        "patterns": MAX_PATTERNS,
    }


def due_of(fired: Iterable[Fired], situation: Situation) -> tuple[Due, ...]:
    """The tasks that have come due, most urgent first, at most MAX_DUE."""
    due: dict[tuple[int, int], Due] = {}
    for row in fired:
        because, known = _reason(row, situation), due.get((row.project_id, row.memory_id))
        asked_for = row.kind == "phrase"
        if because and known is None and len(due) < MAX_DUE:
            due[row.project_id, row.memory_id] = Due(row.project_id, row.memory_id, because, asked_for)
        elif because and known is not None and asked_for:
            due[row.project_id, row.memory_id] = replace(known, asked_for=True)
    return tuple(due.values())


def _reason(row: Fired, situation: Situation) -> str | None:
    """Why this condition holds, or None when a pattern does not match after all."""
    match row.kind:
        case "due":
            return f"due since {row.value}"
        case "time":
            return f"time has come: {row.value}"
        case "phrase":
            return f"phrase: {_shown(row.value)}" if says(situation.words, row.value) else None
        case "branch":
            branch = situation.branch or ""
            return f"branch: {_shown(branch)}" if branch == row.value or fnmatchcase(branch, row.value) else None
        case _:
            touched = next((file for file in situation.files if file_matches(file, row.value)), None)
            return f"file: {_shown(touched)}" if touched else None


def says(words: str, phrase: str) -> bool:
    """Whether a text has a phrase, or its plural, as whole words where spaces part words; case does not count."""
    wanted = plain_case(phrase)
    before = rf"(?<!{_SPACED})" if re.match(_SPACED, wanted) else ""
    after = rf"s?(?!{_SPACED})" if re.search(rf"{_SPACED}\Z", wanted) else ""
    return re.search(before + re.escape(wanted) + after, plain_case(words)) is not None


def plain_case(text: str) -> str:
    """`text` without what case and writing add to its letters: ΟΔΟΣ is οδος, STRASSE is straße, ﬁle is file.

    The dot that is left of İ goes too, so that it is the i that people write for it.
    """
    folded = unicodedata.normalize("NFKC", text).casefold()
    return unicodedata.normalize("NFKC", folded.replace("i\N{COMBINING DOT ABOVE}", "i"))


def _shown(value: str) -> str:
    """A condition as an answer repeats it: on one line, and cut."""
    line = "".join(char if char.isprintable() else " " for char in value)
    return line if len(line) <= SHOWN_CHARS else f"{line[: SHOWN_CHARS - 1]}…"


def file_matches(file: str, pattern: str) -> bool:
    """Whether a path is meant by a pattern: a glob over the path or its end, or a folder it lies in."""
    path, meant = _plain(file), _plain(pattern).rstrip("/")
    if not meant.strip("."):
        return False
    # `**/` also stands for no folder at all; and a name may hold what a glob reads as a class, such as `[id]`.
    globs = {meant, meant.replace("**/", "")}
    return f"/{meant}/" in f"/{path}/" or any(
        fnmatchcase(path, glob) or fnmatchcase(path, f"*/{glob}") for glob in globs
    )


def _plain(path: str) -> str:
    """A path with forward slashes, without a leading `/`, `./` or `../`."""
    return _LEADING.sub("", path.replace("\\", "/"))
