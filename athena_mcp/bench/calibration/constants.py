"""The constants of the confidence as the module that holds them, `athena_mcp/recall/calibration.py`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from athena_mcp.bench.calibration.regression import Fitted

DIGITS = 3


@dataclass(frozen=True, slots=True)
class Constants:
    """The fits of answers and hits, with vectors and without."""

    hit: Fitted
    answer: Fitted
    hit_by_words: Fitted
    answer_by_words: Fitted
    nothing_relevant: float
    cases: Sequence[str]
    """What they were fitted on."""

    def module(self) -> str:
        """The text of the module."""
        return _MODULE.format(
            cases=", ".join(self.cases),
            bias_hit=_number(self.hit.bias),
            hit=_numbers(self.hit.weights),
            bias_answer=_number(self.answer.bias),
            answer=_numbers(self.answer.weights),
            bias_hit_by_words=_number(self.hit_by_words.bias),
            hit_by_words=_numbers(self.hit_by_words.weights),
            bias_answer_by_words=_number(self.answer_by_words.bias),
            answer_by_words=_numbers(self.answer_by_words.weights),
            nothing_relevant=f"{self.nothing_relevant:.2f}",
        )


def _number(value: float) -> str:
    # Adding 0 makes -0.0 plain.
    return f"{round(value, DIGITS) + 0.0:.{DIGITS}f}"


def _numbers(values: Sequence[float]) -> str:
    return "(" + ", ".join(_number(value) for value in values) + ("," if len(values) == 1 else "") + ")"


_MODULE = '''\
"""The constants of the confidence, fitted by `athena-mcp bench calibration --fit` on the development cases.

Not to be edited by hand; docs/benchmarks.md tells the data and the reliability.
Fitted on: {cases}.
"""

from __future__ import annotations

# Each is a bias and the weights of the signs, in the order of the classes in athena_mcp/recall/confidence.py.
BIAS_HIT = {bias_hit}
HIT = {hit}
BIAS_ANSWER = {bias_answer}
ANSWER = {answer}

# The same for a store that goes by words only.
BIAS_HIT_BY_WORDS = {bias_hit_by_words}
HIT_BY_WORDS = {hit_by_words}
BIAS_ANSWER_BY_WORDS = {bias_answer_by_words}
ANSWER_BY_WORDS = {answer_by_words}

NOTHING_RELEVANT = {nothing_relevant}
"""Below this probability an answer says that nothing relevant was found."""
'''
