"""A `remember` call, checked: from the caller's loose arguments to one frozen value."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from athena_mcp.errors import InvalidArgument
from athena_mcp.layers.registry import known_details
from athena_mcp.model import DEFAULT_IMPORTANCE, MAX_CONTENT_CHARS, Layer, Relation
from athena_mcp.validation import (
    check_choice,
    check_fraction,
    check_id,
    check_list,
    check_mapping,
    check_name,
    check_tags,
    check_text,
    check_time,
)

_SPACES = re.compile(r"\s+")


@dataclass(frozen=True, slots=True)
class RememberRequest:
    """What is to be remembered; every field has been checked except `details`, which depend on the layer."""

    content: str
    project: str
    layer: Layer | None = None
    tags: tuple[str, ...] = ()
    importance: float = DEFAULT_IMPORTANCE
    occurred_at: datetime | None = None
    session_id: str | None = None
    details: Mapping[str, Any] = field(default_factory=dict)
    relations: tuple[Relation, ...] = ()
    replaces: int | None = None
    about: int | None = None
    key: str | None = None


def check_request(
    content: object,
    *,
    project: object,
    layer: object = None,
    tags: object = (),
    importance: object = DEFAULT_IMPORTANCE,
    occurred_at: object = None,
    session_id: object = None,
    details: object = None,
    relations: object = (),
    replaces: object = None,
    about: object = None,
    key: object = None,
    history: bool = False,
) -> RememberRequest:
    """The request, or InvalidArgument naming what is wrong with it. `history`: relations may say when they ended."""
    text = check_text("content", content, MAX_CONTENT_CHARS)
    chosen = None if layer is None else check_choice("layer", layer, Layer)
    if about is not None and chosen not in (None, Layer.EPISODIC):
        raise InvalidArgument(
            "layer",
            f"is {chosen}; a report (about) is kept as an event, so leave the layer out; to store this in the place of "
            "the other memory, give replaces instead of about",
        )
    if about is not None and replaces is not None:
        raise InvalidArgument("replaces", "cannot be combined with about: a report replaces nothing")
    return RememberRequest(
        content=text.strip(),
        project=check_name("project", project),
        layer=chosen,
        tags=check_tags("tags", () if tags is None else tags),
        importance=DEFAULT_IMPORTANCE if importance is None else check_fraction("importance", importance),
        occurred_at=None if occurred_at is None else check_time("occurred_at", occurred_at),
        session_id=None if session_id is None else check_name("session_id", session_id),
        details={} if details is None else known_details(details),
        relations=check_relations(() if relations is None else relations, history=history),
        replaces=None if replaces is None else check_id("replaces", replaces),
        about=None if about is None else check_id("about", about),
        key=None if key is None else check_name("key", key),
    )


def check_relations(raw: object, *, history: bool = False) -> tuple[Relation, ...]:
    """Edges, each with its three names; repeats are dropped. Raises InvalidArgument.

    `history`: with `ended_at`, too, as an export has it.
    """
    known = ("subject", "relation", "object", "ended_at") if history else ("subject", "relation", "object")
    edges: dict[Relation, None] = {}
    for i, entry in enumerate(check_list("relations", raw)):
        argument = f"relations[{i}]"
        fields = check_mapping(argument, entry, known)
        for name in ("subject", "relation", "object"):
            if name not in fields:
                raise InvalidArgument(
                    f"{argument}.{name}", "is missing; a relation has a subject, a relation and an object"
                )
        subject, relation, to = (
            check_name(f"{argument}.{name}", fields[name]) for name in ("subject", "relation", "object")
        )
        ended_at = fields.get("ended_at")
        ended = None if ended_at is None else check_time(f"{argument}.ended_at", ended_at)
        edges[Relation(subject, relation, to, ended)] = None
    return tuple(edges)


def normalise(content: str) -> str:
    """The text by which duplicates are recognised: composed characters, single spaces. Case counts: FOO is not foo."""
    return _SPACES.sub(" ", unicodedata.normalize("NFC", content)).strip()


def content_hash(content: str) -> bytes:
    """SHA-256 of the normalised text."""
    return hashlib.sha256(normalise(content).encode()).digest()


_NUMBERS = re.compile(r"\d+")


def same_numbers(one: str, other: str) -> bool:
    """Whether two texts have the same numbers; texts that differ in one are different facts however alike they look."""
    return sorted(_NUMBERS.findall(one)) == sorted(_NUMBERS.findall(other))


def same_but_numbers(one: str, other: str) -> bool:
    """Whether two normalised texts are the same once every number is taken for any other: one is likely out of date."""
    return _NUMBERS.sub("0", one) == _NUMBERS.sub("0", other)
