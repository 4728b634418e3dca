"""A case: memories, and questions with the memories that answer them.

As a file it is one JSON object: `{"name", "memories": [{"id", "at"?, "session"?, "text", "layer"?, "details"?,
"relations"?, "tags"?}], "queries": [{"q", "relevant": [ids], "category"?}]}`. What of a memory `remember` takes by the
same name is stored with it; the references know the text alone. A question without relevant memories has no answer and
is not scored here.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from athena_mcp.bench.failure import BenchFailed

POOLED = "pooled"


@dataclass(frozen=True, slots=True)
class CaseMemory:
    """A memory to store; `at` is an ISO time, `session` the name of the session it belongs to."""

    id: str
    text: str
    at: str | None = None
    session: str | None = None
    layer: str | None = None
    details: Mapping[str, Any] | None = None
    relations: Sequence[Mapping[str, str]] = ()
    tags: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class CaseQuery:
    """A question and the ids of all memories that answer it; `case` is the case it comes from, also when pooled."""

    text: str
    relevant: frozenset[str]
    case: str
    category: str | None = None


@dataclass(frozen=True, slots=True)
class Case:
    """Memories in their order, and questions about them."""

    name: str
    memories: tuple[CaseMemory, ...]
    queries: tuple[CaseQuery, ...]

    def to_dict(self) -> dict[str, Any]:
        """The file's JSON."""
        return {
            "name": self.name,
            "memories": [
                _without_none(
                    {
                        "id": row.id,
                        "at": row.at,
                        "session": row.session,
                        "text": row.text,
                        "layer": row.layer,
                        "details": row.details,
                        "relations": row.relations or None,
                        "tags": row.tags or None,
                    }
                )
                for row in self.memories
            ],
            "queries": [
                _without_none({"q": row.text, "relevant": sorted(row.relevant), "category": row.category})
                for row in self.queries
            ],
        }


def read_case(path: Path) -> Case:
    """The case in a file. Raises BenchFailed saying what is wrong with it."""
    try:
        raw = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise BenchFailed(f"{path} is not JSON: {error}.") from error
    try:
        return parse_case(raw, path.stem)
    except BenchFailed as error:
        raise BenchFailed(f"{path}: {error}") from error


def parse_case(raw: object, name: str) -> Case:
    """The case in decoded JSON; `name` is used when it has none. Raises BenchFailed."""
    whole = _object(raw, "the file")
    given = whole.get("name", name)
    if not isinstance(given, str) or not given.strip():
        raise BenchFailed("name: must be text")
    memories = tuple(_memory(row, number) for number, row in enumerate(_list(whole, "memories"), 1))
    if not memories:
        raise BenchFailed("memories: there are none")
    if len({row.id for row in memories}) < len(memories):
        raise BenchFailed("memories: two have the same id")
    queries = tuple(_query(row, number, given) for number, row in enumerate(_list(whole, "queries"), 1))
    return Case(given, memories, queries)


def write_case(case: Case, path: Path) -> None:
    """Write a case as a file that `read_case` reads."""
    path.write_text(json.dumps(case.to_dict(), ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


def pool(cases: Sequence[Case]) -> Case:
    """All cases as one, whose ids are made distinct by their case's name."""
    return Case(
        POOLED,
        tuple(
            replace(row, id=f"{case.name}/{row.id}", session=f"{case.name}/{row.session}" if row.session else None)
            for case in cases
            for row in case.memories
        ),
        tuple(
            CaseQuery(row.text, frozenset(f"{case.name}/{id}" for id in row.relevant), row.case, row.category)
            for case in cases
            for row in case.queries
        ),
    )


def _memory(raw: object, number: int) -> CaseMemory:
    row = _object(raw, f"memory {number}")
    for field in ("id", "text"):
        if not isinstance(row.get(field), str) or not row[field].strip():
            raise BenchFailed(f"memory {number}: {field} must be text")
    for field in ("at", "session", "layer"):
        if row.get(field) is not None and not isinstance(row[field], str):
            raise BenchFailed(f"memory {number}: {field} must be text")
    for field, kind in (("details", dict), ("relations", list), ("tags", list)):
        if row.get(field) is not None and not isinstance(row[field], kind):
            raise BenchFailed(f"memory {number}: {field} must be {'an object' if kind is dict else 'a list'}")
    return CaseMemory(
        row["id"],
        row["text"],
        row.get("at") or None,
        row.get("session") or None,
        layer=row.get("layer") or None,
        details=row.get("details") or None,
        relations=tuple(row.get("relations") or ()),
        tags=tuple(row.get("tags") or ()),
    )


def _query(raw: object, number: int, case: str) -> CaseQuery:
    row = _object(raw, f"query {number}")
    if not isinstance(row.get("q"), str) or not row["q"].strip():
        raise BenchFailed(f"query {number}: q must be text")
    relevant = _list(row, "relevant", f"query {number}: ")
    if not all(isinstance(id, str) for id in relevant):
        raise BenchFailed(f"query {number}: relevant must be a list of ids")
    category = row.get("category")
    return CaseQuery(row["q"], frozenset(relevant), case, None if category is None else str(category))


def _object(raw: object, what: str) -> Mapping[str, Any]:
    if not isinstance(raw, dict):
        raise BenchFailed(f"{what} must be a JSON object")
    return raw


def _list(raw: Mapping[str, Any], name: str, where: str = "") -> Sequence[Any]:
    found = raw.get(name)
    if not isinstance(found, list):
        raise BenchFailed(f"{where}{name}: must be a list")
    return found


def _without_none(row: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in row.items() if value is not None}
