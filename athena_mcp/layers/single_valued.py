"""Relations that hold for one object at a time: stating another ends the former."""

from __future__ import annotations

from athena_mcp.layers.entity_names import relation_key

_SINGLE_VALUED = frozenset(
    relation_key(relation)
    for relation in (
        # Where a thing is and under what address
        "runs on", "runs in", "hosted on", "hosted at", "hosted in", "deployed to", "deployed on", "located in",
        "located at", "lives in", "listens on", "port", "uses port", "has port", "url", "has url", "address", "host",
        # What it is at the moment
        "version", "has version", "at version", "pinned to", "status", "has status", "in state", "state",
        "default branch", "main branch", "license", "licensed under", "written in", "primary language",
        "primary database", "default value", "value", "set to", "timeout", "limit",
        # Who answers for it
        "owner", "owned by", "is owned by", "maintained by", "maintainer", "assigned to", "assignee", "lead",
        "led by", "reports to", "responsible", "on call",
        # When, and what took its place
        "deadline", "due on", "scheduled for", "release date", "replaced by", "superseded by", "renamed to", "moved to",
    )
)  # fmt: skip


def is_single_valued(key: str) -> bool:
    """Whether a relation, given by its `relation_key`, has one object at a time."""
    return key in _SINGLE_VALUED
