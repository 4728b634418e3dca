"""How an entity is recognised: the same name written in any of the usual ways is one entity."""

from __future__ import annotations

import re
import unicodedata

MAX_WORDS = 6
"""Names of more words are recognised only when they are the subject or object of a relation, not inside a query."""
QUERY_WORDS = 300
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_WORD = re.compile(r"[^\W_]+(?:\+\+|#)?")
"""C, C++ and C# are three things."""
_POSSESSIVE = re.compile(r"['\N{RIGHT SINGLE QUOTATION MARK}]s\b")
_ARTICLES = frozenset({"the", "a", "an"})


def name_key(name: str) -> str:
    """`AuthService`, `auth-service`, `the auth service` and `auth_service` are all `auth service`.

    A name without any letter or digit is its own key.
    """
    words = _words(name)
    while len(words) > 1 and words[0] in _ARTICLES:
        words = words[1:]
    return " ".join(words) or unicodedata.normalize("NFKC", name).strip().lower()


def keys_in(text: str) -> list[str]:
    """Every run of up to MAX_WORDS words of a text, as keys: whichever of them are entities are named in it.

    Each also without a plural `s`, and with its words joined, as the key of a name in lower case has them.
    """
    words = _words(text)[:QUERY_WORDS]
    keys: dict[str, None] = {}
    for size in range(min(MAX_WORDS, len(words)), 0, -1):
        for start in range(len(words) - size + 1):
            run = words[start : start + size]
            keys[" ".join(run)] = None
            keys["".join(run)] = None
            if len(run[-1]) > 3 and run[-1].endswith("s"):
                keys[" ".join([*run[:-1], run[-1][:-1]])] = None
    return list(keys)


def relation_key(relation: str) -> str:
    """`depends on`, `depends_on`, `dependsOn` and `DEPENDS-ON` are all `depends on`."""
    return name_key(relation)


def _words(text: str) -> list[str]:
    apart = _CAMEL.sub(" ", unicodedata.normalize("NFKC", text))
    return [word.lower() for word in _WORD.findall(_POSSESSIVE.sub("", apart))]
