"""What storing a memory needs to know of the store, kept from the one before: that saves asking for it each time."""

from __future__ import annotations

from collections import OrderedDict
from typing import NamedTuple

MAX_PROJECTS = 1_000
REST = 20
"""After so many memories it is tried again where others store, too, whose ids come between."""


class Known(NamedTuple):
    """A project's id, and an id for a memory that no other has; the store checks both (`athena.lock_known`)."""

    project_id: int
    memory_id: int


class Ahead:
    """The ids of projects, and the id for the next memory of this process; on one event loop.

    Ids are in the order in which memories are stored, so the next one holds only until somebody draws another.
    """

    def __init__(self) -> None:
        self._projects: OrderedDict[str, int] = OrderedDict()
        self._memory_id: int | None = None
        self._rest = 0

    def take(self, project: str) -> Known | None:
        """What is known for a memory of this project; its id is given to nobody else."""
        if self._rest:
            self._rest -= 1
            return None
        project_id, memory_id = self._projects.get(project), self._memory_id
        if project_id is None or memory_id is None:
            return None
        self._memory_id = None
        return Known(project_id, memory_id)

    def keep(self, project: str, project_id: int, memory_id: int) -> None:
        """Keep a project's id, and a fresh id for a memory of whichever project."""
        self._projects[project] = project_id
        self._projects.move_to_end(project)
        if len(self._projects) > MAX_PROJECTS:
            self._projects.popitem(last=False)
        self._memory_id = memory_id

    def overtaken(self) -> None:
        """This process has drawn another id."""
        self._memory_id = None

    def refused(self) -> None:
        """Something of it did not hold: know nothing, and rest."""
        self._projects.clear()
        self._memory_id, self._rest = None, REST
