"""The table of words by which a question is sent to layers. How cues are written: `athena_mcp.search.wordforms`.

It follows the rules of the specification (when, error, failed: events; how, implement: procedures; task, goal: tasks;
relate, depend: relations) and widens them to the words people use for the same. Parallel and sequential recall both
read it through `selection.select_layers`; there is no other.
"""

from __future__ import annotations

from collections.abc import Mapping

from athena_mcp.model import Layer

SUBJECTS: Mapping[Layer, str] = {
    Layer.EPISODIC: "events",
    Layer.SEMANTIC: "facts",
    Layer.PROCEDURAL: "procedures",
    Layer.PROSPECTIVE: "tasks",
    Layer.GRAPH: "relations",
}
"""What a layer holds, as the reasons call it."""

QUERY_CUES: Mapping[Layer, tuple[str, ...]] = {
    Layer.EPISODIC: (
        # time
        "when, yesterday, today, tonight, ago, last, latest, recent, recently, earlier",
        "previous, previously, history, this morning|afternoon|week|month, first time",
        "monday|tuesday|wednesday|thursday|friday|saturday|sunday",
        # what went wrong
        "error~, fail~, failure~, crash~, break~, broke, broken, bug~, exception~, traceback~",
        "incident~, outage~, regress~, regression~, debug~, flake~, flaky, hang~, hung, wrong",
        # what was done, said and decided
        "happen~, occur~, decide~, decision~, agree^, discuss~, discussion~, conversation~",
        "meeting~, session~, did, didn't, was, were, wasn't, had, said, told, ran, tried",
        "fix^, deploy^, merge^, release^, change^, ship^, add^, remove^, revert~, rename^",
        "introduce^, drop^, migrate^, choose^, chose, chosen, pick^, finish^, broke",
    ),
    Layer.PROCEDURAL: (
        "how, howto, implement~, implementation~, procedure~, step~, instruction~, instruct~",
        "guide~, recipe~, workflow~, runbook~, playbook~, tutorial~, checklist~, set up, setup",
        "install~, installation, configure~, command~, way|ways to, process for|of|to",
    ),
    Layer.PROSPECTIVE: (
        "task~, goal~, todo~, to do, plan~, remind~, reminder~, deadline~, due, pending",
        "block^, blocker~, backlog, milestone~, roadmap, next, remain~, left, unfinished",
        "status of, wait~ for|on, working on, is|are anyone|someone|anybody|somebody, yet, will, going to, on our list",
        "outstanding, upcoming, should, need~, priority~, prioritize~, prioritise~, schedule~",
        "follow~ up, followup~, later, tomorrow, in progress, assign~, open issue~, work~ on",
    ),
    Layer.GRAPH: (
        "relate~, relation~, relationship~, depend~, dependency~, dependent~, link~, connect~ to|with",
        "own~, owner~, maintain~, maintainer~, part of, belong~, between, impact~, affect~",
        "upstream, downstream, talk~ to, inherit~, extend~, caller~, callee~, consumer~",
        "what|who|which call~|use~|import~|consume~|read~|write~",
        "share~, block~, feed~, consume~, publish~, subscribe~, produce~, call~, invoke~, route~ to, who|whom|whose",
    ),
}
"""Cue to layer. Semantic is not here: it is always asked."""

DECISIVE_CUES: Mapping[Layer, tuple[str, ...]] = {
    Layer.PROCEDURAL: (
        "how to, how do|can|should|would|could i|we|you|one, step~ to|for, what step~, the step~",
        "the procedure|process|runbook|recipe for|to|of, what's the procedure|process",
    ),
    Layer.PROSPECTIVE: (
        "what is|are|remains left, what's|whats left, what remains, what's|whats next, what is|comes next",
        "what is|are pending|blocked|due|outstanding|planned, what's pending|blocked|due|outstanding|planned",
        "what should|must|do i|we do, my|our|open|pending|remaining|unfinished|blocked task~|todo~|goal~",
        "what|which task~|todo~|goal~",
    ),
    Layer.GRAPH: (
        "depend~ on|upon, who|what|which own~|maintain~|call~|import~|use~|consume~, is|are related to",
        "dependencies of, dependents of, what is|are part of",
    ),
}
"""In a question these ask for one kind of memory so plainly that events need not be searched at first."""

