"""Whether a phrase, a file or a branch that a task waits for is there. Pure; thousands are compared at one recall."""

from __future__ import annotations

import functools
import re
import unicodedata
from dataclasses import dataclass
from fnmatch import translate

MAX_PLACES = 1_000
"""Places of a phrase in a text that are looked at; it may be inside of other words a thousand times."""
KEPT_PATTERNS = 6_000
"""Compiled globs and plain phrases that a process keeps: more than one recall compares (`due.MAX_PATTERNS`), since
compiling one takes a hundred times as long as comparing it."""

_SPACED = re.compile(
    r"[^\W\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af\uf900-\ufaff\U00020000-\U0003ffff]"
)
"""A letter or digit of a script that parts words by spaces: not Thai, Lao, Burmese, Khmer, Japanese or Chinese, nor
Korean, where particles are written to the word."""
_LEADING = re.compile(r"\A(?:\.{0,2}/)+")
_GLOB = re.compile(r"[*?\[]")


@dataclass(frozen=True, slots=True)
class Words:
    """A text in which phrases are looked for, made ready once."""

    plain: str

    @classmethod
    def of(cls, text: str) -> Words:
        """The text without what `plain_case` takes away."""
        return cls(plain_case(text))

    def say(self, phrase: str) -> bool:
        """Whether the text has a phrase, or its plural, as whole words where spaces part words; case does not count."""
        wanted = _plain_phrase(phrase)
        if not wanted:
            return False
        start = -1
        for _ in range(MAX_PLACES):
            start = self.plain.find(wanted, start + 1)
            if start < 0:
                return False
            if self._begins(start) and self._ends(start + len(wanted)):
                return True
        return False

    def _begins(self, start: int) -> bool:
        return not (start and _SPACED.match(self.plain, start) and _SPACED.match(self.plain, start - 1))

    def _ends(self, end: int) -> bool:
        if not _SPACED.match(self.plain, end - 1):
            return True
        plural = end + self.plain.startswith("s", end)
        return not _SPACED.match(self.plain, end) or not _SPACED.match(self.plain, plural)


@dataclass(frozen=True, slots=True)
class Paths:
    """Files that patterns are compared with, made ready once: as they were named, and plain."""

    named: tuple[str, ...]
    plain: tuple[str, ...]

    @classmethod
    def of(cls, files: tuple[str, ...]) -> Paths:
        """The files with forward slashes, without a leading `/`, `./` or `../`."""
        return cls(files, tuple(_plain(file) for file in files))

    def first_of(self, pattern: str) -> str | None:
        """The first that is meant by a pattern: a glob over the path or its end, or a folder it lies in."""
        meant = _plain(pattern).rstrip("/")
        if not meant.strip("."):
            return None
        glob = _glob(meant) if _GLOB.search(meant) else None
        for named, path in zip(self.named, self.plain, strict=True):
            # A name may hold what a glob reads as a class, such as `[id]`.
            if f"/{meant}/" in f"/{path}/" or (glob is not None and glob.match(path)):
                return named
        return None


def plain_case(text: str) -> str:
    """`text` without what case and writing add to its letters: ΟΔΟΣ is οδος, STRASSE is straße, ﬁle is file.

    The dot that is left of İ goes too, so that it is the i that people write for it.
    """
    folded = unicodedata.normalize("NFKC", text).casefold()
    return unicodedata.normalize("NFKC", folded.replace("i\N{COMBINING DOT ABOVE}", "i"))


def branch_matches(branch: str, pattern: str) -> bool:
    """Whether a branch is meant by a name or a glob."""
    return branch == pattern or _branch_glob(pattern).match(branch) is not None


_plain_phrase = functools.lru_cache(maxsize=KEPT_PATTERNS)(plain_case)


@functools.lru_cache(maxsize=KEPT_PATTERNS)
def _glob(meant: str) -> re.Pattern[str]:
    """A glob over a path or its end; `**/` also stands for no folder at all."""
    ways = "|".join(translate(glob) for glob in dict.fromkeys((meant, meant.replace("**/", ""))))
    return re.compile(f"(?:.*/)?(?:{ways})", re.DOTALL)


@functools.lru_cache(maxsize=KEPT_PATTERNS)
def _branch_glob(pattern: str) -> re.Pattern[str]:
    return re.compile(translate(pattern))


def _plain(path: str) -> str:
    return _LEADING.sub("", path.replace("\\", "/"))
