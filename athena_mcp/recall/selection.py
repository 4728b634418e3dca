"""Which layers a recall asks first, and why: a pure function of the question and its context.

Facts are always asked. Events are asked too unless the question plainly wants a procedure, tasks or relations and
nothing in it or in its context speaks of events: a decision or a fix may be stored as either, and losing it costs more
than one more query. The other layers are asked on a cue. A later tier may widen to the layers left out here.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType
from typing import Any

from athena_mcp.model import Layer
from athena_mcp.recall.content_terms import FUNCTION_WORDS
from athena_mcp.recall.cues import (
    DECISIVE_CUES,
    DUE_WORDS,
    FINISHED_WORDS,
    INTENT_CUES,
    LISTING_WORDS,
    NOT_WORDS,
    OPEN_THINGS,
    PHASE_CUES,
    QUERY_CUES,
    QUESTION_OPENERS,
    SUBJECTS,
    TASK_WORDS,
    TURNING_WORDS,
)
from athena_mcp.recall.due_window import DueWindow, due_window
from athena_mcp.search.candidates import TaskList
from athena_mcp.search.wordforms import CueTable, words

_QUERY = CueTable(QUERY_CUES)
_DECISIVE = CueTable(DECISIVE_CUES)
_INTENT = CueTable(INTENT_CUES)
_PHASE = CueTable(PHASE_CUES)


@dataclass(frozen=True, slots=True)
class Selection:
    """The layers to ask, in the order of `Layer`, and for each of the five a sentence why it is asked or not."""

    layers: tuple[Layer, ...]
    reasons: Mapping[Layer, str]


def select_layers(query: str, context: Mapping[str, Any] | None = None) -> Selection:
    """Choose the layers for `query`; `context` (phase, task, files) adds layers and takes none away.

    Context values of an unexpected type or with unknown words are passed over: they are validated elsewhere.
    """
    asked: dict[Layer, str] = {}
    query_words = words(query)
    form = _form(query, query_words)
    for layer, cue in _QUERY.first_by_meaning(query_words).items():
        asked[layer] = f"asked: '{cue}' speaks of {SUBJECTS[layer]}"
    for layer in form.intended:
        asked.setdefault(layer, f"asked: the question is one for {SUBJECTS[layer]}")
    for layer, reason in _context_reasons(context or {}).items():
        asked.setdefault(layer, reason)
    asked[Layer.SEMANTIC] = "asked: facts always are"
    not_asked = {layer: f"not asked: no word speaks of {SUBJECTS[layer]}" for layer in Layer}
    decisive = form.decisive
    for layer, cue in decisive.items():
        asked[layer] = f"asked: '{cue}' wants {SUBJECTS[layer]}"
    if decisive:
        layer, cue = next(iter(decisive.items()))
        not_asked[Layer.EPISODIC] = f"not asked: '{cue}' wants {SUBJECTS[layer]}, and no word speaks of events"
    else:
        asked.setdefault(Layer.EPISODIC, "asked: no word rules out that the answer is an event")
    reasons = {layer: asked.get(layer, not_asked[layer]) for layer in Layer}
    return Selection(tuple(layer for layer in Layer if layer in asked), MappingProxyType(reasons))


MOST_AT_FIRST = 3
"""Layers that are asked at first, unless the question and its context want more."""
PROMISING = 0.7
"""A layer is asked that promises at least this part of what the most promising one does."""
INTENDED = 0.3
CUED = 0.1
"""What the form of the question, and a cue, add to a layer's promise, which is 0 to 1.

