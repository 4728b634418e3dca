"""Names of projects, which answers and errors repeat: one that holds a secret is refused wherever it comes in."""

from __future__ import annotations

from athena_mcp.errors import InvalidArgument
from athena_mcp.remember.redact import Redactor

LOOKS_SECRET = "looks like a secret; choose another name"  # noqa: S105  it is said of one
SETTING = "project (--project, ATHENA_PROJECT)"
"""What an error calls the project of calls that name none."""
MAX_NAMES_KEPT = 1_000
"""Of so many names it is known that they are no secrets; a process works in one or a few."""


class ProjectNames:
    """Looks for secrets in the names of projects, once a name: what was found harmless is kept, the rest never."""

    def __init__(self, redactor: Redactor, *, capacity: int = MAX_NAMES_KEPT) -> None:
        self._redactor = redactor
        self._capacity = capacity
        self._harmless: dict[str, None] = {}

    def check(self, name: str, argument: str = "project") -> str:
        """The name as it is. Raises InvalidArgument, which does not repeat it, when it is or holds a secret."""
        if name in self._harmless:
            return name
        if self._redactor.redact(name).counts:
            raise InvalidArgument(argument, LOOKS_SECRET)
        if len(self._harmless) >= self._capacity:
            del self._harmless[next(iter(self._harmless))]
        self._harmless[name] = None
        return name
