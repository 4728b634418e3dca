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
        hit=Logistic(-9.520, (3.071, -3.560, 3.612, 2.253, 4.533, 1.673, 1.240, 0.000, 0.000, 0.000)),
        answer=Logistic(-5.110, (1.220, -0.546, 3.097, 1.676, 0.531, 1.847, 0.186, -0.942, 0.000, 0.000, 0.000, 1.247)),
    ),
    Stage.FOUND_BY_WORDS: Constants(
        hit=Logistic(-9.717, (2.690, -1.345, 0.000, 1.967, 3.579, 2.358, 2.859, 0.000, 0.000, 0.000)),
        answer=Logistic(-4.041, (1.355, 0.198, 0.000, 2.564, 1.051, 1.338, -0.449, -1.016, 0.000, 0.000, 0.000, 1.894)),
    ),
    Stage.READ: Constants(
        hit=Logistic(-8.875, (-0.235, -4.630, 2.774, 1.989, 5.070, 1.860, 1.000, -2.271, 3.706, 1.332)),
        answer=Logistic(
            -4.918, (-0.242, -1.343, 2.671, 1.097, 0.513, 2.492, -0.141, -0.674, 1.513, 0.624, 0.796, 1.572)
        ),
    ),
    Stage.READ_BY_WORDS: Constants(
        hit=Logistic(-7.578, (0.787, -3.226, 0.000, 2.162, 3.518, 2.219, 1.560, -4.195, 1.799, 1.862)),
        answer=Logistic(-3.896, (0.249, -1.208, 0.000, 1.226, 0.241, 0.804, 0.174, -1.650, 0.158, 0.840, 1.356, 4.033)),
    ),
}
CONSTANTS: Mapping[Stage, Constants] = MappingProxyType(_FITTED)
"""A bias and the weights of the signs, in the order of the classes in athena_mcp/recall/confidence.py."""

NOTHING_RELEVANT = 0.10
"""Below this probability an answer says that nothing relevant was found."""
