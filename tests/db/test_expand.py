"""Following relations from memories, beside the same worked out in Python, in a graph with a hub."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace

import pytest

from athena_mcp.db.pool import Database
from athena_mcp.layers.graph import MAX_EDGES, expand
from athena_mcp.manager import MemoryManager
from athena_mcp.model import Layer
from athena_mcp.remember.record import MemoryRecord
from athena_mcp.search.candidates import Filters, Search
from athena_mcp.search.lexical import LexicalQuery
from athena_mcp.transfer.loading import Loader
from tests.db.stores import ask

pytestmark = pytest.mark.anyio

MEMORIES = 400
NAMES = ["hub", *(f"part {number}" for number in range(200))]
Edge = tuple[int, str, str]
"""A memory, and the two entities that it joins."""
LIVE = """
SELECT r.memory_id, s.name_key, o.name_key FROM athena.relations r
JOIN athena.entities s ON s.id = r.subject_id JOIN athena.entities o ON o.id = r.object_id
WHERE r.ended_at IS NULL
"""


def memory(number: int, chance: random.Random) -> MemoryRecord:
    """Half of all edges are the hub's, either way round."""
    relations = []
    for _ in range(chance.choice((1, 1, 2))):
        ends = [chance.choice(NAMES), "hub" if chance.random() < 0.5 else chance.choice(NAMES)]
        chance.shuffle(ends)
        relations.append({"subject": ends[0], "relation": "calls", "object": ends[1]})
    return MemoryRecord(f"Statement {number}.", layer="graph", project="expand/graph", relations=relations)


def reached(edges: Sequence[Edge], seeds: Sequence[int]) -> dict[int, int]:
    """What `expand` is to find, and in how many steps: the nearest and then the newest, no more than it may."""
    entities = {end for memory_id, *ends in edges if memory_id in seeds for end in ends}
    hops: dict[int, int] = {}
    for hop in (1, 2):
        touching = [edge for edge in edges if entities & {*edge[1:]}]
        for memory_id, *_ in touching:
            if memory_id not in seeds:
                hops.setdefault(memory_id, hop)
        entities |= {end for _, *ends in touching for end in ends}
    kept = sorted(hops, key=lambda memory_id: (hops[memory_id], -memory_id))[:MAX_EDGES]
    return {memory_id: hops[memory_id] for memory_id in kept}


@pytest.fixture
async def database(shared_url: str) -> AsyncIterator[Database]:
    async def find() -> str:
        return shared_url

    database = Database(find, max_connections=1)
    await database.open()
    yield database
    await database.close()


async def test_relations_lead_to_the_nearest_and_newest_in_a_graph_with_a_hub(
    shared: MemoryManager, shared_url: str, database: Database
) -> None:
    chance = random.Random(5)
    await Loader(shared).run(memory(number, chance) for number in range(MEMORIES))
    ask(shared_url, "UPDATE athena.relations SET ended_at = now() WHERE id % 11 = 0")
    edges: list[Edge] = ask(shared_url, LIVE)
    project_ids = [row[0] for row in ask(shared_url, "SELECT id FROM athena.projects WHERE name = 'expand/graph'")]
    search = Search("", project_ids, LexicalQuery([], [], [], 1.0, 0.0), None, None, Filters(), 40, frozenset(Layer))
    sizes = set()
    for count in (1, 1, 1, 1, 1, 1, 2, 3, 5):
        seeds = chance.sample(sorted({edge[0] for edge in edges}), count)
        async with database.session() as session:
            found = await expand(session, search, seeds)
        expected = reached(edges, seeds)
        assert {row.id: row.linked for row in found} == {id: 0.5 / 2**hop for id, hop in expected.items()}
        sizes.add((max(expected.values()), len(expected)))
    assert (1, MAX_EDGES) in sizes, "a hub beside the seeds"
    assert (2, MAX_EDGES) in sizes, "a hub one step on"


async def test_a_memory_of_many_edges_and_filters_do_not_hide_what_stands_behind(
    shared: MemoryManager, shared_url: str, database: Database
) -> None:
    project = "expand/narrow"

    def edges_to_hub(*names: str) -> list[dict[str, str]]:
        return [{"subject": name, "relation": "calls", "object": "hub"} for name in names]

    first = await shared.remember(
        "The oldest.", layer="graph", project=project, tags=["keep"], relations=edges_to_hub("a")
    )
    for number in range(3):
        many = edges_to_hub(*(f"n{number}/{place}" for place in range(40)))
        await shared.remember(f"Many {number}.", layer="semantic", project=project, relations=many)
    seed = await shared.remember("The seed.", layer="graph", project=project, relations=edges_to_hub("seed"))
    project_ids = [row[0] for row in ask(shared_url, "SELECT id FROM athena.projects WHERE name = %s", project)]
    search = Search("", project_ids, LexicalQuery([], [], [], 1.0, 0.0), None, None, Filters(), 40, frozenset(Layer))
    async with database.session() as session:
        found = await expand(session, search, [seed.id])
        assert first.id in {row.id for row in found}
        assert len(found) == 4
        for narrow in (
            replace(search, filters=Filters(tags=("keep",))),
            replace(search, allowed=frozenset({Layer.GRAPH})),
        ):
            assert [row.id for row in await expand(session, narrow, [seed.id])] == [first.id]
