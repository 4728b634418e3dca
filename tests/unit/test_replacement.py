from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from athena_mcp.model import Layer, Memory, Relation
from athena_mcp.recall.replacement import find_replacements

THEN = datetime(2026, 1, 10, 9, tzinfo=UTC)
LATER = THEN + timedelta(days=112)


def fact(id: int, text: str, at: datetime = THEN, layer: Layer = Layer.SEMANTIC) -> Memory:
    return Memory(id=id, project="acme/shop", layer=layer, content=text, created_at=at)


def replaced(older: str, newer: str, *, after: timedelta = LATER - THEN, layer: Layer = Layer.SEMANTIC) -> bool:
    """Whether the newer text is found to replace the older one, and nothing else is found."""
    found = find_replacements([fact(17, older, layer=layer), fact(31, newer, THEN + after, layer)])
    assert all((each.newer.id, each.older.id) == (31, 17) for each in found)
    return bool(found)


@pytest.mark.parametrize(
    ("older", "newer"),
    [
        ("Staging Postgres listens on port 5433.", "The staging Postgres now listens on port 6543."),
        ("The retry limit for uploads is 3", "The retry limit for uploads is 5, not 3"),
        ("API rate limit is 100 requests per minute", "API rate limit is 250 requests per minute"),
        ("Session tokens expire after 30 minutes.", "Session tokens expire after 1 hour."),
        ("CI uses Python 3.11", "CI uses Python 3.12"),
        ("Release 2.0 deadline is 2026-03-01", "Release 2.0 deadline is 2026-04-15 because QA is late"),
        ("MAX_RETRIES = 3", "MAX_RETRIES = 5"),
        ("Cache TTL: 30s", "Cache TTL: 60 s"),
        (
            "2026-01-10: the upload timeout is 30 s",
            "Now the upload timeout is 45 s",
        ),
    ],
)
def test_the_same_statement_with_another_number_or_date_replaces_the_older(older: str, newer: str) -> None:
    assert replaced(older, newer)
    assert not replaced(newer, newer)


@pytest.mark.parametrize(
    ("older", "newer"),
    [
        ("The default branch is `master`", "The default branch is `main`"),
        ("The owner of the billing service is Ana", "The owner of the billing service is Bo Li."),
        ("billing is owned by the payments team", "billing is owned by the platform team"),
        ("The package is licensed under MIT", "The package is licensed under Apache-2.0"),
        ("Our staging URL is https://staging.example.com", "Our staging URL is https://stage.example.dev"),
        ("Flag new-checkout is enabled in production", "Flag new-checkout is disabled in production"),
        ("Windows builds are supported", "Windows builds are no longer supported"),
        ("Windows builds are not signed", "Windows builds are signed"),
    ],
)
def test_another_name_or_state_where_only_one_can_hold_replaces_the_older(older: str, newer: str) -> None:
    assert replaced(older, newer)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        # other subjects
        ("The auth service listens on port 8080", "The billing service listens on port 9090"),
        ("The auth-service port is 8080", "The auth-proxy port is 8081"),
        ("Postgres default port is 5432", "MySQL default port is 3306"),
        ("Worker 1 listens on port 9001", "Worker 2 listens on port 9002"),
        ("Worker 1 has 4 GB of memory", "Worker 2 has 4 GB of memory"),
        ("Phase 1 is due 2026-05-01", "Phase 2 is due 2026-06-01"),
        ("The owner of billing is Ana", "The owner of search is Ana"),
        ("Alice is on call", "Bob is on call"),
        # other circumstances
        ("Redis runs on port 6379 in staging", "Redis runs on port 6380 in production"),
        ("The retry limit is 3 for uploads", "The retry limit is 5 for downloads"),
        ("The upload limit is 5 MB free", "The upload limit is 50 MB pro"),
        ("If the cache is cold the timeout is 30 s", "If the cache is cold the timeout is 3 s"),
        ("The gateway listens on port 80", "The gateway listens on port 443 for TLS"),
        # numbers that are names
        ("HTTP 502 means the upstream is down", "HTTP 504 means the upstream is down"),
        ("Issue #41 is a duplicate of #12", "Issue #41 is a duplicate of #13"),
        ("The flaky assertion is in line 40 of app.py", "The flaky assertion is in line 80 of app.py"),
        ("The upload limit is 5 on server 1", "The upload limit is 5 on server 2"),
        ("The fix is in release 1.2", "The fix is in release 1.3"),
        ("Migration 0003 is irreversible", "Migration 0004 is irreversible"),
        # both true
        ("We support Python 3.11", "We support Python 3.12"),
        ("Billing uses Redis", "Billing uses Kafka"),
        ("Redis is fast", "Redis is single-threaded"),
        ("The gateway also listens on port 80", "The gateway also listens on port 443"),
        ("Allowed ports are 80, 443", "Allowed ports are 80, 8080"),
        ("The outage of billing was on 2026-01-10", "The outage of billing was on 2026-02-14"),
        # nobody knows what about
        ("The port is 5433", "The port is 6543"),
        ("The timeout is 30 s", "The timeout is 10 s"),
        ("Their upload limit is 3", "Their upload limit is 5"),
        ("It listens on port 5433", "It listens on port 6543"),
        ("Is the staging port 5433?", "Is the staging port 6543?"),
        # the same, written otherwise
        ("The upload timeout is 30 s", "The upload timeout is 30s"),
        ("The upload quota is 1,000", "The upload quota is 1000"),
        ("The upload timeout is 30 s", "The upload timeout is 30 seconds."),
    ],
)
def test_statements_that_do_not_contradict_each_other_stay_apart(one: str, other: str) -> None:
    assert not replaced(one, other)
    assert not replaced(other, one)


