"""The beginning of a text, taken apart once: people say what kind of thing they write in its first sentence."""

from __future__ import annotations

import re
from dataclasses import dataclass

from athena_mcp.remember.layer_rules import NEUTRAL_LABELS, SUBORDINATORS
from athena_mcp.search.wordforms import CueTable, words

READ_CHARS = 2_000
"""How much of a text is looked at; what kind of thing it is shows before that."""

_LABEL = re.compile(r"\s*(?:[-*#>]+ )?\**([A-Za-z][A-Za-z' ]{0,29})\**:\**\s")
_ORNAMENT = re.compile(r"(?:\s*(?:[-*#>]+ (?!\[)|\[[\w./ -]{2,40}\] ))+")
_SENTENCE_END = re.compile(r"[.!?](?=\s|$)|\n|;\s")
_NEUTRAL = CueTable({"neutral": NEUTRAL_LABELS})


@dataclass(frozen=True, slots=True)
class Opening:
    """What the rules look at. All words are lower-case.

    `label` is what stands before a first colon, as written, or empty; `clause` is the first sentence up to its first
    side clause. `line`, `words`, `sentence` and `clause` are those of the text after bullets and neutral labels.
    """

    text: str
    line: str
    label: str
    words: tuple[str, ...]
    sentence: tuple[str, ...]
    clause: tuple[str, ...]
    ends_in_talk: bool
    """Whether the text ends in a question or exclamation mark."""


def read_opening(content: str) -> Opening:
    """Take the beginning of `content` apart; any text will do, an empty one too."""
    text = content[:READ_CHARS].strip()
    line = _ORNAMENT.sub("", text, count=1) if _ORNAMENT.match(text) else text
    label = _label_of(line)
    if label and _NEUTRAL.find(words(label)):
        line = line[line.index(":") + 1 :].lstrip("* ")
        label = _label_of(line)
    end = _SENTENCE_END.search(line)
    sentence = words(line[: end.start()] if end else line)
    cut = next((place for place, word in enumerate(sentence) if place and word in SUBORDINATORS), len(sentence))
    return Opening(
        text=text,
        line=line.split("\n", 1)[0],
        label=label,
        words=words(line),
        sentence=sentence,
        clause=sentence[:cut],
        ends_in_talk=content.rstrip().endswith(("?", "!")),
    )


def _label_of(line: str) -> str:
    found = _LABEL.match(line)
    return found[1].strip() if found else ""
