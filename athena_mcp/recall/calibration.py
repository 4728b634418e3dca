"""The constants of the confidence, fitted by `athena-mcp bench calibration --fit` on the development cases.

Not to be edited by hand; docs/benchmarks.md tells the data and the reliability.
"""

from __future__ import annotations

BIAS_HIT = -4.0
HIT = (3.0, 2.0, 1.0, 1.0, 1.0, 0.5, 0.5, 0.5)
BIAS_ANSWER = -3.0
ANSWER = (3.0, 2.0, 1.0, 1.0, 1.0, 1.0, 0.3, 0.3)

NOTHING_RELEVANT = 0.1
"""Below this probability an answer says that nothing relevant was found."""
