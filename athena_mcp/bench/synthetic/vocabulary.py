"""The words of the synthetic memories: a developer's, the most usual ones first in each list."""

from __future__ import annotations


def _listed(words: str) -> tuple[str, ...]:
    """The words of a text."""
    return tuple(words.split())


COMMON_WORD = "service"
"""The word that about COMMON_SHARE of all memories have: such words cost a search the most and tell it the least."""
COMMON_SHARE = 0.3

COMPONENTS = _listed(
    """
    checkout billing search login inventory notification payment session shipping catalogue invoice gateway audit
    profile recommendation webhook scheduler export import reporting pricing coupon refund basket warehouse address
    translation consent feedback newsletter referral loyalty ticket calendar upload thumbnail transcript ledger quota
    tenancy feature-flag rate-limit geocoding fraud tax currency returns subscription onboarding dunning
    """
)
PARTS = _listed(
    """
    worker API queue cache table index schema migration handler parser client token config template job stream pool
    lock batch cursor renderer router middleware validator serializer adapter fixture snapshot replica shard partition
    """
)
TECHNOLOGIES = _listed(
    """
    PostgreSQL Redis Docker Kubernetes Terraform nginx pytest GitHub-Actions Kafka RabbitMQ Prometheus Grafana Sentry
    TypeScript Rust Python Go FastAPI Django React Vite webpack Celery SQLAlchemy Alembic OpenTelemetry Elasticsearch
    MinIO Vault Helm Ansible Playwright mypy ruff Poetry Bazel gRPC GraphQL Envoy
    """
)
FAILURES = (
    "timed out",
    "ran out of memory",
    "returned a stale value",
    "lost its connection",
    "refused the request",
    "deadlocked",
    "dropped messages",
    "rounded amounts wrongly",
    "leaked file handles",
    "sent every mail twice",
    "crashed on empty input",
    "ignored the locale",
    "logged a password",
    "looped for ever",
    "mixed up two tenants",
    "failed its health check",
    "overwrote newer data",
    "broke under daylight saving time",
)
CAUSES = (
    "a missing index",
    "a race between two requests",
    "an expired certificate",
    "a clock that was off",
    "an unpinned dependency",
    "a default of thirty seconds",
    "a retry without backoff",
    "an off-by-one in the pagination",
    "a mutable default argument",
    "a truncated column",
    "an unescaped wildcard",
    "a cache key without the tenant",
    "a rename that one caller missed",
    "a flaky network mount",
    "a swallowed exception",
    "an implicit cast",
)
REMEDIES = (
    "raising the limit",
    "a composite index",
    "an advisory lock",
    "pinning the version",
    "retrying with jitter",
    "rolling back the release",
    "splitting the transaction",
    "warming the pool at start",
    "rotating the key",
    "a stricter schema",
    "moving it to a background job",
    "a circuit breaker",
    "deleting the dead code path",
    "an idempotency key",
    "streaming instead of buffering",
    "a feature flag",
)
REASONS = (
    "it is one thing less to run",
    "the licence allows it",
    "the team knows it",
    "it survives a restart",
    "the old one is unmaintained",
    "audits ask for it",
    "it halves the latency",
    "its errors can be read",
    "the vendor charges by the request",
    "it works offline",
    "staging has no other",
    "it is what production does",
)
GOALS = (
    "cut a release",
    "rotate the secrets",
    "restore a backup",
    "add a tenant",
    "run the load test",
    "debug a stuck consumer",
    "roll back a migration",
    "refresh the fixtures",
    "renew the certificate",
    "profile a slow request",
    "publish the client package",
    "reindex without downtime",
    "onboard a developer",
    "drain a node",
)
STEPS = (
    "run the whole test suite",
    "bump the version",
    "tag the commit",
    "announce it in the channel",
    "take a snapshot",
    "scale the workers to zero",
    "apply the migration",
    "watch the error rate for ten minutes",
    "update the changelog",
    "ask for a second pair of eyes",
    "clear the cache",
    "switch the traffic over",
    "check the dashboards",
    "note it in the runbook",
    "delete the old image",
    "verify the checksum",
)
TASKS = (
    "remove",
    "document",
    "measure",
    "rewrite",
    "add tests for",
    "split",
    "upgrade",
    "review",
    "alert on",
    "deprecate",
    "translate",
    "encrypt",
    "paginate",
    "containerise",
)
OCCASIONS = (
    "before the next release",
    "after the audit",
    "once the trial ends",
    "when the new region opens",
    "this sprint",
    "before the sale starts",
    "when the old client is gone",
    "after the holidays",
)
RELATIONS = ("depends on", "calls", "reads from", "writes to", "replaces", "is owned by", "is deployed with")
PEOPLE = ("Amara", "Bela", "Chidi", "Dana", "Emre", "Femi", "Grete", "Hana", "Ivo", "Jun", "Kofi", "Lea", "Mei", "Noor")
VERBS = (
    "load",
    "save",
    "parse",
    "merge",
    "send",
    "fetch",
    "build",
    "render",
    "sync",
    "check",
    "apply",
    "close",
    "open",
)
BRANCHES = ("main", "release", "hotfix", "nightly")
