"""Printing: text that cannot steer a terminal, tables, and JSON."""

from __future__ import annotations

import io
import json
import shutil
import sys
import textwrap
import unicodedata
from collections.abc import Mapping, Sequence
from typing import Any

from athena_mcp.harmless import escaped, harmless

MAX_WIDTH = 100


def prepare_streams() -> None:
    """Make standard output and error take any text: UTF-8 unless a terminal says otherwise, never an error."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            ascii_only = (stream.encoding or "ascii").lower() in ("ascii", "us-ascii", "ansi_x3.4-1968", "646")
            encoding = "utf-8" if ascii_only or not stream.isatty() else None
            stream.reconfigure(encoding=encoding, errors="backslashreplace")


def visible(text: str) -> str:
    """`text` with every character that could steer a terminal shown as an escape."""
    return escaped(text, lambda char: f"\\x{ord(char):02x}" if ord(char) < 256 else _json_escape(char))


def say(text: str = "") -> None:
    """Print a line of results."""
    print(text)


def note(text: str) -> None:
    """Print a line about the work itself, on standard error."""
    print(text, file=sys.stderr, flush=True)


def say_json(value: Mapping[str, Any] | Sequence[Any]) -> None:
    """Print JSON: on one line for programs, indented for a terminal, harmless for it either way."""
    if sys.stdout.isatty():
        text = json.dumps(value, ensure_ascii=False, indent=2)
    else:
        text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    print(escaped(text, _json_escape))


def wrapped(text: str, indent: str = "") -> str:
    """`text` made visible, folded to the terminal and indented; its own line ends stay."""
    width = max(40, min(shutil.get_terminal_size().columns, MAX_WIDTH))
    lines: list[str] = []
    for line in visible(harmless(text)).expandtabs(4).split("\n"):
        lines += textwrap.wrap(
            line,
            width,
            initial_indent=indent,
            subsequent_indent=indent + line[: len(line) - len(line.lstrip())],
            break_on_hyphens=False,
            drop_whitespace=True,
        ) or [""]
    return "\n".join(lines)


def one_line(text: str, cells: int) -> str:
    """The beginning of `text` on one line of at most `cells` terminal cells."""
    flat = " ".join(visible(harmless(text)).split())
    if width_of(flat) <= cells:
        return flat
    kept: list[str] = []
    used = 1
    for character in flat:
        used += width_of(character)
        if used > cells:
            break
        kept.append(character)
    return "".join(kept).rstrip() + "…"


def width_of(text: str) -> int:
    """How many terminal cells a text takes: wide characters take two, combining ones none."""
    return sum(
        0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in ("W", "F") else 1 for c in text
    )


def table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Columns aligned to the left, two spaces apart; the last one is not padded."""
    lines = [headings, *rows]
    widths = [max(width_of(line[column]) for line in lines) for column in range(len(headings))]
    return "\n".join(
        "  ".join(cell + " " * (width - width_of(cell)) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in lines
    )


def terminal_width() -> int:
    """The columns there are to print in; wide when the output is not a terminal."""
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else 120


def _json_escape(character: str) -> str:
    """As JSON writes it in ASCII: beyond the first 65,536 characters in two halves."""
    return f"\\u{ord(character):04x}" if character.isascii() else json.dumps(character)[1:-1]