def test_an_older_memory_that_says_more_is_not_replaced() -> None:
    older = "The staging database is on port 5433. Backups go to S3 every night."
    assert not replaced(older, "The staging database is on port 6543.")
    assert replaced(
        older, "Backups go to S3 every night. The staging database is on port 6543. It was moved for the audit."
    )


def test_a_memory_too_long_to_be_read_whole_is_not_replaced() -> None:
    older, newer = "The upload limit is 3.", "The upload limit is 5."
    same = "".join(f" Fact {number} holds." for number in range(20))
    assert not replaced(older + same, newer + same)
    assert not replaced(f"{older} A{' word' * 600}", f"{newer} A{' word' * 600}")
    assert not replaced(
        f"After {'a word ' * 60} the upload limit is 3", f"After {'a word ' * 60} the upload limit is 5"
    )
    assert replaced(f"{older} After {'a word ' * 60}.", f"{newer} After {'a word ' * 60}.")


def test_a_value_that_the_newer_denies_must_be_the_older_one() -> None:
    assert replaced("The upload limit is 3", "The upload limit is 5 (was 3)")
    assert not replaced("The upload limit is 3", "The upload limit is 5 (was 4)")


def test_what_may_have_several_values_must_be_told_at_another_time_or_say_that_it_changed() -> None:
    older, newer = "The gateway listens on port 80", "The gateway listens on port 443"
    assert not replaced(older, newer, after=timedelta(minutes=5))
    assert replaced(older, newer, after=timedelta(days=5))
    assert replaced(older, "The gateway now listens on port 443", after=timedelta(minutes=5))


@pytest.mark.parametrize("layer", [Layer.EPISODIC, Layer.PROCEDURAL, Layer.PROSPECTIVE])
def test_events_procedures_and_tasks_are_not_compared(layer: Layer) -> None:
    assert not replaced("The upload limit is 3", "The upload limit is 5", layer=layer)


def test_of_two_memories_of_the_same_time_neither_is_the_newer() -> None:
    assert not replaced("The upload limit is 3", "The upload limit is 5", after=timedelta(0))


def test_another_project_or_other_tags_mean_another_subject() -> None:
    older, newer = fact(1, "The upload limit is 3"), fact(2, "The upload limit is 5", LATER)
    assert find_replacements([older, newer])
    assert not find_replacements([older, replace(newer, project="global")])
    assert not find_replacements([replace(older, tags=("staging",)), replace(newer, tags=("production",))])
    assert find_replacements([replace(older, tags=("limits", "api")), replace(newer, tags=("api",))])


def test_the_newest_of_several_restatements_is_named_for_each_older_one() -> None:
    limits = [fact(day, f"The upload limit is {day}", THEN + timedelta(days=day)) for day in (3, 9, 5)]
    found = find_replacements(limits)
    assert [(each.older.id, each.newer.id) for each in found] == [(3, 9), (5, 9)]


def test_a_recorded_replacement_is_believed_whatever_the_texts_say() -> None:
    older = replace(fact(1, "Deploy with make ship", layer=Layer.PROCEDURAL), superseded_by=2, superseded_at=LATER)
    found = find_replacements([older, fact(2, "Deploys are automatic", LATER, Layer.EPISODIC)])
    assert [(each.newer.id, each.reason) for each in found] == [(2, "recorded")]


def owned(id: int, at: datetime, *edges: tuple[str, str, str], text: str = "billing ownership") -> Memory:
    return replace(fact(id, text, at, Layer.GRAPH), relations=tuple(Relation(*edge) for edge in edges))


def test_the_same_subject_and_single_valued_relation_with_another_object_replaces() -> None:
    older = owned(1, THEN, ("BillingService", "owned by", "Ana"))
    found = find_replacements([older, owned(2, LATER, ("billing-service", "owned_by", "Bo"))])
    assert [(each.newer.id, each.older.id, each.reason) for each in found] == [(2, 1, "relation")]


def test_a_fact_that_says_more_than_its_relations_is_not_replaced_by_another_relation() -> None:
    newer = owned(2, LATER, ("billing", "owned by", "Bo"))
    text = "Ana has billing. She wants reviews in the morning."
    assert not find_replacements([owned(1, THEN, ("billing", "owned by", "Ana"), text=text), newer])


@pytest.mark.parametrize(
    ("older", "newer"),
    [
        ([("billing", "depends on", "redis")], [("billing", "depends on", "kafka")]),
        ([("billing", "owned by", "Ana")], [("search", "owned by", "Bo")]),
        ([("billing", "owned by", "Ana")], [("billing", "owned by", "Ana")]),
        ([("billing", "owned by", "Ana")], [("billing", "hosted on", "AWS")]),
        ([("billing", "owned by", "Ana"), ("billing", "depends on", "redis")], [("billing", "owned by", "Bo")]),
        ([("billing", "owned by", "Ana")], [("billing", "owned by", "Bo"), ("billing", "owned by", "Cy")]),
    ],
)
def test_relations_that_can_both_hold_or_cover_only_a_part_do_not_replace(
    older: list[tuple[str, str, str]], newer: list[tuple[str, str, str]]
) -> None:
    assert not find_replacements([owned(1, THEN, *older), owned(2, LATER, *newer)])
