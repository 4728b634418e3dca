"""Takes secrets out of texts before they are stored, and leaves a visible marker such as ``[redacted:aws-key]``."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar, cast

from athena_mcp.harmless import harmless
from athena_mcp.remember.secret_commands import command_patterns
from athena_mcp.remember.secret_names import NAMED, secret_in, value_start
from athena_mcp.remember.secret_patterns import NAMED_GROUP, SHAPES, SecretPattern, borrowed_patterns
from athena_mcp.remember.secret_tokens import TOKENS
from athena_mcp.remember.secret_values import MARKER_OPEN, Setting, Span

MAX_PASSES = 8
"""Taking one secret out may bring another to light; texts in which that goes on for longer are built for it."""

_MIN_CAPTURE_CHARS = 16
"""A borrowed pattern's first group is the secret when it is at least this long, else only a part of its prefix."""

_MARKER = re.compile(re.escape(MARKER_OPEN) + r"[a-z-]{1,40}\]")

ValueT = TypeVar("ValueT")

Hints = tuple[tuple[str, tuple[int, ...]], ...]
"""Strings, in lower case, of which one must be in a text for some patterns to be worth running, and which these are."""


@dataclass(frozen=True, slots=True)
class Redacted:
    """A text without its secrets, and how many of each kind were taken out."""

    text: str
    counts: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class RedactedValue(Generic[ValueT]):
    """A JSON-like value without its secrets, of the same shape, and how many of each kind were taken out."""

    value: ValueT
    counts: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class _Known:
    """A compiled pattern that is a secret by its own shape."""

    kind: str
    regex: re.Pattern[str]
    hints: tuple[str, ...]
    accept: Callable[[str], bool] | None
    borrowed: bool

    def spans(self, text: str) -> Iterator[Span]:
        for match in self.regex.finditer(text):
            start, end = self._secret(match)
            alone = not self.borrowed or _stands_alone(text, start, end)
            if alone and (self.accept is None or self.accept(text[start:end])):
                yield Span(start, end, self.kind)

    def _secret(self, match: re.Match[str]) -> tuple[int, int]:
        if NAMED_GROUP in self.regex.groupindex:
            return match.span(NAMED_GROUP)
        if self.borrowed and match.lastindex and len(match[1] or "") >= _MIN_CAPTURE_CHARS:
            return match.span(1)
        return match.span()


@dataclass(frozen=True, slots=True)
class _Named:
    """A compiled pattern of a value that is a secret by its name."""

    regex: re.Pattern[str]
    hints: tuple[str, ...]
    setting: Setting | None

    def spans(self, text: str) -> Iterator[Span]:
        match = self.regex.search(text)
        while match is not None:
            found = secret_in(match, self.setting)
            if found is not None:
                yield found
            match = self.regex.search(text, value_start(match) if found is None else found.end)


_ESCAPE_CHARS = 12
_ESCAPE_BEFORE = re.compile(r"(?:\\[nrtbf]|\\u00[0-9a-fA-F]{2}|\\x[0-9a-fA-F]{2}|%[0-9a-fA-F]{2}|\[[0-9;]{0,8}m)\Z")
"""The end of an escape, in a string or an address, or of a colour: its last letter belongs to no secret after it."""


