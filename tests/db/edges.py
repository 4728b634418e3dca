"""Relations as a caller states them."""

from __future__ import annotations


def edge(subject: str, relation: str, to: str) -> dict[str, str]:
    return {"subject": subject, "relation": relation, "object": to}
