"""The fenced blocks of a Markdown file."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

SET_UP = "<!-- set-up -->"
"""Stands on the line before a block that changes the machine and is therefore not run by a test."""

_FENCE = re.compile(
    r"^(?P<set_up><!-- set-up -->\n)?```(?P<language>\w*)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL
)


@dataclass(frozen=True, slots=True)
class Block:
    """One fenced block; `line` is that of its opening fence."""

    language: str
    text: str
    line: int
    set_up: bool

    def __str__(self) -> str:
        return f"the {self.language} block of line {self.line}"


def blocks_of(path: Path) -> tuple[Block, ...]:
    """Every fenced block of `path`, from top to bottom."""
    source = path.read_text(encoding="utf-8")
    return tuple(
        Block(
            found["language"], found["text"], source.count("\n", 0, found.start("language")) + 1, bool(found["set_up"])
        )
        for found in _FENCE.finditer(source)
    )
