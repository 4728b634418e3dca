"""The references' words: split, folded, without function words, stemmed. Apart from what Athena itself does."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Sequence

from athena_mcp.bench.failure import BenchFailed

Stem = Callable[[str], str]

_HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
"""Where a name in camel case is joined: getUserById, HTTPServer."""
_WORD = re.compile(r"[^\W_]+")
_FUNCTION_WORDS = """
    a an the this that these those
    i me my mine you your yours he him his she her hers it its we us our ours they them their theirs
    who whom whose what which when where why how
    am is are was were be been being do does did doing have has had having
    will would shall should can could may might must
    and or but nor not no so if then than too very just
    about at by for from in into of off on out over to under up down with as again
    here there
    s t d m ll re ve
"""
# The last line is what splitting at an apostrophe leaves of it's, don't, I'd, I'm, we'll, you're and I've.
FUNCTION_WORDS = frozenset(_FUNCTION_WORDS.split())


def split_words(text: str) -> list[str]:
    """The words of a text in their order, folded to lower case; names in camel and snake case fall into their parts."""
    parts = _HUMP.sub(" ", unicodedata.normalize("NFKC", text))
    return [word for word in _WORD.findall(parts.casefold()) if word not in FUNCTION_WORDS]


def english_stemmer() -> Stem:
    """The Snowball stemmer for English, which remembers what it has stemmed. Raises BenchFailed if not installed."""
    try:
        import snowballstemmer
    except ImportError as error:
        raise BenchFailed(
            "The reference rows need the package snowballstemmer. Install it with: pip install 'athena-mcp[bench]', "
            "or in a checkout: pip install -e '.[bench]'"
        ) from error
    stem_word: Stem = snowballstemmer.stemmer("english").stemWord
    known: dict[str, str] = {}

    def stem(word: str) -> str:
        if word not in known:
            known[word] = stem_word(word)
        return known[word]

    return stem


def terms_of(text: str, stem: Stem) -> Sequence[str]:
    """What of a text is compared."""
    return [stem(word) for word in split_words(text)]
