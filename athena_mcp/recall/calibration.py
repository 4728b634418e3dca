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
        answer=Logistic(-5.133, (1.212, -0.571, 3.102, 1.681, 0.495, 1.955, 0.179, -0.890, 0.000, 0.000, 0.000, 1.217)),
    ),
    Stage.FOUND_BY_WORDS: Constants(
        hit=Logistic(-9.165, (2.660, -1.479, 0.000, 1.921, 4.253, 2.172, 2.395, 0.000, 0.000, 0.000)),
        answer=Logistic(
            -4.072, (1.244, -0.073, 0.000, 2.498, 1.620, 1.573, -0.539, -0.320, 0.000, 0.000, 0.000, 1.779)
        ),
    ),
    Stage.READ: Constants(
        hit=Logistic(-8.828, (-0.160, -4.572, 2.904, 1.857, 4.961, 1.951, 0.938, -2.101, 3.581, 1.292)),
        answer=Logistic(
            -4.887, (-0.185, -1.296, 2.955, 1.117, 0.475, 2.441, -0.120, -0.451, 1.365, 0.654, 0.957, 1.260)
        ),
    ),
    Stage.READ_BY_WORDS: Constants(
        hit=Logistic(-7.405, (-0.846, -3.169, 0.000, 1.959, 4.045, 2.163, 1.335, -3.659, 3.502, 1.815)),
        answer=Logistic(
            -3.766, (-0.329, -0.882, 0.000, 1.209, 0.653, 0.833, -0.038, -0.916, 0.608, 0.937, 1.394, 3.701)
        ),
    ),
}
CONSTANTS: Mapping[Stage, Constants] = MappingProxyType(_FITTED)
"""A bias and the weights of the signs, in the order of the classes in athena_mcp/recall/confidence.py."""

NOTHING_RELEVANT = 0.11
"""Below this probability an answer says that nothing relevant was found."""
