"""The words by which a text without a stated layer is filed. How cues are written: `athena_mcp.search.wordforms`.

Tasks, procedures and relations are recognised only by plain signs: a recall always asks for facts and nearly always
for events, so a text filed wrongly as one of those two is still found, and one filed wrongly as a task may not be.
"""

from __future__ import annotations

from collections.abc import Mapping

from athena_mcp.model import Layer

DETAIL_KEYS: Mapping[Layer, frozenset[str]] = {
    Layer.EPISODIC: frozenset({"outcome", "files"}),
    Layer.SEMANTIC: frozenset({"confidence", "source"}),
    Layer.PROCEDURAL: frozenset({"steps", "applies_when"}),
    Layer.PROSPECTIVE: frozenset({"status", "priority", "due_at", "triggers"}),
}
"""The keys of `details` that only one layer has."""

LABELS: Mapping[Layer, tuple[str, ...]] = {
    Layer.EPISODIC: (
        "error, bug, incident, outage, event, log, session, postmortem, test run, crash",
        "meeting, standup, status, progress, result|results, outcome, changelog, retro",
    ),
    Layer.SEMANTIC: (
        "fact, preference, pattern, decision, convention, rule, lesson, lesson|lessons learned",
        "learned, insight, gotcha, constraint, definition, style",
    ),
    Layer.PROCEDURAL: (
        "how to, howto, step|steps, procedure, recipe, workflow, runbook, playbook, checklist",
        "instructions",
    ),
    Layer.PROSPECTIVE: (
        "todo|todos, to do, fixme, task|tasks, goal|goals, reminder, action item|items, next",
        "next step|steps, follow up, plan, backlog, open item|items, remaining, remaining work|items|tasks, deadline",
        "milestone",
    ),
    Layer.GRAPH: ("relation|relations, relationship|relationships, dependency|dependencies, edge|edges",),
}
"""A label that opens a text (``TODO: …``) says what it is."""

NEUTRAL_LABELS: tuple[str, ...] = ("note|notes, important, warning, tip, fyi, nb, update, context, info",)
"""A label that says nothing about the kind of memory; what follows decides."""

COMMIT_TYPES = frozenset(
    {"feat", "fix", "chore", "docs", "refactor", "test", "tests", "perf", "ci", "build", "style", "revert", "deps"}
)
"""Types of the conventional-commits subject (``fix(pool): …``), in lower case."""

TASK_CUES: tuple[str, ...] = (
    "todo, fixme, remind me|us, don't|dont forget, do not forget, must not forget, remember to",
    "i|we|you|someone|somebody need|must|should|have|ought to, i|we|someone must|should|will|shall, i'll|we'll",
    "still|also|next need~ to|a|an|the|some, need|needs to be, should|must be done|fixed|added|updated|removed",
    "should|must be rewritten|replaced|moved|documented|tested|refactored|investigated|reviewed|migrated|upgraded",
    "has|have to be done|fixed|added|updated|removed|rewritten|replaced|moved|migrated|reviewed, yet to be",
    "i|we plan|want|intend|aim to, i'm|we're going|planning to, going to need, left to do, still to do",
    "remain|remains to be, follow up with|on, let's, is|are|am|still|we're|i'm waiting|blocked on|for|by",
    "our|my|the goal is, goal for, to be done, is|are due, due by|on|before|tomorrow|today|next",
    "is|are overdue, deadline for|is, tbd, needs a|an|more|some",
)
"""A task, when found in the first clause of a text and not of a commit."""

TASK_OPENERS: tuple[str, ...] = (
    "need|needs to, have to, must, should, remember to, investigate, look into, figure out, find out",
    "follow up, check whether|if, decide whether|if|on|between, ask, consider, finish, plan, schedule",
    "waiting on|for, blocked on|by",
    "write up, reply to, talk to, get back to, come back to, revisit, double check",
)
"""A task, when a text opens with it."""

