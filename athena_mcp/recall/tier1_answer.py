"""What Tier 1 answers: the rows of every layer, and what became of each."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Generic, TypeVar

from athena_mcp.model import LayerOutcome
from athena_mcp.recall.selection import Selection

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Tier1Answer(Generic[T]):
    """The answer of all registered layers, in the order in which they were registered.

    `answer["semantic"]` is `answer.rows["semantic"]`: empty for a layer that had nothing, was not asked or failed;
    `answer.outcomes["semantic"]` says which. `selection` is None when the caller named the layers.
    """

    rows: Mapping[str, tuple[T, ...]]
    outcomes: Mapping[str, LayerOutcome]
    parallel: bool
    """Whether the layers ran side by side."""
    elapsed_ms: float
    selection: Selection | None

    def __getitem__(self, layer: str) -> tuple[T, ...]:
        return self.rows[layer]

    def __iter__(self) -> Iterator[str]:
        return iter(self.rows)

    def __len__(self) -> int:
        return len(self.rows)

    def __contains__(self, layer: object) -> bool:
        return layer in self.rows

    @property
    def failed(self) -> tuple[str, ...]:
        """The layers whose answer is missing."""
        return tuple(name for name, outcome in self.outcomes.items() if outcome.failed)

    @property
    def all_failed(self) -> bool:
        """Whether layers were asked and none of them answered."""
        asked = [outcome for outcome in self.outcomes.values() if outcome.status != "skipped"]
        return bool(asked) and all(outcome.failed for outcome in asked)