class Redactor:
    """Finds and replaces secrets. Making one takes a fifth of a second (imports, patterns); it is immutable after that.

    Redacting is a function of the text alone, safe to call from several threads, and does nothing to its own output.
    """

    def __init__(self) -> None:
        """Compile every pattern once; the more particular ones come first and name a secret that several find."""
        patterns: tuple[_Known | _Named, ...] = (
            *(_compile(pattern) for pattern in TOKENS),
            *(_compile(pattern, borrowed=True) for pattern in borrowed_patterns()),
            *(_compile(pattern) for pattern in SHAPES),
            *(_compile(pattern) for pattern in command_patterns()),
            *(_Named(re.compile(named.expression, re.IGNORECASE), named.hints, named.setting) for named in NAMED),
        )
        by_hint: dict[str, list[int]] = {}
        for rank, pattern in enumerate(patterns):
            for hint in pattern.hints:
                by_hint.setdefault(hint, []).append(rank)
        self._patterns = patterns
        self._hints: Hints = tuple((hint, tuple(ranks)) for hint, ranks in by_hint.items())

    def hints_in(self, texts: Iterable[str]) -> Hints:
        """What `redact` need look for in any of these texts, found in one go: most memories have a dozen short ones."""
        lowered = "\n".join(texts).lower()
        return tuple(hint for hint in self._hints if hint[0] in lowered)

    def redact(self, text: str, hints: Hints | None = None) -> Redacted:
        """Replace every secret in `text` by a marker that names its kind. `hints`: as `hints_in` found them."""
        counts: Counter[str] = Counter()
        if not (text.isascii() and text.isprintable()):
            # Colours and the like are taken out before anybody reads it: then a secret must not stand there.
            plain = harmless(text)
            if plain != text and self._find(plain, self._hints):
                text, hints = plain, None
        for _ in range(MAX_PASSES):
            spans = self._find(text, self._hints if hints is None else hints)
            if not spans:
                break
            counts.update(span.kind for span in spans)
            text = _replace(text, spans)
            # What was put together when something was taken out, and the marker itself, were not in the text before.
            hints = None
        return Redacted(text, dict(counts))

    def redact_value(self, value: ValueT) -> RedactedValue[ValueT]:
        """Redact every string in nested lists, tuples and mappings (their values); anything else stays as it is."""
        counts: Counter[str] = Counter()
        clean = self._walk(value, counts)
        return RedactedValue(cast("ValueT", clean), dict(counts))

    def _walk(self, value: Any, counts: Counter[str]) -> Any:
        if isinstance(value, str):
            redacted = self.redact(value)
            counts.update(redacted.counts)
            return redacted.text
        if isinstance(value, Mapping):
            return {key: self._walk(item, counts) for key, item in value.items()}
        if isinstance(value, list):
            return [self._walk(item, counts) for item in value]
        if isinstance(value, tuple):
            return tuple(self._walk(item, counts) for item in value)
        return value

    def _find(self, text: str, hints: Hints) -> list[Span]:
        """The secrets in `text`, by position, without overlaps: what overlaps is one secret, named by the earliest."""
        if not hints:
            return []
        lowered = text.lower()
        ranks = {rank for hint, ranks in hints if hint in lowered for rank in ranks}
        found = [span for rank in sorted(ranks) for span in self._patterns[rank].spans(text)]
        if not found:
            return []
        markers = [match.span() for match in _MARKER.finditer(text)]
        merged: list[Span] = []
        for span in sorted(found, key=lambda span: (span.start, -span.end)):
            if any(start <= span.start and span.end <= end for start, end in markers):
                continue
            if merged and span.start < merged[-1].end:
                first = merged.pop()
                merged.append(Span(first.start, max(first.end, span.end), first.kind))
            else:
                merged.append(span)
        return merged


def _compile(pattern: SecretPattern, *, borrowed: bool = False) -> _Known:
    regex = re.compile(pattern.expression, pattern.flags)
    return _Known(pattern.kind, regex, pattern.hints, pattern.accept, borrowed)


def _stands_alone(text: str, start: int, end: int) -> bool:
    """Whether no letter or digit touches the span: inside a longer run it is a piece of a digest or of an image."""
    before = text[start - 1 : start]
    after = text[end : end + 1]
    escaped = _ESCAPE_BEFORE.search(text[max(0, start - _ESCAPE_CHARS) : start]) is not None
    return (escaped or not (before.isascii() and before.isalnum())) and not (after.isascii() and after.isalnum())


def _replace(text: str, spans: list[Span]) -> str:
    parts: list[str] = []
    done = 0
    for span in spans:
        parts += (text[done : span.start], f"{MARKER_OPEN}{span.kind}]")
        done = span.end
    parts.append(text[done:])
    return "".join(parts)
