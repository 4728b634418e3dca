"""The words by which `statements` tells what a sentence is about from the value it gives. English only.

Each list is short on purpose: a word that is missing leaves a change unnoticed, a word too many invents one.
"""

from __future__ import annotations


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


FILLERS = _words("a an the our now currently still today just please already")
"""Words without which a sentence says the same."""

BE = _words("is are be = : equals stays remains")
"""What stands before a value that is the only one."""

MANY_VALUED = _words("listens listen requires require needs need uses use")
"""A thing may do this with several at once (a gateway listens on 80 and on 443)."""

VALUE_VERBS = BE | MANY_VALUED | _words("has takes take lasts last expires expire costs cost")
"""What stands before a value."""

LEADS = _words(
    """
    on at in to by of after for every about around up than least most more less over under only exactly roughly
    approximately until within set due pinned limited capped fixed scheduled port version number
    """
)
"""What may stand between a verb and its number without being part of the subject."""

NAMED_BY_NUMBER = _words("release section chapter figure table step rule item paragraph appendix milestone")
"""A dotted number after one of these is a name, not the version of something."""

UNITS = {
    name: names.split()[0]
    for names in (
        "ms millisecond milliseconds", "s sec secs second seconds", "min mins minute minutes", "h hr hrs hour hours",
        "day days d", "week weeks", "month months", "year years", "kb kib", "mb mib", "gb gib", "tb tib", "%  percent",
        "x times", "px", "req requests", "mb/s", "rps", "qps", "hz", "mhz", "ghz", "k", "m",
    )
    for name in names.split()
}  # fmt: skip
"""Unit to the unit it is a spelling of."""

NUMBER_WORDS = {
    word: str(number)
    for number, word in enumerate(
        ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve")
    )
    if number != 1
}
""""One" is left out: it is more often a pronoun."""

SINGLE_NOUNS = _words(
    """
    port url address host version status state deadline owner maintainer assignee lead license timeout limit value
    region hostname domain bucket editor
    """
) | {"release date", "default branch", "main branch", "on call", "on-call"}
"""What a thing has one of: `the owner of billing is Ana`."""

SINGLE_ADJECTIVES = _words("default current primary main preferred canonical official")
"""What there is one of: `the default branch is main`."""

SINGLE_ENDINGS = frozenset(
    {
        ("owned", "by"), ("maintained", "by"), ("assigned", "to"), ("led", "by"), ("reports", "to"), ("hosted", "on"),
        ("hosted", "at"), ("hosted", "in"), ("written", "in"), ("renamed", "to"), ("moved", "to"), ("replaced", "by"),
        ("superseded", "by"), ("pinned", "to"), ("set", "to"), ("licensed", "under"), ("due", "on"),
    }
)  # fmt: skip
"""Ends of a sentence's beginning after which one value holds at a time."""

OPPOSITES = frozenset(
    frozenset(pair.split("/"))
    for pair in _words(
        """
        enabled/disabled on/off true/false allowed/forbidden open/closed required/optional supported/unsupported
        public/private mandatory/optional online/offline frozen/unfrozen locked/unlocked
        """
    )
)
"""Words of which one holds at a time."""

GENERIC = _words(
    """
    port version timeout limit status state value url address host owner deadline number size count date service server
    app application database db system tool api job test tests file function module script endpoint client key name id
    config configuration setting option parameter flag feature task process thing result answer default current lead
    assignee maintainer region hostname domain bucket
    """
)
"""Nouns that alone do not say which one is meant: two sentences about `the port` may be about two ports."""

GROUPS = _words("team group squad department org company")
"""What may follow the name of an owner."""

POINTERS = _words(
    "this that these those it its he she they them his her their my your here there which same above below"
)
"""With one of these the subject is in another sentence."""

HEDGES = _words(
    """
    also too additionally another second third other others either or example e.g eg i.e sometimes maybe perhaps might
    may could can if unless except usually often some any each both one ? versus vs was were
    """
)
"""With one of these a sentence may well be true beside another."""

CHANGED = _words("now instead longer anymore changed formerly previously switched moved")
"""With one of these a sentence says itself that something changed."""
