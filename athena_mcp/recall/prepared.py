"""The context that Tier 1's layers are handed: the caller's, and with it the search made ready once for all of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from athena_mcp.search.candidates import Search


@dataclass(frozen=True)
class PreparedContext(Mapping[str, Any]):
    """Reads as the caller's context; `search` spares every layer to embed and weigh the query again."""

    given: Mapping[str, Any]
    search: Search

    def __getitem__(self, key: str) -> Any:
        return self.given[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self.given)

    def __len__(self) -> int:
        return len(self.given)
