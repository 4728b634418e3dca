"""Operations that end in time, whatever the database does."""

from __future__ import annotations

import functools
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, ParamSpec, TypeVar

import anyio

from athena_mcp.errors import DeadlineExceeded

T = TypeVar("T")
P = ParamSpec("P")


async def within(limit_s: float, work: Callable[[], Awaitable[T]]) -> T:
    """Run `work` under a deadline that its statements hand to PostgreSQL. Raises DeadlineExceeded."""
    try:
        with anyio.fail_after(limit_s):
            return await work()
    except TimeoutError as error:
        raise DeadlineExceeded(
            "The database did not answer before the deadline. Try again; what was stored all the same is recognised."
        ) from error


def bounded(limit_s: float) -> Callable[[Callable[P, Awaitable[T]]], Callable[P, Coroutine[Any, Any, T]]]:
    """An operation that raises DeadlineExceeded when it is not over after `limit_s`.

    PostgreSQL ends statements by itself at their own limits, but not while it is frozen.
    """

    def wrap(operation: Callable[P, Awaitable[T]]) -> Callable[P, Coroutine[Any, Any, T]]:
        @functools.wraps(operation)
        async def in_time(*args: P.args, **kwargs: P.kwargs) -> T:
            return await within(limit_s, lambda: operation(*args, **kwargs))

        return in_time

    return wrap
