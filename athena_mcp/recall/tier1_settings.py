"""The executor's settings: checked when they are set, and free to change while it runs."""

from __future__ import annotations

import math

from athena_mcp.errors import InvalidArgument
from athena_mcp.recall.places import Places

MAX_CONCURRENT = 100
"""More layers at once than connections could serve."""


class Tier1Settings:
    """Any of them may be set at any time, and the next call obeys; one that cannot work raises InvalidArgument."""

    def __init__(
        self,
        places: Places,
        max_concurrent: int,
        timeout_seconds: float,
        enable_parallel: bool,
        recall_timeout_seconds: float,
    ) -> None:
        self._places = places
        self.max_concurrent = max_concurrent
        self.timeout_seconds = timeout_seconds
        self.enable_parallel = enable_parallel
        self.recall_timeout_seconds = recall_timeout_seconds

    @property
    def max_concurrent(self) -> int:
        """The most layers that run at the same time, of all calls together."""
        return self._places.bound

    @max_concurrent.setter
    def max_concurrent(self, value: int) -> None:
        if not _is_whole_number(value) or not 1 <= value <= MAX_CONCURRENT:
            raise InvalidArgument("max_concurrent", f"must be a whole number from 1 to {MAX_CONCURRENT}")
        self._places.bound = value

    @property
    def timeout_seconds(self) -> float:
        """The seconds that one layer has, from the moment it starts to run."""
        return self._timeout_s

    @timeout_seconds.setter
    def timeout_seconds(self, value: float) -> None:
        self._timeout_s = _seconds("timeout_seconds", value)

    @property
    def recall_timeout_seconds(self) -> float:
        """The seconds after which a call answers with what has come, the wait for places included."""
        return self._recall_timeout_s

    @recall_timeout_seconds.setter
    def recall_timeout_seconds(self, value: float) -> None:
        self._recall_timeout_s = _seconds("recall_timeout_seconds", value)

    @property
    def enable_parallel(self) -> bool:
        """Whether calls may ask layers side by side."""
        return self._enable_parallel

    @enable_parallel.setter
    def enable_parallel(self, value: bool) -> None:
        if not isinstance(value, bool):
            raise InvalidArgument("enable_parallel", "must be true or false")
        self._enable_parallel = value


def _seconds(name: str, value: object) -> float:
    if not (isinstance(value, float) or _is_whole_number(value)) or not 0 < value < math.inf:  # type: ignore[operator]
        raise InvalidArgument(name, "must be a number of seconds above 0")
    return float(value)  # type: ignore[arg-type]


def _is_whole_number(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)
