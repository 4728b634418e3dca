"""The constants of the confidence, fitted by `athena-mcp bench calibration --fit` on the development cases.

Not to be edited by hand; docs/benchmarks.md tells the data and the reliability.
Fitted on: anyio, httpx, locomo-0, locomo-1, workload.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from athena_mcp.recall.logistic import Constants, Logistic, Stage

_FITTED = {
    Stage.FOUND: Constants(
        hit=Logistic(-9.496, (3.305, -4.112, 3.591, 2.221, 4.735, 1.613, 1.321, 0.000, 0.000, 0.000)),
        answer=Logistic(-4.869, (1.373, -0.763, 2.975, 1.732, 0.983, 1.921, 0.172, -0.509, 0.000, 0.000, 0.000, 0.403)),
    ),
    Stage.FOUND_BY_WORDS: Constants(
        hit=Logistic(-9.797, (2.677, -1.522, 0.000, 1.886, 3.833, 2.403, 3.003, 0.000, 0.000, 0.000)),
        answer=Logistic(-4.067, (1.515, 0.105, 0.000, 2.628, 1.289, 1.444, -0.435, -0.685, 0.000, 0.000, 0.000, 1.236)),
    ),
    Stage.READ: Constants(
        hit=Logistic(-8.835, (0.233, -5.365, 2.776, 1.890, 5.095, 1.961, 0.862, -2.245, 3.810, 1.296)),
        answer=Logistic(
            -4.922, (-0.158, -1.439, 2.891, 1.061, 0.716, 2.400, -0.086, -0.816, 1.449, 0.709, 0.853, 1.417)
        ),
    ),
    Stage.READ_BY_WORDS: Constants(
        hit=Logistic(-7.878, (0.956, -3.286, 0.000, 2.395, 3.889, 2.065, 1.681, -3.900, 1.712, 1.782)),
        answer=Logistic(
            -4.021, (0.457, -1.094, 0.000, 1.188, 0.372, 0.797, 0.297, -1.370, -0.018, 0.936, 1.114, 3.991)
        ),
    ),
}
CONSTANTS: Mapping[Stage, Constants] = MappingProxyType(_FITTED)
"""A bias and the weights of the signs, in the order of the classes in athena_mcp/recall/confidence.py."""

NOTHING_RELEVANT = 0.10
"""Below this probability an answer says that nothing relevant was found."""
