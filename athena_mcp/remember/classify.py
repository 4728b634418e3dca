"""Which layer a text belongs to when its writer did not say: rules on words, from the strongest sign to the weakest.

What the writer said in other fields comes first, then the text: a label, a turn of a conversation, machine output,
a task, a procedure, a relation, a commit, an event. What shows no sign is a fact. The words are in `layer_rules`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection
from dataclasses import dataclass

from athena_mcp.model import EpisodicKind, Layer, SemanticKind
from athena_mcp.remember import layer_rules as rules
from athena_mcp.remember.opening import Opening, read_opening
from athena_mcp.search.wordforms import CueTable, words

SHORT_CHARS = 200
"""A text with relations and up to this long states the relations; a longer one has something else to say as well."""

MAX_RELATION_WORDS = 20
"""A sentence that states one relation is short."""

MAX_NAME_WORDS = 6
"""Words of the subject of a relation, article included."""

_BOX = re.compile(r"\s*(?:[-*] )?\[[ xX]?\] ")
_NUMBERED = re.compile(r"(?:^|\s)(?:step )?1[.):] .*?\s(?:step )?2[.):] ", re.DOTALL | re.IGNORECASE)
_ARROW = re.compile(r"->|=>|\N{RIGHTWARDS ARROW}|&&|\bthen\b|\bafterwards\b", re.IGNORECASE)
_PURPOSE = re.compile(r"(?:in order )?to [a-z][^.:,]{1,80}(?:[:,]|\b(?:run|use|call|execute|type) )", re.IGNORECASE)
_ERROR_CLASS = re.compile(r"[\w.]*[A-Z]\w*(?:Error|Exception|Warning)\b:? ?")
_DATED = re.compile(r"\W?\d{4}-\d\d-\d\d\b")
_COMMIT_TYPE = re.compile(r"([a-z]+)(?:\([^()\n]{1,60}\))?!?: ")

_TASK = CueTable({Layer.PROSPECTIVE: rules.TASK_CUES})
_DEADLINE = CueTable({Layer.PROSPECTIVE: rules.DEADLINE_CUES})
_OBLIGATION = CueTable({Layer.PROSPECTIVE: rules.OBLIGATIONS})
_TASK_OPENER = CueTable({Layer.PROSPECTIVE: rules.TASK_OPENERS})
_PROCEDURE = CueTable({Layer.PROCEDURAL: rules.PROCEDURE_CUES})
_IMPERATIVE = CueTable({Layer.PROCEDURAL: rules.IMPERATIVES})
_RELATION = CueTable({Layer.GRAPH: rules.RELATION_CUES})
_EVENT = CueTable({Layer.EPISODIC: rules.EVENT_VERBS})
_COMMIT = CueTable({Layer.EPISODIC: rules.COMMIT_VERBS})
_PAST_TIME = CueTable({Layer.EPISODIC: rules.PAST_TIME_CUES})
_FAILURE = CueTable({Layer.EPISODIC: rules.FAILURE_CUES})
_FACT_OPENER = CueTable({Layer.SEMANTIC: rules.FACT_OPENERS})
_LABEL = CueTable(rules.LABELS)


@dataclass(frozen=True, slots=True)
class Classification:
    """The layer a memory goes to, and why, in a few words for its writer."""

    layer: Layer
    reason: str


def classify(
    content: str,
    *,
    detail_keys: Collection[str] = (),
    kind: str | None = None,
    has_relations: bool = False,
    about: bool = False,
) -> Classification:
    """Choose the layer of `content`.

    `detail_keys` are the keys of its `details` and `kind` the value under ``kind``; `has_relations` and `about` say
    that it states edges or reports on another memory. Unknown keys and kinds are passed over, never an error.
    """
    if about:
        return Classification(Layer.EPISODIC, "a report on another memory is an event")
    stated = _by_details(frozenset(detail_keys), kind)
    if stated is not None:
        return stated
    if has_relations and len(content) <= SHORT_CHARS:
        return Classification(Layer.GRAPH, "a short text that comes with relations")
    opening = read_opening(content)
    found = next((found for rule in _RULES if (found := rule(opening)) is not None), None)
    found = found or Classification(Layer.SEMANTIC, "no sign of an event, a task, a procedure or a relation: a fact")
    if "kind" in detail_keys and found.layer not in (Layer.EPISODIC, Layer.SEMANTIC):
        return Classification(Layer.SEMANTIC, "details.kind belongs to events and facts, and no word tells of an event")
    return found


def _by_details(keys: frozenset[str], kind: str | None) -> Classification | None:
    for layer, own in rules.DETAIL_KEYS.items():
        given = sorted(keys & own)
        if given:
            return Classification(layer, f"only {layer.value} memories have details.{given[0]}")
    episodic, semantic = kind in set(EpisodicKind), kind in set(SemanticKind)
    if episodic != semantic:
        layer = Layer.EPISODIC if episodic else Layer.SEMANTIC
        return Classification(layer, f"only {layer.value} memories are of kind {kind}")
    return None


def _label(opening: Opening) -> Classification | None:
    if _BOX.match(opening.line):
        return Classification(Layer.PROSPECTIVE, "a box to tick is a task")
    commit_type = _COMMIT_TYPE.match(opening.line)
    if commit_type and commit_type[1] in rules.COMMIT_TYPES:
        return Classification(Layer.EPISODIC, f"'{commit_type[1]}:' opens a commit")
    label_words = words(opening.label)
    whole = [match for match in _LABEL.find(label_words) if len(match.text.split()) == len(label_words)]
    if whole:
        return Classification(whole[0].meaning, f"labelled '{opening.label}'")
    return None


def _conversation(opening: Opening) -> Classification | None:
    speaker = opening.label
    if not speaker or _ERROR_CLASS.match(speaker):
        return None
    role = speaker.lower() in rules.SPEAKER_ROLES
    name = speaker[0].isupper() and len(speaker.split()) <= 2
    talk = opening.ends_in_talk or not rules.CONVERSATION_WORDS.isdisjoint(opening.words[:60])
    if role or (name and talk):
        return Classification(Layer.EPISODIC, f"a turn of a conversation, by {speaker}")
    return None


def _machine_output(opening: Opening) -> Classification | None:
    error = _ERROR_CLASS.match(opening.line)
    if error and error[0].rstrip().endswith(":"):
        return Classification(Layer.EPISODIC, f"opens with an error: '{error[0].rstrip(': ')}'")
    found = _FAILURE.find(opening.words)
    if found:
        return Classification(Layer.EPISODIC, f"'{found[0].text}' tells of something that happened")
    return None


def _task(opening: Opening) -> Classification | None:
    clause = opening.clause
    if any(match.start == 0 for match in _TASK_OPENER.find(clause)):
        return Classification(Layer.PROSPECTIVE, f"opens with '{clause[0]}': a task")
    first_event = _first_event(clause)
    deadline = _DEADLINE.find(opening.sentence)
    if deadline and first_event is None and (_is_imperative(clause) or _OBLIGATION.find(clause)):
        return Classification(Layer.PROSPECTIVE, f"'{deadline[0].text}' sets a time for something to be done")
    cue = next((match for match in _TASK.find(clause) if not _precedes(first_event, match.start)), None)
    if cue is not None and not _is_commit(opening):
        return Classification(Layer.PROSPECTIVE, f"'{cue.text}' speaks of something to be done")
    return None


def _procedure(opening: Opening) -> Classification | None:
    clause = opening.clause
    first_event = _first_event(clause)
    cue = next((match for match in _PROCEDURE.find(clause) if not _precedes(first_event, match.start)), None)
    if cue is not None and not _is_commit(opening):
        return Classification(Layer.PROCEDURAL, f"'{cue.text}' introduces a procedure")
    if _PURPOSE.match(opening.line):
        return Classification(Layer.PROCEDURAL, "opens with its purpose: a procedure")
    if first_event is None and not _PAST_TIME.find(opening.words):
        if _NUMBERED.search(opening.text) and not _is_commit(opening):
            return Classification(Layer.PROCEDURAL, "numbered steps")
        if any(match.start == 0 for match in _IMPERATIVE.find(clause)) and _ARROW.search(opening.line):
            return Classification(Layer.PROCEDURAL, f"'{clause[0]} … then …' is a procedure")
    return None


def _relation(opening: Opening) -> Classification | None:
    sentence = opening.sentence
    if not sentence or len(sentence) != len(opening.words) or len(sentence) > MAX_RELATION_WORDS or _is_commit(opening):
        return None
    if any(match.start == 0 for match in _FACT_OPENER.find(sentence)) or sentence[0] in rules.CONVERSATION_WORDS:
        return None
    for match in _RELATION.find(opening.clause):
        end = match.start + len(match.text.split())
        states = end < len(sentence) and sentence[end] not in rules.PREPOSITIONS
        if states and 1 <= match.start <= MAX_NAME_WORDS and not _precedes(_first_event(opening.clause), match.start):
            return Classification(Layer.GRAPH, f"'{match.text}' relates two things")
    return None


def _commit(opening: Opening) -> Classification | None:
    if _is_commit(opening):
        return Classification(Layer.EPISODIC, f"opens like a commit: '{opening.clause[0]}'")
    return None


def _event(opening: Opening) -> Classification | None:
    if _DATED.match(opening.line):
        return Classification(Layer.EPISODIC, "opens with a date")
    past_time = _PAST_TIME.find(opening.words)
    if past_time:
        return Classification(Layer.EPISODIC, f"'{past_time[0].text}' dates an event")
    if any(match.start == 0 for match in _FACT_OPENER.find(opening.clause)):
        return None
    event = _first_event(opening.clause)
    if event is not None:
        return Classification(Layer.EPISODIC, f"'{event.text}' tells of an event")
    return None


_RULES: tuple[Callable[[Opening], Classification | None], ...] = (
    _label,
    _conversation,
    _machine_output,
    _task,
    _procedure,
    _relation,
    _commit,
    _event,
)


@dataclass(frozen=True, slots=True)
class _Happening:
    """A past happening in a clause: its place and its words."""

    start: int
    text: str


def _first_event(clause: tuple[str, ...]) -> _Happening | None:
    """The first past happening that is neither a state (*is deployed*) nor an adjective (*the failed jobs*)."""
    finite = not rules.FINITE_VERBS.isdisjoint(clause[1:5])
    if clause and not finite and len(clause[0]) > 4 and clause[0].endswith("ed") and not clause[0].endswith("eed"):
        return _Happening(0, clause[0])
    for match in _EVENT.find(clause):
        before = clause[max(match.start - 2, 0) : match.start]
        adjective = before[-1] in rules.DETERMINERS if before else finite
        if not adjective and rules.STATE_VERBS.isdisjoint(before):
            return _Happening(match.start, match.text)
    return None


def _precedes(event: _Happening | None, start: int) -> bool:
    return event is not None and event.start < start


def _is_commit(opening: Opening) -> bool:
    opens = any(match.start == 0 for match in _COMMIT.find(opening.clause))
    return opens and rules.FINITE_VERBS.isdisjoint(opening.clause[1:5])


def _is_imperative(clause: tuple[str, ...]) -> bool:
    return any(match.start == 0 for table in (_IMPERATIVE, _COMMIT) for match in table.find(clause))
