"""What became of a write: the receipt of `remember`, and what `forget` removed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from athena_mcp.model import Layer


@dataclass(frozen=True, slots=True)
class Receipt:
    """What became of one `remember`, given only after the commit."""

    id: int
    layer: Layer
    status: Literal["stored", "duplicate"]
    project: str
    lexical: bool = True
    vector: bool = True
    layer_reason: str | None = None
    supersedes: tuple[int, ...] = ()
    updated: Mapping[str, Any] | None = None
    near_duplicates: tuple[int, ...] = ()
    redactions: Mapping[str, int] = field(default_factory=dict)
    """Kind of secret to how often it was replaced, e.g. ``{"aws-key": 1}``."""
    not_stored: tuple[str, ...] = ()
    """Of a duplicate, the arguments that differ from what is there and were not taken."""
    content_differs: bool = False
    """A duplicate by `key` whose stored text is not the one sent."""

    def to_dict(self) -> dict[str, Any]:
        """The contract's JSON, without empty optional fields."""
        receipt: dict[str, Any] = {
            "id": self.id,
            "layer": self.layer.value,
            "status": self.status,
            "project": self.project,
        }
        optional: tuple[tuple[str, Any], ...] = (
            ("layer_reason", self.layer_reason),
            ("supersedes", list(self.supersedes)),
            ("updated", dict(self.updated) if self.updated else None),
            ("near_duplicates", list(self.near_duplicates)),
            ("redactions", dict(self.redactions)),
            ("not_stored", list(self.not_stored)),
            ("content_differs", self.content_differs),
        )
        receipt.update({name: value for name, value in optional if value})
        receipt["indexed"] = {"lexical": self.lexical, "vector": self.vector}
        return receipt


@dataclass(frozen=True, slots=True)
class Forgotten:
    """What `forget` removed."""

    ids: tuple[int, ...]
    relations_removed: int = 0

    def to_dict(self) -> dict[str, Any]:
        """The contract's JSON."""
        return {"forgotten": list(self.ids), "relations_removed": self.relations_removed}
