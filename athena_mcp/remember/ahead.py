"""What storing a memory needs to know of the store, kept from the one before: that saves asking for it each time."""

from __future__ import annotations

from collections import OrderedDict, deque
from typing import NamedTuple

MAX_PROJECTS = 1_000
MAX_IDS = 64
"""As many as are stored at once, and more; one that is never used is a gap."""


class Known(NamedTuple):
    """A project's id, and an id for a memory that no other has; the store checks both (`athena.lock_known`)."""

    project_id: int
    memory_id: int


class Ahead:
    """The ids of projects, and ids for memories; of one process, on one event loop."""

    def __init__(self) -> None:
        self._projects: OrderedDict[str, int] = OrderedDict()
        self._ids: deque[int] = deque(maxlen=MAX_IDS)

    def take(self, project: str) -> Known | None:
        """What is known for a memory of this project; its id is given to nobody else."""
        project_id = self._projects.get(project)
        if project_id is None or not self._ids:
            return None
        return Known(project_id, self._ids.popleft())

    def keep(self, project: str, project_id: int, memory_id: int) -> None:
        """Keep a project's id, and a fresh id for a memory of whichever project."""
        self._projects[project] = project_id
        self._projects.move_to_end(project)
        if len(self._projects) > MAX_PROJECTS:
            self._projects.popitem(last=False)
        self._ids.append(memory_id)

    def forget(self) -> None:
        """Know nothing: something of it did not hold."""
        self._projects.clear()
        self._ids.clear()