All four: docs/benchmarks.md, Selection."""


def by_promise(selection: Selection, intended: Collection[Layer], promise: Mapping[Layer, float]) -> Selection:
    """The selection narrowed to the layers that promise most: `promise` is the share of the query's weight that the
    best memory of each may have.

    Facts and the kinds of memory that the question asks for by its form (`intended_layers`) are asked in any case;
    without any promise the words alone decide.
    """
    if not any(promise.values()):
        return selection
    score = {
        layer: promise.get(layer, 0.0) + INTENDED * (layer in intended) + CUED * (layer in selection.layers)
        for layer in Layer
    }
    chosen = {Layer.SEMANTIC, *intended}
    reasons = dict(selection.reasons)
    for layer in sorted(Layer, key=lambda layer: -score[layer]):
        if layer in chosen:
            continue
        if len(chosen) < MOST_AT_FIRST and score[layer] >= PROMISING * max(score.values()):
            chosen.add(layer)
            if layer not in selection.layers:
                reasons[layer] = "asked: it has words of the query"
        elif layer in selection.layers:
            reasons[layer] = "not asked: others have more of the query's words"
    return Selection(tuple(layer for layer in Layer if layer in chosen), MappingProxyType(reasons))


def with_context(selection: Selection, context: Mapping[str, Any]) -> Selection:
    """The selection with the layers asked too that the context looks at, which take the place of no other."""
    added = {layer: why for layer, why in _context_reasons(context).items() if layer not in selection.layers}
    if not added:
        return selection
    layers = tuple(layer for layer in Layer if layer in selection.layers or layer in added)
    return Selection(layers, MappingProxyType({**selection.reasons, **added}))


def with_graph(selection: Selection, entity: str) -> Selection:
    """The selection with the graph asked too, because the query names one of its entities."""
    if Layer.GRAPH in selection.layers:
        return selection
    reasons = {**selection.reasons, Layer.GRAPH: f"asked: the query names '{entity[:60]}'"}
    layers = tuple(layer for layer in Layer if layer in selection.layers or layer is Layer.GRAPH)
    return Selection(layers, MappingProxyType(reasons))


def intended_layers(query: str) -> frozenset[Layer]:
    """The layers whose kind of memory a question asks for by its form; none when `query` is no question."""
    return _form(query, words(query)).intended


@dataclass(frozen=True, slots=True)
class _Form:
    """What the form of a question wants; nothing where it is no question."""

    intended: frozenset[Layer] = frozenset()
    decisive: Mapping[Layer, str] = field(default_factory=dict)
    """The plain wishes for one kind of memory, each with its cue."""


def _form(query: str, query_words: Sequence[str]) -> _Form:
    if not _asks(query, query_words):
        return _Form()
    decisive = _DECISIVE.first_by_meaning(query_words)
    return _Form(frozenset(_INTENT.first_by_meaning(query_words)) | frozenset(decisive), decisive)


def listed_tasks(query: str, now: datetime) -> TaskList | None:
    """Which tasks are wanted as such, where nothing is named that they should be about; None when memories are."""
    query_words = words(query)
    given = frozenset(query_words)
    finished = FINISHED_WORDS & given
    window = due_window(query_words, now) if DUE_WORDS & given else DueWindow()
    if not given <= FUNCTION_WORDS | LISTING_WORDS | finished | window.words:
        return None
    named, some = bool(TASK_WORDS & given), bool(window.words or "blocked" in given)
    if some and TURNING_WORDS & given:
        return None
    if finished and not NOT_WORDS & given:
        return TaskList(statuses=("completed", "cancelled")) if named else None
    are_open = "open" in given and bool(OPEN_THINGS & given)
    if not (named or are_open or window.words or Layer.PROSPECTIVE in _form(query, query_words).decisive):
        return None
    statuses = ("blocked",) if "blocked" in given else TaskList().statuses
    return TaskList(statuses, bool(DUE_WORDS & given), window.since, window.until)


def is_question(query: str) -> bool:
    """Whether a query asks, by its mark or its first word."""
    return _asks(query, words(query))


def _asks(query: str, query_words: Sequence[str]) -> bool:
    return query.rstrip().endswith("?") or bool(query_words and query_words[0] in QUESTION_OPENERS)


def _context_reasons(context: Mapping[str, Any]) -> dict[Layer, str]:
    reasons: dict[Layer, str] = {}
    for layer, cue in _PHASE.first_by_meaning(_words_of(context.get("phase"))).items():
        reasons[layer] = f"asked: phase '{cue}' looks at {SUBJECTS[layer]}"
    for layer, cue in _QUERY.first_by_meaning(_words_of(context.get("task"))).items():
        reasons.setdefault(layer, f"asked: '{cue}' in the task speaks of {SUBJECTS[layer]}")
    if _any_text(context.get("files")):
        reasons.setdefault(Layer.EPISODIC, "asked: events record the files they touched")
    return reasons


def _words_of(value: object) -> tuple[str, ...]:
    return words(value) if isinstance(value, str) else ()


def _any_text(value: object) -> bool:
    if isinstance(value, str):
        return bool(value.strip())
    return isinstance(value, Collection) and any(isinstance(item, str) and item.strip() for item in value)
