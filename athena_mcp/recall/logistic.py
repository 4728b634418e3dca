"""The shape of the confidence's constants: a logistic regression for hits and one for answers, at each stage."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum


class Stage(StrEnum):
    """How much was looked at before the confidence was told; each stage has constants of its own."""

    FOUND = "found"
    """Tier 1 with vectors."""
    FOUND_BY_WORDS = "found by words"
    READ = "read"
    """Tier 2 with vectors."""
    READ_BY_WORDS = "read by words"


@dataclass(frozen=True, slots=True)
class Logistic:
    """The probability of signs x is 1 / (1 + exp(-(bias + weights x))); the weights are in the order of the signs."""

    bias: float
    weights: tuple[float, ...]

    def probability(self, signs: Sequence[float]) -> float:
        """Of one row of signs. Raises ValueError for a row of another length."""
        total = self.bias + sum(w * s for w, s in zip(self.weights, signs, strict=True))
        return 1 / (1 + math.exp(-total))


@dataclass(frozen=True, slots=True)
class Constants:
    """What one stage has."""

    hit: Logistic
    answer: Logistic
