from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from athena_mcp.model import Layer
from athena_mcp.remember.classify import SHORT_CHARS, classify

SENTENCES: dict[Layer, tuple[str, ...]] = {
    Layer.EPISODIC: (
        "The nightly build failed because the runner was out of disk",
        "Deployed release 4.2 to production at noon",
        "Fixed the off-by-one in pagination",
        "Fix flaky websocket test",
        "fix(pool): return the connection after a timeout",
        "chore: bump the linter",
        "Merge branch 'main' into billing",
        "Bump numpy from 2.1 to 2.2",
        "We decided to keep the queue in PostgreSQL",
        "Decided today: no more feature flags in the client",
        "Yesterday the staging database was unreachable for ten minutes",
        "Ran the whole suite, 3 tests failed in the parser",
        "pytest: 214 tests passed in 12 s",
        "2025-11-03: moved the cron jobs to timers",
        "Crashed with exit code 137 during the import",
        "Tried to upgrade the driver, rolled back after the pool leaked",
        "The user asked for dark mode and rejected the first draft",
        "I found that the cache never expires",
        "Last week the certificate expired and logins broke",
        "Maria: hey, can you look at my branch?",
        "user: please make the tests faster",
        "assistant: The tests use a shared database now.",
        'Error: relation "invoices" does not exist',
        "Incident: checkout was down for an hour",
        "Handled the empty response of the geocoder",
        "Reverted the change to the retry policy",
        "The migration was rolled back",
        'Traceback (most recent call last): File "app.py", line 3',
        "Refactored the importer so that it should be faster",
        "Moved the TODO list out of the readme",
    ),
    Layer.SEMANTIC: (
        "Staging listens on port 5433",
        "The team prefers composition over inheritance",
        "Always use UTC in timestamps",
        "Never commit generated files",
        "The API returns 404 when the invoice was deleted",
        "Postgres: version 16 in staging, 15 in production",
        "Redis is only a cache here",
        "Python 3.11 is the oldest version we support",
        "The service is deployed on Kubernetes",
        "Failed jobs are kept for 30 days",
        "The failed jobs table has no index",
        "Decision: one schema per tenant",
        "Preference: short commit messages",
        "Release branches are named after rivers",
        "Test data lives in fixtures",
        "Uses uv instead of pip",
        "Avoid global state in handlers",
        "The billing currency is EUR",
        "Note: invoices are numbered per year",
        "Ann prefers tabs",
        "If the lock was left behind, the next start removes it",
        "Lesson learned: connection pools hide slow queries",
        "The rate limit is 60 requests a minute",
    ),
    Layer.PROCEDURAL: (
        "To release: 1. bump the version 2. tag 3. push the tag",
        "How to rotate the signing key: create a new one, publish it, revoke the old one",
        "To run the integration tests, start the containers and call make check",
        "Steps to reproduce the leak: open two tabs, log out in one",
        "Run the migrations, then restart the workers",
        "Build the wheel -> upload it to the index -> announce it",
        "Procedure for a rollback: revert, tag, deploy",
        "1. stop the workers\n2. drain the queue\n3. start the new version",
        "Steps: freeze main, cut the branch, bake the images",
        "Step 1: export the dump. Step 2: load it into staging.",
        "This is how we cut a release: freeze, tag, publish",
        "In order to refresh the cache, call the purge endpoint",
        "The process for on-call handover is to update the sheet and ping the next person",
    ),
    Layer.PROSPECTIVE: (
        "TODO: add an index on invoices.customer_id",
        "TODO add retries to the webhook sender",
        "Remind me to rotate the keys",
        "Don't forget to remove the feature flag",
        "Don\N{RIGHT SINGLE QUOTATION MARK}t forget the changelog",
        "Need to write tests for the parser",
        "We must ship the exporter before Friday",
        "The docs need to be updated for the new flag",
        "Fix the login page by Friday",
        "The importer should be rewritten in Rust",
        "Follow up with the vendor about the invoice",
        "- [ ] migrate the billing cron",
        "Next steps: wire the cache, measure, document",
        "I will look at the flaky test tomorrow",
        "Investigate the memory growth of the worker",
        "Waiting on legal for the new licence text",
        "Goal: halve the start-up time",
        "We still need to agree on a name for the package",
        "The certificate renewal is due next month",
        "Remember to clear the cache after the deploy",
    ),
    Layer.GRAPH: (
        "checkout depends on the auth service",
        "OrderService calls PaymentGateway",
        "The parser is part of the compiler package",
        "The billing module is owned by the platform team",
        "invoice-worker publishes to the billing queue",
        "AdminView inherits from BaseView",
        "The exporter reads from the replica",
        "Dana owns the release process",
        "frontend talks to the gateway",
        "api.client imports api.transport",
    ),
}


