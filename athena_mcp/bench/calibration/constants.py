"""The constants of the confidence as the module that holds them, `athena_mcp/recall/calibration.py`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from athena_mcp.bench.calibration.regression import Fitted
from athena_mcp.recall.logistic import Stage

DIGITS = 3


@dataclass(frozen=True, slots=True)
class StageFit:
    """The fits of one stage."""

    hit: Fitted
    answer: Fitted


@dataclass(frozen=True, slots=True)
class FittedConstants:
    """The fits of every stage, and the threshold below which an answer is none."""

    stages: Mapping[Stage, StageFit]
    nothing_relevant: float
    cases: Sequence[str]
    """What they were fitted on."""

    def module(self) -> str:
        """The text of the module."""
        return _MODULE.format(
            cases=", ".join(self.cases),
            stages="".join(
                _STAGE.format(name=stage.name, hit=_logistic(fit.hit), answer=_logistic(fit.answer))
                for stage, fit in self.stages.items()
            ),
            nothing_relevant=f"{self.nothing_relevant:.2f}",
        )


def _logistic(fitted: Fitted) -> str:
    return f"Logistic({_number(fitted.bias)}, {_numbers(fitted.weights)})"


def _number(value: float) -> str:
    # Adding 0 makes -0.0 plain.
    return f"{round(value, DIGITS) + 0.0:.{DIGITS}f}"


def _numbers(values: Sequence[float]) -> str:
    return "(" + ", ".join(_number(value) for value in values) + ("," if len(values) == 1 else "") + ")"


_STAGE = """\
    Stage.{name}: Constants(
        hit={hit},
        answer={answer},
    ),
"""

_MODULE = '''\
"""The constants of the confidence, fitted by `athena-mcp bench calibration --fit` on the development cases.

Not to be edited by hand; docs/benchmarks.md tells the data and the reliability.
Fitted on: {cases}.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from athena_mcp.recall.logistic import Constants, Logistic, Stage

_FITTED = {{
{stages}}}
CONSTANTS: Mapping[Stage, Constants] = MappingProxyType(_FITTED)
"""A bias and the weights of the signs, in the order of the classes in athena_mcp/recall/confidence.py."""

NOTHING_RELEVANT = {nothing_relevant}
"""Below this probability an answer says that nothing relevant was found."""
'''
