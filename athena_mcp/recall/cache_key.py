"""What two recalls must have in common for the answer to one to be the answer to the other."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import fields
from operator import attrgetter
from types import MappingProxyType
from typing import Any, Final

from athena_mcp.recall.request import RecallRequest

SAME_ANSWER: Final[Mapping[str, str]] = MappingProxyType(
    {
        "include_scores": "presentation: set anew on every answer that is handed out",
        "use_cache": "whether the cache is asked, not what it is asked for",
        "use_parallel": "how the layers are asked, not which or for what",
    }
)
"""The fields of a request that do not change its answer, each with the reason. Every other field is in the key."""

Question = tuple[Any, ...]
"""What of a request changes its answer."""

_told: Final = attrgetter(*(field.name for field in fields(RecallRequest) if field.name not in {"query", *SAME_ANSWER}))


def question_of(request: RecallRequest) -> Question:
    """The request without what does not change its answer. It carries the effective context, what the session adds
    included."""
    return (request.query.strip(), *_told(request))


def cache_key(question: Question, scope: Sequence[str], versions: Mapping[str, int], *, epoch: Hashable) -> Hashable:
    """The key of a question's answer, as the store stood at `versions` (project name to version).

    A project of `scope` that is not in `versions` holds nothing yet, and its first memory changes the key; projects out
    of scope do not matter. `epoch` stands for what else an answer hangs on and is the same for all requests, such as
    which embedder answers.
    """
    return (question, tuple((name, versions.get(name)) for name in scope), epoch)
