"""The order in which linked memories are loaded: a memory that points to another comes after it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from athena_mcp.remember.record import MemoryRecord


@dataclass(frozen=True, slots=True)
class Trimmed:
    """A record without the links that lead nowhere, and how many those were."""

    record: MemoryRecord
    cut: int


class LinkOrder:
    """Lets records through in their order, and holds back those whose `superseded_by` or `about` has not come by yet.

    What is held is what was replaced by something later in the file, so an export streams through.
    """

    def __init__(self) -> None:
        self._placed: set[int] = set()
        self._waiting: dict[int, list[MemoryRecord]] = {}

    def place(self, record: MemoryRecord) -> Iterator[MemoryRecord]:
        """`record` and all that waited for it, or nothing yet."""
        ready = [record]
        while ready:
            current = ready.pop()
            missing = next((link for link in links_of(current) if link not in self._placed), None)
            if missing is not None:
                self._waiting.setdefault(missing, []).append(current)
                continue
            yield current
            if current.id is not None:
                self._placed.add(current.id)
                ready.extend(reversed(self._waiting.pop(current.id, ())))

    def rest(self) -> Iterator[MemoryRecord]:
        """At the end of the file: what waits for something that is not in it, and all that waited for these."""
        held = {record.id for records in self._waiting.values() for record in records}
        for target in sorted(self._waiting.keys() - held):
            self._placed.add(target)
            for record in self._waiting.pop(target, ()):
                yield from self.place(record)

    def knots(self) -> list[MemoryRecord]:
        """After the rest: what points back to itself over others, so that none of them can come first."""
        held = [record for records in self._waiting.values() for record in records]
        self._waiting.clear()
        return sorted(held, key=lambda record: record.line or 0)


def links_of(record: MemoryRecord) -> tuple[int, ...]:
    """The ids that a record points to, itself left out."""
    return tuple(link for link in (record.superseded_by, record.about) if link is not None and link != record.id)


def trim(record: MemoryRecord, is_known: Callable[[int], bool]) -> Trimmed:
    """`record` with only the links whose target `is_known`."""
    about = record.about if record.about is not None and is_known(record.about) else None
    by = record.superseded_by if record.superseded_by is not None and is_known(record.superseded_by) else None
    cut = (about != record.about) + (by != record.superseded_by)
    return Trimmed(replace(record, about=about, superseded_by=by) if cut else record, cut)
