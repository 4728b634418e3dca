"""The key of a cached answer: whatever changes an answer changes its key, and nothing else does."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, replace
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from athena_mcp.model import GLOBAL_PROJECT, Layer
from athena_mcp.recall.cache_key import SAME_ANSWER, cache_key, question_of
from athena_mcp.recall.request import RecallContext, RecallRequest, check_request

REQUEST = RecallRequest(query="which port does staging use", project="owner/project")
VERSIONS = {"owner/project": 3, GLOBAL_PROJECT: 1}

OTHERS: dict[str, Any] = {
    "query": "which port does production use",
    "project": "owner/other",
    "context": RecallContext(task="move the port"),
    "k": 6,
    "depth": 1,
    "explain": True,
    "layers": (Layer.SEMANTIC,),
    "since": datetime(2026, 1, 1, tzinfo=UTC),
    "until": datetime(2026, 1, 1, tzinfo=UTC),
    "tags": ("staging",),
    "without": frozenset({7}),
}
"""For each field that changes the answer, another value than REQUEST's. A new field belongs here or in SAME_ANSWER."""

OTHER_CONTEXTS: dict[str, Any] = {
    "session_id": "another",
    "task": "another",
    "phase": "another",
    "files": ("another.py",),
    "branch": "another",
}


def key_of(
    request: RecallRequest = REQUEST, versions: Mapping[str, int] = VERSIONS, *, epoch: str = "static"
) -> object:
    return cache_key(question_of(request), request.scope, versions, epoch=epoch)


@pytest.mark.parametrize("name", [field.name for field in fields(RecallRequest)])
def test_every_field_of_a_request_is_in_the_key_or_known_not_to_change_the_answer(name: str) -> None:
    assert (name in OTHERS) != (name in SAME_ANSWER), f"say whether {name} changes the answer"
    if name in SAME_ANSWER:
        flag: dict[str, Any] = {name: not getattr(REQUEST, name)}
        assert key_of(replace(REQUEST, **flag)) == key_of()
        assert hash(key_of(replace(REQUEST, **flag))) == hash(key_of())
    else:
        assert getattr(REQUEST, name) != OTHERS[name]
        assert key_of(replace(REQUEST, **{name: OTHERS[name]})) != key_of()


def test_what_does_not_change_the_answer_is_listed_with_a_reason() -> None:
    assert set(SAME_ANSWER) == {"include_scores", "use_cache", "use_parallel"}
    assert all(SAME_ANSWER.values())


@pytest.mark.parametrize("name", [field.name for field in fields(RecallContext)])
def test_every_field_of_the_context_is_in_the_key(name: str) -> None:
    context = RecallContext(**{name: OTHER_CONTEXTS[name]})
    assert key_of(replace(REQUEST, context=context)) != key_of()


@pytest.mark.parametrize("query", [f"  {REQUEST.query}", f"{REQUEST.query}\n\t"])
def test_white_space_around_the_query_does_not_matter(query: str) -> None:
    assert key_of(replace(REQUEST, query=query)) == key_of()


@pytest.mark.parametrize("query", [REQUEST.query.upper(), REQUEST.query.replace(" ", "  "), f"{REQUEST.query}?"])
def test_the_query_is_otherwise_taken_literally(query: str) -> None:
    assert key_of(replace(REQUEST, query=query)) != key_of()


@pytest.mark.parametrize("project", list(VERSIONS))
def test_a_write_to_any_project_in_scope_changes_the_key(project: str) -> None:
    assert key_of(versions={**VERSIONS, project: VERSIONS[project] + 1}) != key_of()


@pytest.mark.parametrize("project", list(VERSIONS))
def test_the_first_memory_of_a_project_changes_the_key(project: str) -> None:
    absent = {name: version for name, version in VERSIONS.items() if name != project}
    assert key_of(versions=absent) != cache_key(
        question_of(REQUEST), REQUEST.scope, {**absent, project: 0}, epoch="static"
    )


def test_a_write_to_another_project_does_not_change_the_key() -> None:
    assert key_of(versions={**VERSIONS, "owner/other": 9}) == key_of()


def test_versions_are_not_confused_between_projects() -> None:
    swapped = {"owner/project": 1, GLOBAL_PROJECT: 3}
    assert key_of(versions=swapped) != key_of()


def test_the_epoch_changes_the_key() -> None:
    assert key_of(epoch="http") != key_of()


def test_the_same_moment_in_another_zone_is_the_same_key() -> None:
    moment = datetime(2026, 1, 31, 9, 30, tzinfo=UTC)
    elsewhere = moment.astimezone(timezone(timedelta(hours=5)))
    first, second = (check_request("q", project="p", since=since) for since in (moment, elsewhere))
    assert key_of(first) == key_of(second)
    assert hash(key_of(first)) == hash(key_of(second))


def test_the_key_outlives_changes_to_the_versions_it_was_made_from() -> None:
    versions = dict(VERSIONS)
    key = key_of(versions=versions)
    versions[GLOBAL_PROJECT] += 1
    assert key == key_of()