@pytest.mark.parametrize(
    ("layer", "sentence"), [(layer, sentence) for layer, sentences in SENTENCES.items() for sentence in sentences]
)
def test_a_text_goes_to_the_layer_its_words_speak_of(layer: Layer, sentence: str) -> None:
    found = classify(sentence)

    assert found.layer is layer, found.reason


@pytest.mark.parametrize(
    ("key", "layer"),
    [
        ("outcome", Layer.EPISODIC),
        ("files", Layer.EPISODIC),
        ("confidence", Layer.SEMANTIC),
        ("source", Layer.SEMANTIC),
        ("steps", Layer.PROCEDURAL),
        ("applies_when", Layer.PROCEDURAL),
        ("status", Layer.PROSPECTIVE),
        ("priority", Layer.PROSPECTIVE),
        ("due_at", Layer.PROSPECTIVE),
        ("triggers", Layer.PROSPECTIVE),
    ],
)
def test_a_detail_that_one_layer_has_outweighs_the_words(key: str, layer: Layer) -> None:
    found = classify("TODO: how to fix what failed yesterday", detail_keys=[key, "kind"])

    assert found.layer is layer
    assert key in found.reason


@pytest.mark.parametrize(
    ("kind", "layer"),
    [("error", Layer.EPISODIC), ("test_run", Layer.EPISODIC), ("fact", Layer.SEMANTIC), ("pattern", Layer.SEMANTIC)],
)
def test_a_kind_that_one_layer_has_decides(kind: str, layer: Layer) -> None:
    assert classify("TODO: something", detail_keys=["kind"], kind=kind).layer is layer


def test_a_kind_that_two_layers_have_leaves_it_to_the_words_between_these_two() -> None:
    def of(text: str) -> Layer:
        return classify(text, detail_keys=["kind"], kind="decision").layer

    assert of("We decided to drop Redis") is Layer.EPISODIC
    assert of("One schema per tenant") is Layer.SEMANTIC
    assert of("We need to drop Redis") is Layer.SEMANTIC


def test_a_report_is_an_event_whatever_else_it_says() -> None:
    assert classify("TODO: later", detail_keys=["status"], has_relations=True, about=True).layer is Layer.EPISODIC


def test_a_short_text_with_relations_is_graph_and_a_long_one_is_judged_by_its_words() -> None:
    assert classify("auth and checkout", has_relations=True).layer is Layer.GRAPH
    assert classify("Deployed checkout. " + "x" * SHORT_CHARS, has_relations=True).layer is Layer.EPISODIC


def test_unknown_detail_keys_and_kinds_are_passed_over() -> None:
    assert classify("Staging is slow", detail_keys=["colour"], kind="purple").layer is Layer.SEMANTIC


def test_the_reason_names_the_word_that_decided() -> None:
    assert "'failed'" in classify("The build failed").reason
    assert "'depends on'" in classify("checkout depends on auth").reason


@given(st.text(max_size=400))
def test_any_text_gets_a_layer_and_a_reason(text: str) -> None:
    found = classify(text)

    assert found.layer in Layer
    assert found.reason
