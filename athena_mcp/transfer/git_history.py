"""Commits as memories of what happened."""

from __future__ import annotations

import re

from athena_mcp.model import MAX_CONTENT_CHARS, MAX_ITEM_CHARS, MAX_NAME_CHARS, EpisodicKind, Layer
from athena_mcp.remember.record import MemoryRecord
from athena_mcp.transfer.git_log import Commit

TAG = "git"
_CUT_NOTE = "\n[the rest of the message is in the repository]"

_TRAILER = re.compile(
    r"(?:(?:signed-off|co-authored|co-developed|reviewed|acked|tested|reported|suggested|helped|approved|requested|"
    r"committed|mentored|based-on-patch|generated)-by|cc|change-id|reviewed-on|commit-queue|auto-submit|"
    r"cr-commit-position|cr-branched-from|git-svn-id|gerrit-[a-z-]+|x-[a-z-]+)\s*:.*",
    re.IGNORECASE,
)
"""Trailers that say who handled a commit and how, not what it did; `Fixes:` and its like say what, and stay."""


def commit_to_record(commit: Commit, project: str) -> MemoryRecord:
    """The memory of one commit: keyed by its id, dated by its author, in a session with that author's day."""
    return MemoryRecord(
        content=content_of(commit),
        project=project,
        layer=Layer.EPISODIC.value,
        tags=(TAG,),
        occurred_at=commit.authored_at,
        session_id=_session_of(commit),
        details={
            "kind": EpisodicKind.CHANGE.value,
            "files": [name for name in commit.files if len(name) <= MAX_ITEM_CHARS],
        },
        key=f"git:{commit.sha}",
    )


def content_of(commit: Commit) -> str:
    """Subject and body without the trailers, cut at a line end to what a memory may hold."""
    text = _without_trailers(commit.message.replace("\r\n", "\n").replace("\0", "")).strip()
    if not text:
        return f"Commit {commit.sha[:12]}, which has no message."
    if len(text) <= MAX_CONTENT_CHARS:
        return text
    room = MAX_CONTENT_CHARS - len(_CUT_NOTE)
    end = text.rfind("\n", room // 2, room + 1)
    return text[: end if end > 0 else room].rstrip() + _CUT_NOTE


def _without_trailers(message: str) -> str:
    """The message up to its last paragraphs of trailers; lines there that are none of them stay."""
    lines = message.rstrip().split("\n")
    kept_tail: list[str] = []
    while len(lines) > 1:
        line = lines[-1].strip()
        if line and not _TRAILER.fullmatch(line):
            if not re.fullmatch(r"[A-Za-z][A-Za-z0-9-]*\s*(?::| #).*", line):
                break
            kept_tail.append(lines[-1])
        elif not line and kept_tail and kept_tail[-1]:
            kept_tail.append("")
        lines.pop()
    return "\n".join([*lines, *reversed(kept_tail)])


def _session_of(commit: Commit) -> str | None:
    """One author's day of work."""
    if commit.authored_at is None:
        return None
    author = "".join(c for c in commit.author if c.isprintable())
    return f"git:{commit.authored_at:%Y-%m-%d} {author}".strip()[:MAX_NAME_CHARS]
