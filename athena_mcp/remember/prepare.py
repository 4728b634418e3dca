"""From a checked request to what will be stored: secrets redacted, layer chosen, details typed. No database."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from athena_mcp.errors import InvalidArgument
from athena_mcp.layers import episodic
from athena_mcp.layers.prospective import TaskMove
from athena_mcp.layers.records import NewMemory
from athena_mcp.layers.registry import parse_details
from athena_mcp.model import (
    GLOBAL_PROJECT,
    MAX_CONTENT_CHARS,
    MAX_ITEM_CHARS,
    MAX_ITEMS,
    MAX_NAME_CHARS,
    MAX_TAG_CHARS,
    Details,
    EpisodicDetails,
    Layer,
    ProceduralDetails,
    Relation,
    TaskStatus,
)
from athena_mcp.remember.classify import classify
from athena_mcp.remember.project_names import LOOKS_SECRET
from athena_mcp.remember.redact import Redacted, Redactor
from athena_mcp.remember.request import RememberRequest, content_hash
from athena_mcp.validation import check_choice, check_text, check_time

MAX_DETAIL_DEPTH = 4
"""The details, a list in them, an entry of it, a field of that: nothing that is accepted is nested deeper."""
MAX_FILES_FOUND_BY = 20
"""Files that a memory is also found by; a sweeping change would be found by everything."""

NO_EDGE = "no edge is stored unless you give `relations`"


@dataclass(frozen=True, slots=True)
class Prepared:
    """A memory ready to be stored."""

    request: RememberRequest
    layer: Layer
    details: Details
    reason: str | None = None
    """Why this layer, when the caller did not choose."""
    redactions: Mapping[str, int] | None = None
    move: TaskMove = field(default_factory=TaskMove)
    """What a report changes of the task it is about."""

    @property
    def also(self) -> str:
        """What else it is found by: tags, files, steps, conditions, and the names in its relations."""
        return found_by(self.request.tags, self.details, self.request.relations)

    @property
    def meaning(self) -> str:
        """The text that is embedded: the content, and of a procedure also when it applies and its steps."""
        match self.details:
            case ProceduralDetails(steps, applies_when):
                text = "\n".join(part for part in (self.request.content, applies_when, *steps) if part)
                return text[:MAX_CONTENT_CHARS]
            case _:
                return self.request.content


def redact_request(request: RememberRequest, redactor: Redactor) -> tuple[RememberRequest, Mapping[str, int]]:
    """The request without its secrets, and how many of each kind there were.

    A secret in a name that must stay as it is (project, session, key) is refused: InvalidArgument.
    """
    texts = frozenset(_texts(request))
    hints = redactor.hints_in(texts)
    counts: Counter[str] = Counter()

    def redact(text: str) -> Redacted:
        # What hints were looked for in needs no other; whatever else comes by is searched for all of them.
        return redactor.redact(text, hints if text in texts else None)

    def clean(text: str) -> str:
        redacted = redact(text)
        if redacted.counts:
            counts.update(redacted.counts)
        return redacted.text

    for argument, name in (("project", request.project), ("session_id", request.session_id), ("key", request.key)):
        if name and redact(name).counts:
            raise InvalidArgument(argument, LOOKS_SECRET)

    if request.project != GLOBAL_PROJECT and request.project.casefold() == GLOBAL_PROJECT:
        raise InvalidArgument("project", f"the one that all projects see is written {GLOBAL_PROJECT!r}")

    def clean_value(value: Any, depth: int = 0) -> Any:
        if depth > MAX_DETAIL_DEPTH:
            raise InvalidArgument("details", "are nested too deeply")
        match value:
            # What is longer than a detail may be is refused later, so no time is spent on it here.
            case str() if len(value) <= MAX_ITEM_CHARS:
                return clean(value)
            case Mapping() if len(value) <= MAX_ITEMS:
                return {key: clean_value(entry, depth + 1) for key, entry in value.items()}
            case Sequence() if len(value) <= MAX_ITEMS and not isinstance(value, str):
                return [clean_value(entry, depth + 1) for entry in value]
            case _:
                return value

    def clean_name(argument: str, text: str, max_chars: int) -> str:
        # A marker may be longer than the secret was.
        return check_text(argument, clean(text), max_chars)

    cleaned = replace(
        request,
        content=clean(request.content),
        tags=tuple(clean_name("tags", tag, MAX_TAG_CHARS) for tag in request.tags),
        details=clean_value(request.details),
        relations=tuple(
            replace(
                edge,
                subject=clean_name("relations", edge.subject, MAX_NAME_CHARS),
                relation=clean_name("relations", edge.relation, MAX_NAME_CHARS),
                object=clean_name("relations", edge.object, MAX_NAME_CHARS),
            )
            for edge in request.relations
        ),
    )
    if len(cleaned.content) > MAX_CONTENT_CHARS:
        raise InvalidArgument("content", f"has more than {MAX_CONTENT_CHARS:,} characters once its secrets are marked")
    return cleaned, dict(counts)


def _texts(request: RememberRequest) -> Iterator[str]:
    """The texts in which secrets are looked for, but for what is deep in the details."""
    yield from (request.content, request.project, request.session_id or "", request.key or "", *request.tags)
    for edge in request.relations:
        yield from (edge.subject, edge.relation, edge.object)
    for value in request.details.values():
        if isinstance(value, str):
            yield value
        elif isinstance(value, list | tuple):
            yield from (entry for entry in value if isinstance(entry, str))


def prepare(request: RememberRequest, redactor: Redactor) -> Prepared:
    """Redact, choose the layer, and type the details. Raises InvalidArgument.

    What a report (`about`) may say depends on what it is about; the task's `status` and `due_at` are taken out here and
    applied there.
    """
    request, redactions = redact_request(request, redactor)
    reason = None
    layer = request.layer
    if layer is None:
        chosen = classify(
            request.content,
            detail_keys=tuple(request.details),
            kind=kind if isinstance(kind := request.details.get("kind"), str) else None,
            has_relations=bool(request.relations),
            about=request.about is not None,
        )
        layer, reason = chosen.layer, chosen.reason
        if layer is Layer.GRAPH and not request.relations:
            reason = f"{reason}; {NO_EDGE}"
    details = dict(request.details)
    move = TaskMove() if request.about is None else _task_move(request.about, details)
    return Prepared(request, layer, parse_details(layer, details), reason, redactions, move)


def _task_move(about: int, details: dict[str, Any]) -> TaskMove:
    """What a report's details say of the task, taken out of them; the rest is the event's. Raises InvalidArgument."""
    status, due_at = details.pop("status", None), details.pop("due_at", None)
    if strange := [key for key in details if key not in episodic.FIELDS]:
        own = ", ".join(episodic.FIELDS)
        raise InvalidArgument(
            f"details.{strange[0]}",
            f"is not changed by a report (about), whose details are: {own}, and for a task: status, due_at. To change "
            f"it, remember the whole anew with replaces={about}",
        )
    return TaskMove(
        None if status is None else check_choice("details.status", status, TaskStatus),
        None if due_at is None else check_time("details.due_at", due_at),
    )


def found_by(tags: Sequence[str], details: Details, relations: Sequence[Relation]) -> str:
    """The words outside of its text that lead to a memory, a line each."""
    lines = [*tags]
    match details:
        case EpisodicDetails(files=files):
            lines += files[:MAX_FILES_FOUND_BY]
        case ProceduralDetails(steps, applies_when):
            lines += [*([applies_when] if applies_when else []), *steps]
        case _:
            pass
    lines += [f"{edge.subject} {edge.relation} {edge.object}" for edge in relations]
    return "\n".join(lines)[:MAX_CONTENT_CHARS]


def new_memory(prepared: Prepared, project_id: int, memory_id: int, session_id: str) -> NewMemory:
    """The row of a prepared memory."""
    request = prepared.request
    return NewMemory(
        project_id=project_id,
        id=memory_id,
        layer=prepared.layer,
        content=request.content,
        content_hash=content_hash(request.content),
        session_id=request.session_id or session_id,
        details=prepared.details,
        also=prepared.also,
        occurred_at=request.occurred_at,
        tags=request.tags,
        importance=request.importance,
        key=request.key,
        about=request.about,
    )
