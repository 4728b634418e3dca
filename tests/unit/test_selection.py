from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from athena_mcp.model import Layer
from athena_mcp.recall.selection import by_promise, select_layers, with_context

EVENTS, FACTS, HOW, TASKS, LINKS = Layer


@pytest.mark.parametrize(
    "query",
    [
        "when did the build last fail?",
        "What was the failing test?",
        "which tests failed",
        "failures of the importer",
        "it fails on startup",
        "the crash in the parser",
        "crashes after upgrade",
        "what happened yesterday",
        "what did we do last week",
        "the decision about queues",
        "what did we decide about the cache",
        "who decides on releases",
        "errors in the log",
        "recent regressions",
    ],
)
def test_words_of_happening_ask_events(query: str) -> None:
    chosen = select_layers(query)

    assert EVENTS in chosen.layers
    assert "speaks of events" in chosen.reasons[EVENTS]


@pytest.mark.parametrize(
    "query",
    [
        "how do we cut a release?",
        "how to run the tests",
        "implementing pagination",
        "implemented retries",
        "the steps for a rollback",
        "installation of the driver",
    ],
)
def test_words_of_doing_ask_procedures(query: str) -> None:
    assert HOW in select_layers(query).layers


@pytest.mark.parametrize(
    "query",
    [
        "what is left on the migration?",
        "my tasks",
        "goals of this sprint",
        "what should I work on next",
        "open todos",
        "planned features",
        "reminders about keys",
    ],
)
def test_words_of_intent_ask_tasks(query: str) -> None:
    assert TASKS in select_layers(query).layers


@pytest.mark.parametrize(
    "query",
    [
        "what depends on the auth service?",
        "dependencies of checkout",
        "how is billing related to invoices",
        "relations between the modules",
        "who owns the parser",
    ],
)
def test_words_of_connection_ask_relations(query: str) -> None:
    assert LINKS in select_layers(query).layers


@pytest.mark.parametrize(
    ("query", "layer"),
    [
        ("elastic search blast radius", EVENTS),
        ("terror whenever mirrored", EVENTS),
        ("showcase of the window domain", HOW),
        ("somehow shown", HOW),
        ("multitasking blinking cursor", TASKS),
        ("replanted duel", TASKS),
        ("blinking independence day", LINKS),
        ("correlated", LINKS),
    ],
)
def test_a_cue_inside_a_longer_word_is_none(query: str, layer: Layer) -> None:
    assert "' speaks of" not in select_layers(query).reasons[layer]


@pytest.mark.parametrize(
    "query",
    ["which port does staging use?", "authentication tokens", "Postgres", "", "!?", "\N{GRINNING FACE}", "数据库端口"],
)
def test_without_a_cue_facts_and_events_are_asked(query: str) -> None:
    assert select_layers(query).layers == (EVENTS, FACTS)


def test_a_decision_is_looked_for_among_events_and_facts() -> None:
    assert {EVENTS, FACTS} <= set(select_layers("What did we decide about the retry policy?").layers)


@pytest.mark.parametrize(
    ("query", "layers"),
    [
        ("how do we cut a release?", (FACTS, HOW)),
        ("what is left on the migration?", (FACTS, TASKS)),
        ("what depends on the auth service?", (FACTS, LINKS)),
        ("who owns the parser?", (FACTS, LINKS)),
    ],
)
def test_a_question_that_plainly_wants_one_kind_does_not_ask_events(query: str, layers: tuple[Layer, ...]) -> None:
    chosen = select_layers(query)

    assert chosen.layers == layers
    assert chosen.reasons[EVENTS].startswith("not asked")


@pytest.mark.parametrize(
    "query",
    [
        "How did we fix the error last time?",
        "how do we handle the failing test?",
        "Make tests not depend on order",
        "How does Ann use the notebook?",
        "what did we say depends on auth",
    ],
)
def test_events_stay_asked_when_a_word_speaks_of_them_or_nothing_is_plainly_wanted(query: str) -> None:
    assert EVENTS in select_layers(query).layers