INTENT_CUES: Mapping[Layer, tuple[str, ...]] = {
    Layer.EPISODIC: (
        "when|why|how|where did|was|were",
        "did we|the|it|you|i|they|anyone|anybody|someone, what made|got|happened|caused",
        "what went wrong, what broke, what did, who did, last time, how often did, what was the outcome|result",
    ),
    Layer.PROCEDURAL: (
        "how do|can|should|could|would i|we|you|one, how to, what do i|we do",
        "what step~, the step~, in what|which order",
        "what is|are the step~|procedure|process, what's the procedure|process|order|recipe",
        "first thing, order of step~",
        "which command~, what command~, what's the right|proper|best|usual way",
    ),
    Layer.PROSPECTIVE: (
        "will we|the|it|they|anyone|someone, going to, plan^ to|for",
        "planned, intend~ to, on our|my|the list|roadmap|plate",
        "is|are anyone|anybody|someone|somebody, working on, still need~|have|has to, left to do, to be done, by when",
        "status of, wait~ for|on, hold~ up, yet, how far, what's|whats next, who will, when will, do we still, due",
        "what should|must|do i|we do next, open|pending|remaining|unfinished|blocked|outstanding task~|item~|work",
    ),
    Layer.GRAPH: (
        "who|what|which|whose team|service|component|module|package|library|class|function",
        "who|what|which|whose job|queue|topic|table|bucket",
        "which team|service|component|module|job|queue|topic|table|lambda|worker|cluster|database|script|library~",
        "which teams|services|components|modules|jobs|queues|topics|tables|workers|clusters|databases|scripts",
        "who own~|maintain~|run~|use~|call~|look~ after, what depend~|call~|use~|consume~|block~|share~|talk~|feed~",
        "depend~ on, is|are part of, downstream of, upstream of, connect~ to, relate~ to, belong~ to",
    ),
}
"""In a question these show what kind of memory is wanted; one of that kind is preferred among equals (fusion)."""

LISTING_WORDS = frozenset(
    {
        *(
            "left",
            "remains",
            "remaining",
            "next",
            "comes",
            "open",
            "pending",
            "blocked",
            "due",
            "outstanding",
            "planned",
        ),
        *("unfinished", "task", "tasks", "todo", "todos", "goal", "goals", "item", "items", "work", "what's", "whats"),
        *("list", "show", "give", "tell", "currently", "current", "today", "project", "must", "everything", "anything"),
        *("urgent", "urgency", "priority", "priorities", "important", "critical", "high", "highest", "overdue"),
        *("backlog", "undone", "order", "ordered", "sort", "sorted", "deadline", "deadlines"),
    }
)
"""Words of a question that wants the tasks themselves; any other word says what they should be about."""

TASK_WORDS = frozenset(
    {
        *("task", "tasks", "todo", "todos", "goal", "goals", "backlog", "pending", "outstanding", "overdue", "urgent"),
        *("unfinished", "undone", "remaining", "deadline", "deadlines"),
    }
)
"""Each of these alone says that tasks are meant."""

FINISHED_WORDS = frozenset({"completed", "finished", "done", "closed", "cancelled", "canceled", "already"})
"""Beside a word for tasks these ask for those that are no longer open."""

NOT_WORDS = frozenset({"not", "no", "isn't", "aren't", "without", "except", "never", "n't"})
TURNING_WORDS = NOT_WORDS | {"before", "by", "until", "till", "after", "since", "from", "between", "and", "or", "than"}
"""Beside a time or a status these ask for other tasks than those of that time or status."""

DUE_WORDS = frozenset({"due", "overdue", "deadline", "deadlines"})
"""These ask for tasks that have a time."""

OPEN_THINGS = frozenset({"what", "what's", "whats", "anything", "everything", "all", "items", "item", "work"})
"""Beside one of these *open* says so, too."""

QUESTION_OPENERS = frozenset(
    {
        *("what", "what's", "whats", "which", "who", "who's", "whose", "whom", "how", "where", "when", "why"),
        *("list", "show", "is", "are", "do", "does", "did", "will", "has", "have", "can", "should", "was", "were"),
    }
)
"""First words of a question that was written without its question mark."""

PHASE_CUES: Mapping[Layer, tuple[str, ...]] = {
    Layer.EPISODIC: (
        "debug~, test~, troubleshoot~, investigate~, investigation, diagnose~, fix~, bugfix~",
        "review~, retrospective, incident~, verify~, verification, monitor~, operate~, postmortem",
    ),
    Layer.PROCEDURAL: (
        "implement~, implementation, code~, build~, develop~, development, deploy~, deployment",
        "release~, execute~, execution, migrate~, migration, setup, set~ up, setting up, install~",
    ),
    Layer.PROSPECTIVE: ("plan~, triage~, schedule~, estimate~, prioritize~, prioritise~, kickoff",),
    Layer.GRAPH: ("refactor~, design~, architect~, architecture, analyze~, analyse~, analysis, explore~",),
}
"""Phase of work, as the caller names it, to the layer that phase looks at."""
