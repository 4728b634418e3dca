"""Two deadlines for one layer: PostgreSQL cancels the statement first, an anyio scope stands a little behind it.

An anyio timeout around a running query closes the pooled connection; a `statement_timeout` leaves it whole. So whoever
asks a layer opens a scope of `scope_s(timeout_s)`, and the driver's side gives every statement
`budget_s(anyio.current_effective_deadline() - anyio.current_time())`. Each function is the other's inverse: a statement
sent at once gets exactly the layer's timeout. The distance between the two is a tenth of the timeout, at most 20 ms, so
that an answer is never far behind its deadline.
"""

from __future__ import annotations

MAX_SLACK_S = 0.02
"""Time for PostgreSQL to report that its own limit has passed, which takes a millisecond or two. A scope that closes
all the same has the statement cancelled by the session's watcher, which takes longer and costs no connection either."""
SLACK_SHARE = 10
"""The slack is this part of a short timeout, so that a layer of 50 ms is not given four times its due."""


def scope_s(timeout_s: float) -> float:
    """Seconds of the anyio scope around a layer that may take `timeout_s` seconds."""
    return timeout_s + min(MAX_SLACK_S, timeout_s / SLACK_SHARE)


def budget_s(remaining_s: float) -> float:
    """Seconds a statement may take when its scope closes in `remaining_s`; 0 when nothing is left, inf without a scope.

    PostgreSQL reads a `statement_timeout` of 0 as "none", so a caller must not send a budget of 0.
    """
    return max(0.0, remaining_s - min(MAX_SLACK_S, remaining_s / (SLACK_SHARE + 1)))