@pytest.mark.parametrize(
    ("context", "layer"),
    [
        ({"phase": "debugging"}, EVENTS),
        ({"phase": "Testing"}, EVENTS),
        ({"phase": "planning"}, TASKS),
        ({"phase": "implementing"}, HOW),
        ({"phase": "implementation"}, HOW),
        ({"phase": "code_review"}, EVENTS),
        ({"phase": "refactoring"}, LINKS),
        ({"task": "plan the migration"}, TASKS),
        ({"task": "find what depends on auth"}, LINKS),
        ({"files": ["src/app.py"]}, EVENTS),
    ],
)
def test_context_adds_layers(context: dict[str, Any], layer: Layer) -> None:
    plain, informed = select_layers("how do we cache pages?"), select_layers("how do we cache pages?", context)

    assert layer in informed.layers
    assert set(plain.layers) <= set(informed.layers)


@pytest.mark.parametrize(
    "context",
    [
        None,
        {},
        {"phase": None, "task": 7, "files": 3.5},
        {"phase": ["debugging"], "files": [None, 1, ""], "task": b"plan"},
        {"phase": "purple", "colour": "red", "files": ""},
        {"files": {}},
    ],
)
def test_odd_context_is_passed_over(context: dict[str, Any] | None) -> None:
    assert select_layers("how do we cache pages?", context).layers == (FACTS, HOW)


def test_context_is_left_as_it_was() -> None:
    context = {"phase": "debugging", "files": ["a.py"]}

    select_layers("anything", context)

    assert context == {"phase": "debugging", "files": ["a.py"]}


def test_reasons_name_the_word_that_decided() -> None:
    reasons = select_layers("Which failing tests are related to billing?", {"phase": "planning"}).reasons

    assert reasons == {
        EVENTS: "asked: 'failing' speaks of events",
        FACTS: "asked: facts always are",
        HOW: "not asked: no word speaks of procedures",
        TASKS: "asked: phase 'planning' looks at tasks",
        LINKS: "asked: 'are related to' wants relations",
    }


@given(
    st.text(max_size=200), st.dictionaries(st.sampled_from(["phase", "task", "files", "branch"]), st.text(max_size=40))
)
def test_any_question_asks_facts_in_layer_order_and_explains_all_five(query: str, context: dict[str, str]) -> None:
    chosen = select_layers(query, context)

    assert FACTS in chosen.layers
    assert chosen.layers == tuple(layer for layer in Layer if layer in chosen.layers)
    assert set(chosen.reasons) == set(Layer)
    assert all(chosen.reasons[layer].startswith("asked: ") == (layer in chosen.layers) for layer in Layer)
    assert select_layers(query, context) == chosen


@pytest.mark.parametrize(
    "context", [{}, {"phase": "planning"}, {"task": "see the todo list"}, {"files": ["a.py"], "phase": "debugging"}]
)
@pytest.mark.parametrize("promise", [(0.8, 0.5, 0.1, 0.1, 0.9), (0.9, 1.0, 0.85, 0.8, 0.0), (0.0,) * 5])
def test_context_adds_layers_and_takes_the_place_of_none(context: dict[str, Any], promise: tuple[float, ...]) -> None:
    """Of what the words and their promise choose, which are at most three layers, nothing is lost."""
    promised = dict(zip(Layer, promise, strict=True))
    plain = by_promise(select_layers("socket buffer size"), frozenset(), promised)
    informed = with_context(plain, context)
    assert set(plain.layers) <= set(informed.layers)
    assert {layer: informed.reasons[layer] for layer in plain.layers} == {
        layer: plain.reasons[layer] for layer in plain.layers
    }
    assert list(informed.layers) == [layer for layer in Layer if informed.reasons[layer].startswith("asked: ")]
    assert set(informed.layers) - set(plain.layers) == set(select_layers("x", context).layers) - {
        *select_layers("x").layers,
        *plain.layers,
    }
