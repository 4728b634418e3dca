"""A changelog's entries, and what of each entry is a question."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath

_NAMES = re.compile(r"(?:change(?:s|log|-?log)|history|news|version[-_]?history|release[-_]?notes|whatsnew)", re.I)
_SUFFIXES = ("", ".md", ".markdown", ".rst", ".txt", ".adoc")
_FOLDERS = ("", "doc", "docs", "docs/source", "doc/source")
MIN_KEY_CHARS = 12
"""A first line shorter than this may have been written many times."""
MIN_WORDS = 3
"""A question of fewer words, such as "Typo fixes", could mean anything."""

_ITEM = re.compile(r"^(?P<indent>[ \t]*)[-*+•][ \t]+(?P<text>\S.*)$")
_FENCE = re.compile(r"^\s*(?:```|~~~)")
_RULE = re.compile(r"^\s*(?:[-=~^*_`#\"'+.]\s?){3,}\s*$")
"""A horizontal rule, or the line under a heading in reStructuredText."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One list item. `key` is its first line, to look up who wrote it; `numbers` are the requests it refers to."""

    question: str
    key: str
    numbers: frozenset[int]


def is_changelog(path: str) -> bool:
    """Whether a tracked file is a changelog by its name and place."""
    place = PurePosixPath(path)
    folder = "" if str(place.parent) == "." else str(place.parent).lower()
    return place.suffix.lower() in _SUFFIXES and folder in _FOLDERS and _NAMES.fullmatch(place.stem) is not None


def key_of(line: str) -> str:
    """A line of a changelog without marker and spacing, so that it is the same wherever it was moved to."""
    found = _ITEM.match(line)
    return " ".join((found["text"] if found else line).split())


def read_entries(text: str) -> Iterator[Entry]:
    """The list items of a changelog in Markdown, reStructuredText or plain text, in their order."""
    for lines in _items(text.expandtabs(4).splitlines()):
        whole = " ".join(line.strip() for line in lines)
        yield Entry(question=question_of(whole), key=" ".join(lines[0].split()), numbers=numbers_in(whole))


def _items(lines: list[str]) -> Iterator[list[str]]:
    """The lines of each item without its marker; an item inside of another is one of its own."""
    item: list[str] = []
    indent = 0
    fenced = False
    for line in lines:
        if _FENCE.match(line):
            fenced = not fenced
        found = None if fenced or _RULE.match(line) else _ITEM.match(line)
        goes_on = bool(item) and not fenced and line.strip() and len(line) - len(line.lstrip()) > indent
        if found is None and goes_on and not _FENCE.match(line):
            item.append(line)
            continue
        if item:
            yield item
            item = []
        if found is not None:
            item, indent = [found["text"]], len(found["indent"])
    if item:
        yield item


_REQUEST = re.compile(
    r"(?<![\w&/])(?:[\w.-]+/[\w.-]+)?#(\d+)\b"  # #12, owner/name#12
    r"|\bgh-(\d+)\b"
    r"|/(?:pull|pulls|issues|merge_requests)/(\d+)\b"
    r"|(?<!\w)!(\d+)\b"
    r"|:(?:pr|pull|issue|issues|gh|ghpull|ghissue|bug|ticket):`(?:[^`<]*<)?\D{0,3}(\d+)>?`"
    r"|\b(?:PR|pull request|issue|bug|ticket)\s+(\d+)\b",
    re.I,
)


def numbers_in(text: str) -> frozenset[int]:
    """The numbers of pull requests and issues that a text refers to."""
    return frozenset(int(number) for found in _REQUEST.findall(text) for number in found if number)


# In the order in which they are applied. What names a request or a person tells who did something, not what: a
# question that kept it would find its commit by that alone.
_STRIPPED: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(pattern, re.I), by)
    for pattern, by in (
        (r"!\[[^\]]*\]\([^)]*\)", " "),  # images
        (r"\[([^\]]*)\](?:\([^)]*\)|\[[^\]]*\])", r"\1"),  # [text](url), [text][label]
        (r":(?:pr|pull|issue|issues|gh|ghpull|ghissue|ghuser|user|bug|ticket|commit|author):`[^`]*`", " "),
        (r":[\w:.-]+:`(?:[^`<]*<)?[!~.]*([^`>]+)>?`", r"\1"),  # roles such as :class:`~a.b`
        (r"`([^`<]+?)\s*<[^`>]*>`__?", r"\1"),  # `text <url>`_
        (r"<?\bhttps?://[^\s)>\]]+>?", " "),
        (r"`+", ""),
        (r"(\*\*|\*)(?=\S)(.+?)(?<=\S)\1", r"\2"),
        (
            r"(?:\b(?:fix(?:e[sd])?|close[sd]?|resolve[sd]?|see|refs?|part of|from|in|via):?\s+)?"
            r"(?:\b(?:PRs?|pull requests?|issues?|bug|ticket)\s*)?(?:(?:\b[\w.-]+/[\w.-]+)?#|\bgh-|(?<!\w)!)\d+\b",
            " ",
        ),
        (r"\b(?:PRs?|pull requests?|issues?|ticket)\s+\d+\b", " "),
        (r"\([^()]*@[\w-]+[^()]*\)", " "),
        (r"\(\W*(?:PRs?|patch|contributed|reported|suggested|thanks|courtesy|by)\b[^()]*\)", " "),
        # Names have capitals: "thanks to a cache" stays.
        (
            r"\b(?:thanks(?: to)?|thank you|kudos to|courtesy of|(?:patch|contributed|reported|contribution) by)\s+"
            r"(?-i:@?[A-Z][\w.-]*(?:(?:\s+|,\s*|\s+and\s+)@?[A-Z][\w.-]*)*)",
            " ",
        ),
        (r"(?:\bby\s+)?(?<!\w)@[\w-]+", " "),
        (r"\(?\b(?=[0-9a-f]*\d)(?=[0-9a-f]*[a-f])[0-9a-f]{7,40}\b\)?", " "),  # ids of commits
        (r"\[\s*[,;]*\s*\]|\(\s*(?:[,;&]|and|\s)*\)", " "),  # what is left of a list of them
    )
)


_EDGES = " \t,;:.-\u2013\u2014()[]|"
"""What a question does not begin or end with; among it the two longer dashes."""


def question_of(text: str) -> str:
    """An entry's text without markup, request numbers, names of people and links."""
    for pattern, by in _STRIPPED:
        text = pattern.sub(by, text)
    text = re.sub(r"\s+([,.;:)])", r"\1", " ".join(text.split()))
    return text.strip(_EDGES)


def is_question(text: str) -> bool:
    """Whether an entry says enough to ask with."""
    return len(re.findall(r"[^\W\d_]{2,}", text)) >= MIN_WORDS
