"""What must hold in every store after any sequence of writes, checked against a recomputation from the memories."""

from __future__ import annotations

from athena_mcp.db.integrity import INVARIANTS
from tests.db.stores import ask


def check_store(url: str) -> None:
    """Fails when an index, a count or a link of the store does not agree with its memories."""
    assert {invariant.never: ask(url, invariant.count)[0][0] for invariant in INVARIANTS} == {
        invariant.never: 0 for invariant in INVARIANTS
    }
