"""Progress on standard error, where a person can see it."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import click


@contextmanager
def progress_bar(label: str, length: int | None) -> Iterator[Callable[[int], None]]:
    """A bar to advance by a number of steps; invisible when standard error is no terminal.

    `length` None or 0: how much there is to do is not known.
    """
    if not sys.stderr.isatty():
        yield lambda steps: None
        return
    with click.progressbar(length=length or 1, label=label, file=sys.stderr, show_pos=not length) as bar:
        yield bar.update
