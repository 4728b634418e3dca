"""A `recall` call, checked: from the caller's loose arguments to one frozen value."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType
from typing import Any

from athena_mcp.errors import InvalidArgument
from athena_mcp.model import (
    DEFAULT_K,
    GLOBAL_PROJECT,
    MAX_CONTENT_CHARS,
    MAX_ITEM_CHARS,
    MAX_K,
    MAX_NAME_CHARS,
    MAX_QUERY_CHARS,
    Layer,
)
from athena_mcp.validation import (
    check_end,
    check_flag,
    check_integer,
    check_layers,
    check_mapping,
    check_name,
    check_tags,
    check_text,
    check_texts,
    check_time,
)

MAX_DEPTH = 3
CONTEXT_KEYS = ("session_id", "task", "phase", "files", "branch")


@dataclass(frozen=True, slots=True)
class RecallContext:
    """What the caller is at. It weighs, it does not filter."""

    session_id: str | None = None
    task: str | None = None
    phase: str | None = None
    files: tuple[str, ...] = ()
    branch: str | None = None

    def to_mapping(self) -> MappingProxyType[str, Any]:
        """The fields that are given, as the read-only mapping that selection and layers take."""
        fields = {name: getattr(self, name) for name in CONTEXT_KEYS}
        return MappingProxyType({name: value for name, value in fields.items() if value})


@dataclass(frozen=True, slots=True)
class RecallRequest:
    """What is asked; every field has been checked."""

    query: str
    project: str
    context: RecallContext = field(default_factory=RecallContext)
    k: int = DEFAULT_K
    depth: int | None = None
    """The depth asked for; None means the least that is good enough."""
    include_scores: bool = True
    explain: bool = False
    use_cache: bool = True
    use_parallel: bool = True
    layers: tuple[Layer, ...] | None = None
    since: datetime | None = None
    until: datetime | None = None
    tags: tuple[str, ...] = ()
    without: frozenset[int] = frozenset()
    """Ids that may not be answered; how a benchmark makes a question that the store cannot answer."""

    @property
    def scope(self) -> tuple[str, ...]:
        """The projects that are seen."""
        return tuple(dict.fromkeys((self.project, GLOBAL_PROJECT)))


def check_request(
    query: object,
    *,
    project: object,
    context: object = None,
    k: object = DEFAULT_K,
    cascade_depth: object = None,
    include_scores: object = True,
    explain_reasoning: object = False,
    use_cache: object = True,
    auto_select_depth: object = True,
    use_parallel: object = True,
    layers: object = None,
    since: object = None,
    until: object = None,
    tags: object = (),
) -> RecallRequest:
    """The request, or InvalidArgument naming what is wrong with it."""
    depth = None if cascade_depth is None else check_integer("cascade_depth", cascade_depth, 1, MAX_DEPTH)
    if not check_flag("auto_select_depth", auto_select_depth) and depth is None:
        depth = MAX_DEPTH
    earliest = None if since is None else check_time("since", since)
    latest = None if until is None else check_end("until", until)
    if earliest and latest and earliest > latest:
        raise InvalidArgument("since", "is later than until")
    return RecallRequest(
        query=check_text("query", query, MAX_QUERY_CHARS),
        project=check_name("project", project),
        context=check_context({} if context is None else context),
        k=DEFAULT_K if k is None else check_integer("k", k, 1, MAX_K),
        depth=depth,
        include_scores=check_flag("include_scores", include_scores),
        explain=check_flag("explain_reasoning", explain_reasoning),
        use_cache=check_flag("use_cache", use_cache),
        use_parallel=check_flag("use_parallel", use_parallel),
        layers=None if layers is None else check_layers("layers", layers),
        since=earliest,
        until=latest,
        tags=check_tags("tags", () if tags is None else tags),
    )


def check_context(raw: object) -> RecallContext:
    """The caller's context, copied; what they passed is never changed. Raises InvalidArgument."""
    given = check_mapping("context", raw, CONTEXT_KEYS)

    def text(name: str, max_chars: int) -> str | None:
        if name not in given or given[name] == "":  # an empty one clears what the session said before
            return None
        return check_text(f"context.{name}", given[name], max_chars).strip()

    return RecallContext(
        session_id=check_name("context.session_id", given["session_id"]) if "session_id" in given else None,
        task=text("task", MAX_CONTENT_CHARS),
        phase=text("phase", MAX_NAME_CHARS),
        files=check_texts("context.files", given.get("files", ()), max_chars=MAX_ITEM_CHARS),
        branch=text("branch", MAX_NAME_CHARS),
    )
