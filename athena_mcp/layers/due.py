"""Which open tasks have come due: by time, by the files and branch at hand, or by a phrase in what is asked."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from operator import attrgetter
from typing import Any, NamedTuple

from athena_mcp.layers.conditions import Paths, Words, branch_matches, plain_case

MAX_DUE = 10
"""The most urgent ones; a longer list would crowd the answer out."""
MAX_PATTERNS = 5_000
"""Conditions of open tasks that one recall looks at, the most urgent: of times that have come, and as many of what has
to be compared, which is file and branch patterns and phrases."""
MAX_INLINE = 2_000
"""So many comparisons are made on the event loop, within a few milliseconds; more would keep other calls waiting."""
SHOWN_CHARS = 120
"""Of the phrase, file or branch that made a task due."""


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
    place: int
    """By the urgency of its task."""


# Which letters are the same is told by `plain_case` alone: PostgreSQL's lower() knows other rules than Python, and may
# follow the database's locale. So of phrases only those in ASCII are compared here, where all agree.
# prospective_due and prospective_triggers_by_kind serve it; only open tasks that are live count.
DUE = """
WITH fired AS (
    SELECT d.project_id, d.memory_id, 'due' AS kind,
        to_char(d.due_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"') AS value
    FROM athena.prospective_details d
    WHERE d.project_id = ANY ({projects}) AND d.due_at <= %(now)s
        AND d.status IN ('pending', 'in_progress', 'blocked')
    UNION ALL
    SELECT t.project_id, t.memory_id, t.kind::text, t.value
    FROM athena.prospective_triggers t
    WHERE t.project_id = ANY ({projects}) AND (
        (t.kind = 'time' AND t.fires_at <= %(now)s)
        OR (t.kind = 'phrase' AND (
            octet_length(t.value) > length(t.value) OR position(lower(t.value COLLATE "C") IN %(words)s) > 0))
        OR (t.kind = 'file' AND %(has_files)s)
        OR (t.kind = 'branch' AND %(has_branch)s))
)
SELECT project_id, memory_id, kind, value, place
FROM (
    SELECT p.*, row_number() OVER (PARTITION BY p.kind IN ('due', 'time') ORDER BY p.place) AS among
    FROM (
        SELECT f.project_id, f.memory_id, f.kind, f.value,
            row_number() OVER (ORDER BY d.priority DESC, d.due_at NULLS LAST, f.memory_id, f.kind) AS place
        FROM fired f
        JOIN athena.prospective_details d USING (project_id, memory_id)
        JOIN athena.memories m ON m.project_id = f.project_id AND m.id = f.memory_id
        WHERE d.status IN ('pending', 'in_progress', 'blocked') AND m.superseded_at IS NULL
    ) AS p
) AS placed
WHERE among <= %(patterns)s
"""


# When an answer given now ends to be complete: the soonest moment at which another open task falls due by time.
NEXT_DUE = """
SELECT min(at) FROM (
    SELECT min(d.due_at) AS at FROM athena.prospective_details d
    WHERE d.project_id = ANY ({projects}) AND d.due_at > %(now)s
        AND d.status IN ('pending', 'in_progress', 'blocked')
    UNION ALL
    SELECT min(t.fires_at) FROM athena.prospective_triggers t
    WHERE t.project_id = ANY ({projects}) AND t.kind = 'time' AND t.fires_at > %(now)s
) AS moments
"""


def due_values(situation: Situation) -> dict[str, Any]:
    """The parameters of `DUE` and `NEXT_DUE`."""
    return {
        "now": situation.now,
        "words": plain_case(situation.words),
        "has_files": bool(situation.files),
        "has_branch": situation.branch is not None,
        "patterns": MAX_PATTERNS,
    }


def due_of(fired: Iterable[Fired], situation: Situation) -> tuple[Due, ...]:
    """The tasks that have come due, most urgent first, at most MAX_DUE: of more, first those that wait for what is at
    hand, its words, files or branch."""
    words, paths, branch = Words.of(situation.words), Paths.of(situation.files), situation.branch or ""

    def reason(row: Fired) -> str | None:
        """Why this condition holds, or None when a pattern does not match after all."""
        match row.kind:
            case "due":
                return f"due since {row.value}"
            case "time":
                return f"time has come: {row.value}"
            case "phrase":
                return f"phrase: {_shown(row.value)}" if words.say(row.value) else None
            case "branch":
                return f"branch: {_shown(branch)}" if branch_matches(branch, row.value) else None
            case _:
                touched = paths.first_of(row.value)
                return f"file: {_shown(touched)}" if touched else None

    due: dict[tuple[int, int], Due] = {}
    touched: set[tuple[int, int]] = set()
    for row in sorted(fired, key=attrgetter("place")):
        because, task = reason(row), (row.project_id, row.memory_id)
        if because is None:
            continue
        known = due.setdefault(task, Due(row.project_id, row.memory_id, because))
        if row.kind == "phrase":
            due[task] = replace(known, asked_for=True)
        if row.kind not in ("due", "time"):
            touched.add(task)
    # What has been overdue for long would else hide what the work at hand is waited for by.
    first = sorted(due, key=lambda task: task not in touched)[:MAX_DUE]
    return tuple(due[task] for task in due if task in first)


def _shown(value: str) -> str:
    """A condition as an answer repeats it: on one line, and cut."""
    line = "".join(char if char.isprintable() else " " for char in value)
    return line if len(line) <= SHOWN_CHARS else f"{line[: SHOWN_CHARS - 1]}…"