DEADLINE_CUES: tuple[str, ...] = (
    "by|before|until monday|tuesday|wednesday|thursday|friday|saturday|sunday|tomorrow|tonight|noon|eod|eow|christmas",
    "by|before|until next|the|this week|month|sprint|release|quarter|weekend|friday|monday|deadline|end|demo|freeze",
    "by|before the next release|sprint|deploy|deployment|review|meeting, by|before end of",
    "tomorrow, next week|month|sprint|quarter, later today|this|today, this weekend, in the next sprint",
)
"""A time to come: with an imperative or an obligation it makes a task."""

OBLIGATIONS: tuple[str, ...] = ("must, should, need~ to, has|have to, will, shall, is|are due",)

PROCEDURE_CUES: tuple[str, ...] = (
    "how to, is|here's how we|you|i, steps to|for|are, the step~, step 1|one|2|two, these steps, follow the steps",
    "procedure|process|workflow|recipe|runbook|instructions|checklist for, the procedure|process to|is",
    "the way to, the trick is to",
)
"""A procedure, when found in the first clause."""

IMPERATIVES: tuple[str, ...] = (
    "run, use, open, start, stop, restart, call, set, create, copy, edit, check, make, go",
    "install, build, deploy, push, pull, tag, commit, merge, rebase, delete, remove, add",
    "update, bump, configure, export, import, source, activate, enable, disable, select, click",
    "type, execute, apply, rotate, drain, wait, verify, test, ssh, cd, git, docker, npm",
    "kubectl, make, pip, uv, write, read, generate, regenerate, download, upload, first, then",
    "always run, fetch, checkout, clone, load, dump, restore, revoke, invalidate, clear, flush",
)
"""First words of an instruction. Two of them joined by *then* or an arrow make a procedure."""

RELATION_CUES: tuple[str, ...] = (
    "depend|depends on|upon, calls, imports, extends, inherits from, subclasses",
    "is|are part of, belong|belongs to, is|are owned|maintained|called|used|imported|consumed|deployed by",
    "is|are a|the dependency|dependencies|child|parent|subclass|owner|maintainer|member|consumer|caller of",
    "owns, maintains, talks|connects|links|writes|publishes|subscribes|reports|delegates|belongs to",
    "reads|consumes|inherits|derives from, consumes, sits|sit behind, is|are upstream|downstream of",
    "is|are connected|related|linked to, consists of",
)
"""Between two short names these state a relation."""

PREPOSITIONS = frozenset({"in", "from", "on", "of", "at", "by", "for", "with", "to", "and", "or", "as", "into"})
"""Right after a relation's verb they show that it was a plural noun (*blocking calls in …*)."""

EVENT_VERBS: tuple[str, ...] = (
    "fail^, fix^, deploy^, merge^, crash^, decide^, release^, ship^, add^, remove^, change^",
    "update^, upgrade^, downgrade^, bump^, rename^, move^, refactor^, revert^, replace^, delete^",
    "drop^, migrate^, finish^, complete^, implement^, introduce^, discover^, notice^, debug^",
    "investigate^, resolve^, solve^, close^, open^, start^, stop^, restart^, try^, switch^",
    "agree^, discuss^, report^, ask^, tell|told, said, mention^, announce^, choose|chose, pick^",
    "reject^, accept^, approve^, review^, commit^, push^, pull^, rebase^, tag^, publish^",
    "install^, configure^, disable^, enable^, break|broke, happen^, occur^, cause^, trigger^",
    "time^ out, ran, went, hit, got, began, found, lost, wrote, rewrote, built, rebuilt",
    "made, took, saw, met, spent, gave, came, caught, threw, rose, fell, brought",
    "increase^, decrease^, improve^, reduce^, clean^, tweak^, adjust^, correct^, simplify^",
    "convert^, extract^, cherry picked, roll^ back|out, rotate^, restore^, recover^, leak^",
    "attempt^, reproduce^, bisect^, profile^, measure^, benchmark^, test^, verify^, confirm^",
    "learn^, realise^, realize^, land^, prepare^, create^, edit^, document^, address^, pass^",
    "complain^, request^, suggest^, propose^, explain^, present^, demo^, onboard^, hire^, join^",
    "skip^, ignore^, patch^, hotfix^, expire^, exceed^, reach^, receive^, send|sent, lock^",
)
"""Happenings in the past; at the very beginning any word in ``-ed`` is one. After *is*, *are* or an
article they describe a state and do not count."""

