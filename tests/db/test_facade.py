from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor

import pytest

from athena_mcp import Athena, AthenaError, InvalidArgument, Settings


def test_the_facade_does_what_the_manager_does_and_from_any_thread(settings: Settings) -> None:
    with Athena(settings) as athena:
        receipt = athena.remember("The staging database listens on port 5433.", tags=["db"])
        assert athena.get(receipt.id).tags == ("db",)
        result = athena.recall("staging database port", None, 3, project="owner/project")
        assert [hit.memory.id for hit in result.memories] == [receipt.id]
        with pytest.raises(InvalidArgument):
            athena.recall("")
        with ThreadPoolExecutor(8) as threads:
            receipts = list(threads.map(lambda n: athena.remember(f"Fact {n % 20}", layer="semantic"), range(40)))
        assert len({each.id for each in receipts}) == 20
        assert athena.stats("store")["store"]["memories"] == 21
        assert athena.forget(receipt.id).ids == (receipt.id,)

        async def inside_a_loop() -> int:
            return len(athena.recall("fact", k=50, layers=["semantic"]).memories)

        assert asyncio.run(inside_a_loop()) == 20
    with pytest.raises(AthenaError, match="with Athena"):
        athena.stats()
    with athena:
        assert athena.stats("store")["store"]["memories"] == 20


def test_a_facade_that_is_not_open_says_how_to_open_it(settings: Settings) -> None:
    with pytest.raises(AthenaError, match="with Athena"):
        Athena(settings).recall("anything")


def test_an_error_in_the_block_is_the_callers_own(settings: Settings) -> None:
    with pytest.raises(ZeroDivisionError), Athena(settings) as athena:  # noqa: PT012  # leaving the block is the test
        athena.stats("store")
        raise ZeroDivisionError
