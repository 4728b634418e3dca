"""How a benchmark says how far it is; the command line shows it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol

Advance = Callable[[int], None]
"""Says that so many more steps are done."""


class Progress(Protocol):
    """Opens a display for `length` steps; None when their number is not known."""

    def __call__(self, label: str, length: int | None) -> AbstractContextManager[Advance]:
        """Show progress under `label` while the block runs."""
        ...


@contextmanager
def no_progress(label: str, length: int | None) -> Iterator[Advance]:
    """Show nothing."""
    yield lambda steps: None
