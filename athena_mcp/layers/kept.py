"""What the write path hands to a layer: whose details, and which."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, TypeVar

D = TypeVar("D", covariant=True)


@dataclass(frozen=True, slots=True)
class Kept(Generic[D]):
    """The typed details of one memory, by its key."""

    project_id: int
    memory_id: int
    details: D
