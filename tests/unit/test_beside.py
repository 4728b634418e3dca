from __future__ import annotations

import anyio
import pytest

from athena_mcp.beside import side_work

pytestmark = pytest.mark.anyio


async def test_what_a_call_returns_is_had_when_it_is_asked_for() -> None:
    begun = anyio.Event()

    async def call() -> int:
        begun.set()
        return 7

    async with side_work() as side:
        running = side.begin(call, "call")
        await begun.wait()
        assert await running.value() == 7
        assert await running.value() == 7


async def test_what_it_raises_is_raised_where_it_is_asked_for_and_nowhere_else() -> None:
    async def call() -> int:
        raise LookupError("nothing there")

    async with side_work() as side:
        running = side.begin(call, "call")
        await anyio.lowlevel.checkpoint()
        with pytest.raises(LookupError, match="nothing there"):
            await running.value()
        side.begin(call, "nobody asks")
        await anyio.lowlevel.checkpoint()


@pytest.mark.parametrize("fails", [False, True])
async def test_the_end_of_the_block_ends_what_still_runs_and_raises_what_the_block_raised(fails: bool) -> None:
    ended = anyio.Event()

    async def call() -> None:
        try:
            await anyio.sleep_forever()
        finally:
            ended.set()

    async def block() -> str:
        async with side_work() as side:
            side.begin(call, "call")
            await anyio.lowlevel.checkpoint()
            if fails:
                raise LookupError("the block")
            return "done"

    if fails:
        with pytest.raises(LookupError, match="the block"):
            await block()
    else:
        assert await block() == "done"
    assert ended.is_set()


async def test_cancelling_the_caller_cancels_both_and_is_seen_as_a_cancellation() -> None:
    begun, ended = anyio.Event(), anyio.Event()

    async def call() -> None:
        try:
            begun.set()
            await anyio.sleep_forever()
        finally:
            ended.set()

    with anyio.CancelScope() as scope:
        async with side_work() as side:
            running = side.begin(call, "call")
            await begun.wait()
            scope.cancel()
            await running.value()
            raise AssertionError("went on")
    assert scope.cancelled_caught
    assert ended.is_set()
    with anyio.fail_after(1):
        await anyio.lowlevel.checkpoint()  # nothing of the cancellation is left


async def test_what_was_cancelled_by_itself_leaves_nobody_waiting() -> None:
    async def call() -> None:
        raise anyio.get_cancelled_exc_class()

    with anyio.fail_after(1):
        async with side_work() as side:
            running = side.begin(call, "call")
            with pytest.raises(RuntimeError, match="came to nothing"):
                await running.value()