COMMIT_VERBS: tuple[str, ...] = (
    "fix|fixes|fixup, add|adds, remove|removes, update|updates, bump|bumps, drop|drops, rename|renames",
    "refactor|refactors, move|moves, merge|merges, revert|reverts, replace|replaces, improve|improves",
    "clean|cleanup, tweak|tweaks, change|changes, handle|handles, support, implement|implements",
    "introduce|introduces, deprecate|deprecates, upgrade|upgrades, downgrade, switch|switches, split",
    "simplify|simplifies, expose|exposes, pin, unpin, correct, adjust, extract, convert, delete",
    "reorganise, reorganize, restructure, rework, rewrite, reformat, lint, tidy, tighten, resolve",
    "release, releasing, version, initial commit, wip, typo|typos, tests for, additional tests",
    "allow|allows, prevent|prevents, enable, disable, raise, optimise, optimize, speed up, polish",
    "document, test, make, refine, include, exclude, migrate, port, backport, hotfix, patch",
    "ensure|ensures, relax, force, increase, decrease, detect|detects, cap, harmonise, harmonize, unify, bring",
    "minor, more, better, type check, annotate, mark, load, ignore, skip, close, expand",
)
"""First words of a commit's subject line."""

FINITE_VERBS = frozenset(
    {"is", "are", "has", "have", "can", "must", "should", "will", "live", "lives", "go", "goes", "use"}
)
"""In a line that opens with a commit verb these show that the word is a noun (*Release branches are …*)."""

FACT_OPENERS: tuple[str, ...] = (
    "always, never, prefer, prefers, avoid, use, uses, keep, do not, don't",
    "please, when, if, for, because, unless, only, every, all, any, no",
)
"""First words of a rule or a preference; past tense later in such a sentence tells of no event."""

PAST_TIME_CUES: tuple[str, ...] = (
    "yesterday, ago, last night|week|month|year|time|sprint|monday|tuesday|wednesday|thursday|friday",
    "last saturday|sunday, this morning|afternoon|evening, earlier today|this, just now, the other day",
    "decided today, today we|i, previous sprint|week|night",
)
"""A time gone by."""

FAILURE_CUES: tuple[str, ...] = (
    "traceback most recent, exit|exited code|status, stack trace, segmentation fault, core dumped",
    "tests passed|failed, test passed|failed, permission denied, out of memory, connection refused",
    "is|are|keeps failing|crashing|broken|down, tests failing, could not reproduce, fails with|on|since|because",
)
"""What a machine prints when something happened."""

STATE_VERBS = frozenset({"is", "are", "be", "being", "gets", "get", "am", "isn't", "aren't", "can", "should", "must"})
"""Before a past form: a state or a rule, not an event."""

DETERMINERS = frozenset({"the", "a", "an", "any", "each", "every", "no", "of", "all", "for", "with", "per", "by", "as"})
"""Before a past form: it is an adjective (*the failed jobs*)."""

SUBORDINATORS = frozenset(
    {"when", "whenever", "if", "because", "that", "which", "where", "unless", "until", "while", "once", "who", "whose"}
)
"""What follows one of these is a side clause and does not decide."""

CONVERSATION_WORDS = frozenset(
    {"i", "i'm", "i've", "i'll", "i'd", "me", "my", "you", "you're", "you've", "you'll", "you'd", "your", "we", "we're"}
    | {"we've", "we'll", "us", "our", "let's", "hey", "hi", "hello", "thanks", "thank", "wow", "yeah", "yes", "yep"}
    | {"no", "nope", "ok", "okay", "sure", "bye", "cool", "awesome", "great", "haha", "lol", "congrats", "oh", "sorry"}
    | {"it's", "that's", "glad", "please", "well", "absolutely", "definitely", "totally", "exactly", "nice", "yup"}
)
"""Words of talk: after ``Name:`` they make a turn of a conversation."""

SPEAKER_ROLES = frozenset(
    {"user", "assistant", "human", "ai", "agent", "customer", "interviewer", "speaker", "reviewer"}
)
"""Names that speak whatever follows."""
