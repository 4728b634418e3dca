"""The constants of the confidence, fitted by `athena-mcp bench calibration --fit` on the development cases.

Not to be edited by hand; docs/benchmarks.md tells the data and the reliability.
"""

from __future__ import annotations

BIAS_HIT = -9.896
HIT = (3.389, -4.914, 4.769, 1.89, 5.175, 1.913, 1.21, -0.167)
BIAS_ANSWER = -5.484
ANSWER = (2.204, -0.941, 4.549, 1.081, 0.827, 2.223, 0.288, -0.975)

NOTHING_RELEVANT = 0.12
"""Below this probability an answer says that nothing relevant was found."""
