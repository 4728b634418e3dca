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
        hit=Logistic(-8.771, (-0.170, -4.589, 2.882, 1.768, 4.906, 2.025, 0.937, -2.126, 3.586, 1.297)),
        answer=Logistic(
            -4.876, (-0.233, -1.277, 2.919, 1.072, 0.462, 2.454, -0.110, -0.412, 1.423, 0.644, 1.012, 1.270)
        ),
    ),
    Stage.READ_BY_WORDS: Constants(
        hit=Logistic(-7.535, (0.507, -2.989, 0.000, 2.043, 3.469, 2.276, 1.565, -4.064, 1.891, 1.962)),
        answer=Logistic(-3.829, (0.213, -0.902, 0.000, 1.247, 0.366, 0.830, 0.108, -1.221, 0.059, 0.923, 1.387, 3.744)),
    ),
}
CONSTANTS: Mapping[Stage, Constants] = MappingProxyType(_FITTED)
"""A bias and the weights of the signs, in the order of the classes in athena_mcp/recall/confidence.py."""

NOTHING_RELEVANT = 0.11
"""Below this probability an answer says that nothing relevant was found."""
