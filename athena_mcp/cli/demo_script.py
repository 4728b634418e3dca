"""What `athena-mcp demo` remembers and asks: a few days in the life of a developer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

PROJECT = "demo/shop"

RELEASE = "release"
"""The name by which the script refers to the memory of how to cut a release."""


@dataclass(frozen=True, slots=True)
class Lesson:
    """One call of `remember`; `name` lets a later call be about it."""

    arguments: Mapping[str, Any]
    name: str | None = None
    about: str | None = None


@dataclass(frozen=True, slots=True)
class Question:
    """One call of `recall`, and what it shows."""

    query: str
    shows: str
    context: Mapping[str, Any] = field(default_factory=dict)


def lessons(now: datetime) -> tuple[Lesson, ...]:
    """What is remembered, in all five layers."""

    def ago(days: int) -> str:
        return (now - timedelta(days=days)).isoformat()

    return (
        Lesson(
            {
                "content": "The nightly build failed: tests ran out of connections. A pool of eight fixed it.",
                "layer": "episodic",
                "occurred_at": ago(2),
                "details": {"kind": "error", "outcome": "failure", "files": ["payments/pool.py"]},
                "tags": ["ci"],
            }
        ),
        Lesson(
            {
                "content": "Released version 2.4.0 to production without incidents.",
                "layer": "episodic",
                "occurred_at": ago(5),
                "details": {"kind": "event", "outcome": "success"},
            }
        ),
        Lesson(
            {
                "content": "User sessions stay in PostgreSQL, not Redis: one service less to run and to back up.",
                "layer": "semantic",
                "details": {"kind": "decision", "source": "architecture meeting"},
            }
        ),
        # The key is the one in Amazon's own documentation.
        Lesson(
            {"content": "Staging listens on port 8443; its upload key is AKIAIOSFODNN7EXAMPLE.", "layer": "semantic"}
        ),
        Lesson(
            {
                "content": "How to cut a release",
                "layer": "procedural",
                "details": {
                    "steps": ["update CHANGELOG.md", "tag the commit vX.Y.Z", "push the tag; CI publishes the image"],
                    "applies_when": "main is green and the milestone is closed",
                },
            },
            name=RELEASE,
        ),
        Lesson(
            {
                "content": "Renew the certificate of the staging proxy before the next release.",
                "layer": "prospective",
                "details": {"priority": "high", "triggers": [{"on": "branch", "value": "release/*"}]},
            }
        ),
        Lesson(
            {
                "content": "The checkout service calls the auth service for every order.",
                "layer": "graph",
                "relations": [
                    {"subject": "checkout service", "relation": "depends on", "object": "auth service"},
                    {"subject": "checkout service", "relation": "stores carts in", "object": "PostgreSQL"},
                ],
            }
        ),
        Lesson(
            {"content": "Released 2.4.1 by these steps, no surprises.", "details": {"outcome": "success"}},
            about=RELEASE,
        ),
    )


QUESTIONS = (
    Question("when did the build last fail?", "what happened"),
    Question("why did we not use Redis for logins?", "what is true, asked in other words"),
    Question("which port does staging listen on?", "what is true, without the secret it came with"),
    Question("how do we cut a release?", "how it is done, and how often it went well"),
    Question("what is left to do?", "what is to be done, due on this branch", {"branch": "release/2.5"}),
    Question("what depends on the auth service?", "how things hang together"),
    Question("who won the chess tournament in 1972?", "something nobody told it"),
)
