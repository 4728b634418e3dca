"""Which layers a recall asks first, and why: a pure function of the question and its context.

Facts are always asked. Events are asked too unless the question plainly wants a procedure, tasks or relations and
nothing in it or in its context speaks of events: a decision or a fix may be stored as either, and losing it costs more
than one more query. The other layers are asked on a cue. A later tier may widen to the layers left out here.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from athena_mcp.model import Layer
from athena_mcp.recall.cues import DECISIVE_CUES, INTENT_CUES, PHASE_CUES, QUERY_CUES, QUESTION_OPENERS, SUBJECTS
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
    for layer, cue in _QUERY.first_by_meaning(words(query)).items():
        asked[layer] = f"asked: '{cue}' speaks of {SUBJECTS[layer]}"
    for layer in intended_layers(query):
        asked.setdefault(layer, f"asked: the question is one for {SUBJECTS[layer]}")
    for layer, reason in _context_reasons(context or {}).items():
        asked.setdefault(layer, reason)
    asked[Layer.SEMANTIC] = "asked: facts always are"
    not_asked = {layer: f"not asked: no word speaks of {SUBJECTS[layer]}" for layer in Layer}
    decisive = _decisive_cue(query)
    for layer, cue in decisive.items():
        asked[layer] = f"asked: '{cue}' wants {SUBJECTS[layer]}"
    if decisive:
        layer, cue = next(iter(decisive.items()))
        not_asked[Layer.EPISODIC] = f"not asked: '{cue}' wants {SUBJECTS[layer]}, and no word speaks of events"
    else:
        asked.setdefault(Layer.EPISODIC, "asked: no word rules out that the answer is an event")
    reasons = {layer: asked.get(layer, not_asked[layer]) for layer in Layer}
    return Selection(tuple(layer for layer in Layer if layer in asked), MappingProxyType(reasons))


HAS_THE_WORDS = 0.75
"""A layer with words for this share of what the best one has is asked, cue or not."""
LACKS_THE_WORDS = 0.6
"""A layer with words for less than this share is not asked on a mere cue: it could hardly reach the list."""


def by_presence(selection: Selection, query: str, presence: Mapping[Layer, float]) -> Selection:
    """The selection corrected by what the layers hold: `presence` is how much of the query's weight each has words for.

    Facts, and the kinds of memory that the question asks for by its form, are asked in any case.
    """
    most = max(presence.values(), default=0.0)
    if most <= 0:
        return selection
    sure = intended_layers(query) | {Layer.SEMANTIC}
    layers, reasons = [], dict(selection.reasons)
    for layer in Layer:
        share = presence.get(layer, 0.0) / most
        if layer in selection.layers and (layer in sure or share >= LACKS_THE_WORDS):
            layers.append(layer)
        elif share >= HAS_THE_WORDS:
            layers.append(layer)
            reasons[layer] = "asked: it has words of the query"
        elif layer in selection.layers:
            reasons[layer] = "not asked: it has few words of the query"
    return Selection(tuple(layers), MappingProxyType(reasons))


def with_graph(selection: Selection, entity: str) -> Selection:
    """The selection with the graph asked too, because the query names one of its entities."""
    if Layer.GRAPH in selection.layers:
        return selection
    reasons = {**selection.reasons, Layer.GRAPH: f"asked: the query names '{entity[:60]}'"}
    layers = tuple(layer for layer in Layer if layer in selection.layers or layer is Layer.GRAPH)
    return Selection(layers, MappingProxyType(reasons))


def intended_layers(query: str) -> frozenset[Layer]:
    """The layers whose kind of memory a question asks for by its form; none when `query` is no question."""
    query_words = words(query)
    if not _asks(query, query_words):
        return frozenset()
    return frozenset(_INTENT.first_by_meaning(query_words)) | frozenset(_DECISIVE.first_by_meaning(query_words))


def _decisive_cue(query: str) -> dict[Layer, str]:
    """The plain wishes for one kind of memory, if `query` is a question at all."""
    query_words = words(query)
    return _DECISIVE.first_by_meaning(query_words) if _asks(query, query_words) else {}


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
