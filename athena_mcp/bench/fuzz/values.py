"""Values that no caller should send, and some that any might."""

from __future__ import annotations

from random import Random
from typing import Any

CANARY = "zqcanary"
"""Stands in most generated texts; it must turn up in no log."""

_WORDS = (
    "deploy", "staging", "port", "5433", "billing", "cron", "auth_service", "src/app.py", "failing", "build", "release",
    "v2.4.1", "getUserById", "TODO", "password", "日本語", "naïve", "👩‍👩‍👧", "नमस्ते", "\u202eevil", "\x1b[31m", CANARY,
)  # fmt: skip
_ODD_TEXTS = (
    "", " ", "\x00", "a\x00b", "\ud83d", "x\udc00y", "\u2028", "%s%n{0}", "'; DROP TABLE memories; --", "\\", "\r\n\t",
    "../../etc/passwd", "null", "[1,2", "{", "\U0001d54f" * 50, "\ufeff", "1e999", "NaN", "-1", "yes",
)  # fmt: skip


def words(random: Random, most: int = 12) -> str:
    """A text that could be one."""
    return " ".join(random.choice(_WORDS) for _ in range(random.randint(1, most)))


def odd_text(random: Random) -> str:
    """A text that is none, or far too much of one."""
    if random.random() < 0.1:
        return random.choice(("x", CANARY, "\u0301", "a b ")) * random.choice((300, 5_000, 20_000))
    return random.choice(_ODD_TEXTS)


def any_value(random: Random, depth: int = 0) -> Any:
    """Anything that JSON can carry, and what only Python's reader takes for JSON."""
    kind = random.randrange(14 if depth < 3 else 9)
    match kind:
        case 0:
            return None
        case 1:
            return random.choice((True, False))
        case 2:
            return random.choice((0, -1, 1, 7, 2**31, 2**63 - 1, 2**63, -(2**63), 10**30, 10**300, 10**399))
        case 3:
            return random.choice((0.0, -0.0, 0.5, 1e308, 5e-324, float("nan"), float("inf"), float("-inf")))
        case 4 | 5:
            return odd_text(random)
        case 6 | 7 | 8:
            return words(random)
        case 9 | 10:
            return [any_value(random, depth + 1) for _ in range(random.choice((0, 1, 3, 40)))]
        case 11:
            return {odd_text(random): any_value(random, depth + 1) for _ in range(random.randint(0, 3))}
        case 12:
            return {words(random, 1): any_value(random, depth + 1) for _ in range(random.randint(0, 5))}
        case _:
            return nested(random.choice((5, 60, 190, 210, 400)))


def nested(depth: int) -> list[Any]:
    """A list in a list in a list …"""
    inner: list[Any] = []
    for _ in range(depth):
        inner = [inner]
    return inner
