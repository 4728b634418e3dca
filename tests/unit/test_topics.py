from __future__ import annotations

from collections.abc import Mapping, Sequence

from hypothesis import given, settings
from hypothesis import strategies as st

from athena_mcp.recall.content_terms import content_terms, stem, weigh
from athena_mcp.recall.topics import Group, group

TEXTS = (
    "The billing cron job failed: invoice totals were wrong",
    "PostgreSQL vacuum blocks the migrations table",
    "Move the billing cron job to a systemd timer",
    "Long migrations need a lower PostgreSQL lock timeout",
    "Lunch is at noon",
)


def grouped(texts: Sequence[str], terms: Sequence[Mapping[str, float]] | None = None) -> tuple[Group, ...]:
    found = [content_terms(text) for text in texts]
    return group(found, weigh(found) if terms is None else terms)


def test_memories_that_share_telling_words_form_a_topic_in_the_order_of_the_list() -> None:
    assert [topic.members for topic in grouped(TEXTS)] == [(0, 2), (1, 3), (4,)]


def test_a_label_is_the_shared_words_as_they_are_written() -> None:
    labels = [set(topic.label.split(", ")) for topic in grouped(TEXTS)]
    assert labels[0] == {"billing", "cron", "job"}
    assert labels[1] == {"PostgreSQL", "migrations"}


def test_words_of_the_question_that_every_memory_has_do_not_make_a_topic() -> None:
    texts = [f"deploy {rest}" for rest in ("broke checkout", "renamed buckets", "took ages", "needs a token")]
    assert [topic.members for topic in grouped(texts)] == [(0,), (1,), (2,), (3,)]


def test_words_that_were_asked_for_part_little_but_may_name_a_topic() -> None:
    texts = [
        "staging Postgres listens on port 5433",
        "billing cron failed on staging Postgres",
        "billing cron moves off staging Postgres",
        "lunch is at noon",
        "coffee costs nothing",
    ]
    found = [content_terms(text) for text in texts]
    asked = frozenset(each.term for each in content_terms("staging Postgres"))
    assert [topic.members for topic in group(found, weigh(found), asked)] == [(0,), (1, 2), (3,), (4,)]
    assert [topic.members for topic in group(found, weigh(found))] == [(0, 1, 2), (3,), (4,)]


def test_terms_of_another_stemmer_are_shown_as_the_text_writes_them() -> None:
    texts = ["Retention policies for databases", "Which policies do the databases have?", "Lunch", "Coffee"]
    terms = [{"polici": 2.0, "databas": 1.0}, {"polici": 2.0, "databas": 1.0}, {"lunch": 1.0}, {"coffe": 1.0}]
    assert grouped(texts, terms)[0] == Group("policies, databases", (0, 1))


def test_a_label_has_no_bare_numbers() -> None:
    assert grouped(["502 from the proxy", "proxy sent 502", "lunch", "coffee"])[0].label == "proxy"


def test_a_term_that_no_text_has_is_not_in_the_label() -> None:
    assert grouped(["Lunch"], [{"zebra": 1.0}])[0].label == ""


def test_endings_and_spellings_of_a_word_are_one_term() -> None:
    assert {stem(word) for word in ("cache", "caches", "cached", "caching")} == {"cach"}
    assert {stem(word) for word in ("query", "queries")} == {"query"}
    assert {stem(word) for word in ("stop", "stops", "stopped", "stopping")} == {"stop"}
    assert stem("redis") == "redis"
    assert stem("status") == "status"


def test_compound_names_are_found_whole_and_by_part() -> None:
    terms = {found.term for found in content_terms("getUserById in auth-service's db_pool at 3.12")}
    assert {"getuserbyid", "user", "auth-service", "servic", "auth", "db_pool", "pool", "3.12"} <= terms


def test_text_without_spaces_is_compared_by_pairs_of_characters() -> None:
    assert [found.term for found in content_terms("数据库端口")] == ["数据", "据库", "库端", "端口"]


@settings(deadline=None)
@given(st.lists(st.text(alphabet="abc xyz", max_size=30), max_size=12))
def test_every_memory_is_in_exactly_one_topic(texts: list[str]) -> None:
    topics = grouped(texts)
    assert sorted(place for topic in topics for place in topic.members) == list(range(len(texts)))
    assert [topic.members[0] for topic in topics] == sorted(topic.members[0] for topic in topics)
    for topic in topics:
        assert topic.label.count(",") <= 2
        assert all(any(word in texts[place] for place in topic.members) for word in topic.label.split(", "))
