# ruff: noqa: RUF001  (characters that look like others are what is tested)
from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from athena_mcp.layers.entity_names import MAX_WORDS, QUERY_WORDS, keys_in, name_key, relation_key
from athena_mcp.layers.single_valued import is_single_valued


@pytest.mark.parametrize(
    ("spellings", "key"),
    [
        (("AuthService", "auth-service", "auth_service", "the auth service", "The Auth Service"), "auth service"),
        (("HTTPServer", "http server", "HttpServer", "HTTP-Server"), "http server"),
        (("src/app/main.py", "src app main py"), "src app main py"),
        (("PostgreSQL", "Postgre SQL"), "postgre sql"),
        (("Größe", "größe"), "größe"),
        (("认证服务",), "认证服务"),
        (("ＡＰＩ", "api", "an API"), "api"),
        (("user's table", "user table"), "user table"),
        (("C++", "c++"), "c++"),
        (("C#", "c#"), "c#"),
        (("C", "c"), "c"),
        (("a", "A"), "a"),
        (("the",), "the"),
        (("->", " -> "), "->"),
        (("🦉",), "🦉"),
    ],
)  # fmt: skip
def test_the_usual_spellings_of_a_name_are_one_entity(spellings: tuple[str, ...], key: str) -> None:
    assert {name_key(spelling) for spelling in spellings} == {key}


def test_names_that_differ_in_more_than_spelling_are_different_entities() -> None:
    names = ("auth service", "auth services", "auth", "C", "C++", "C#", "port 5432", "port 5433", "v1", "v2")
    assert len({name_key(name) for name in names}) == len(names)


@pytest.mark.parametrize(
    "query",
    [
        "What does AuthService depend on?",
        "who owns the auth-service",
        "auth_service's port",
        "why is the auth service's queue full",
        "auth service\N{RIGHT SINGLE QUOTATION MARK}s port?",
        "restart all auth services",
        "is it the auth service?",
    ],
)
def test_an_entity_is_recognised_wherever_a_query_names_it(query: str) -> None:
    assert name_key("AuthService") in keys_in(query)


def test_an_entity_in_lower_case_is_recognised_in_words_apart() -> None:
    assert name_key("authservice") in keys_in("where does the auth service run?")
    assert name_key("C++") in keys_in("is it written in C++?")


def test_a_word_inside_another_names_nothing() -> None:
    assert name_key("auth") not in keys_in("the author of authentication")


def test_longer_names_come_first() -> None:
    keys = keys_in("payment gateway adapter")
    assert keys.index("payment gateway adapter") < keys.index("payment gateway") < keys.index("payment")


def test_a_long_query_yields_a_bounded_number_of_keys() -> None:
    keys = keys_in(" ".join(f"word{i}s" for i in range(4_000)))
    assert len(keys) <= 3 * MAX_WORDS * QUERY_WORDS


@given(st.text(min_size=1, max_size=200))
def test_every_name_has_a_key_and_its_key_is_its_own(name: str) -> None:
    key = name_key(name)
    if name.strip():
        assert key
    assert name_key(key) == key or not key.isascii()


@given(st.lists(st.sampled_from(["auth", "billing", "queue", "worker", "db2"]), min_size=1, max_size=MAX_WORDS))
def test_a_name_is_recognised_in_a_sentence_around_it(words: list[str]) -> None:
    name = "_".join(words)
    assert name_key(name) in keys_in(f"Where, please, is {name}, exactly?")


@pytest.mark.parametrize("relation", ["depends on", "depends_on", "dependsOn", "DEPENDS-ON"])
def test_a_relation_is_recognised_in_the_usual_spellings(relation: str) -> None:
    assert relation_key(relation) == "depends on"


def test_single_valued_relations_are_known_in_every_spelling() -> None:
    assert all(
        is_single_valued(relation_key(name)) for name in ("runs on", "runsOn", "RUNS_ON", "owned by", "isOwnedBy")
    )
    assert not any(is_single_valued(relation_key(name)) for name in ("depends on", "calls", "uses", "runs"))
