from __future__ import annotations

import random
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING

import anyio
import numpy as np
import psycopg
import pytest
from psycopg.sql import SQL

from athena_mcp.db.pool import Database
from athena_mcp.db.session import Session
from athena_mcp.manager import MemoryManager
from athena_mcp.model import Layer
from athena_mcp.remember.record import MemoryRecord
from athena_mcp.search import hnsw
from athena_mcp.search.candidates import (
    Candidate,
    Filters,
    Search,
    candidate_values,
    candidates_sql,
    find_candidates,
    shape_of,
)
from athena_mcp.search.hnsw import builds_put_off, tend_indexes
from athena_mcp.search.lexical import LexicalQuery
from athena_mcp.search.vectors import nearest
from athena_mcp.transfer.loading import Loader
from tests.db.invariants import check_store
from tests.db.pools import opened
from tests.db.stores import ask, new_database

if TYPE_CHECKING:
    from athena_mcp.embed.embedder import Vector

pytestmark = pytest.mark.anyio

DIMENSION = 32
SIZES = {"large": 20_000, "second": 9_000, "small": 990, "tiny": 10}
COUNT = sum(SIZES.values())
FIRST = datetime(2024, 1, 1, tzinfo=UTC)
LIMIT = 40
REGCLASS = "'athena.vectors_semantic_hnsw_1'::regclass"
TOPICS = np.random.default_rng(0).standard_normal((200, DIMENSION))


def vectors(count: int, seed: int) -> list[Vector]:
    """Unit vectors as texts have them: about topics, not spread evenly."""
    noise = 0.6 * np.random.default_rng(seed).standard_normal((count, DIMENSION))
    made = TOPICS[topics_of(count, seed)] + noise
    return list((made / np.linalg.norm(made, axis=1, keepdims=True)).astype(np.float32))


def topics_of(count: int, seed: int) -> list[int]:
    """Which topic each of the vectors is about; every tenth is about topic 7."""
    generator = np.random.default_rng(seed + 100)
    topics = generator.integers(len(TOPICS), size=count)
    return [int(topic) for topic in np.where(generator.random(count) < 0.1, 7, topics)]


def memory_of(number: int, owner: int, topic: int) -> tuple[object, ...]:
    """A row to be copied; every memory is `far` but for those of topic 7."""
    tags = [tag for tag, every in (("rare", 4_000), ("common", 3)) if number % every == 1]
    if topic != 7:
        tags.append("far")
    return (
        owner,
        number + 1,
        "semantic",
        f"m{number}",
        number.to_bytes(32),
        "s",
        FIRST + timedelta(minutes=number),
        tags,
    )


def load(url: str) -> None:
    """The memories and vectors of four projects in one partition. Words are left out: the triggers would take long."""
    owners = [owner for owner, size in enumerate(SIZES.values(), start=1) for _ in range(size)]
    random.Random(1).shuffle(owners)
    with psycopg.connect(url, autocommit=True) as connection, connection.cursor() as cursor:
        cursor.execute("SET session_replication_role = replica")
        for name in SIZES:
            cursor.execute("INSERT INTO athena.projects (name) VALUES (%s)", (name,))
        cursor.execute("INSERT INTO athena.embedders (name, dimension, active) VALUES ('e', %s, true)", (DIMENSION,))
        columns = b"project_id, id, layer, content, content_hash, session_id, occurred_at, tags"
        with cursor.copy(b"COPY athena.memories (" + columns + b") FROM STDIN") as copy:
            for number, (owner, topic) in enumerate(zip(owners, topics_of(COUNT, 1), strict=True)):
                copy.write_row(memory_of(number, owner, topic))
        with cursor.copy(
            "COPY athena.vectors (project_id, memory_id, embedder_id, layer, embedding) FROM STDIN"
        ) as copy:
            for number, (owner, vector) in enumerate(zip(owners, vectors(COUNT, 1), strict=True)):
                copy.write_row((owner, number + 1, 1, "semantic", "[" + ",".join(f"{x:.4f}" for x in vector) + "]"))
        cursor.execute(
            "INSERT INTO athena.layer_totals"
            " SELECT project_id, layer, count(*), count(*) FROM athena.memories GROUP BY 1, 2"
        )
        # Who builds the index sees to the statistics of the vectors; without them it would not be used.
        cursor.execute("ALTER TABLE athena.vectors_semantic SET (autovacuum_enabled = false)")
        cursor.execute("ANALYZE athena.memories")


@pytest.fixture(scope="module")
def loaded_url(admin_url: str, template: str) -> Iterator[str]:
    with new_database(admin_url, template) as url:
        load(url)
        yield url


@pytest.fixture(scope="module")
async def loaded(loaded_url: str) -> AsyncIterator[Database]:
    """The store, with its index built."""
    async with opened(loaded_url) as database:
        await tend_indexes(database)
        yield database


def search_of(vector: Vector, projects: Sequence[str], filters: Filters = Filters(), *, exact: bool = False) -> Search:  # noqa: B008  frozen
    """A search by vector alone, `exact` or as a recall would do it."""
    sizes = sum(SIZES[name] for name in projects)
    small = frozenset(Layer) if exact or sizes <= 8_000 else frozenset[Layer]()
    ids = [list(SIZES).index(name) + 1 for name in projects]
    return Search("", ids, LexicalQuery([], [], [], 1.0, 0.0), vector, 1, filters, LIMIT, small)


def indexes(url: str) -> list[tuple[str, bool]]:
    """The vector indexes there are, and whether each is complete."""
    return ask(
        url,
        "SELECT c.relname, i.indisvalid FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid"
        " WHERE c.relname LIKE '%hnsw%' ORDER BY 1",
    )


async def index_scans(session: Session, look: Callable[[], Awaitable[object]], times: int) -> int:
    """How often the index is read when `look` is repeated.

    Not by EXPLAIN: it puts the values into the statement, and plans another one than the prepared ones that are kept.
    """
    scans = []
    for repeats in (0, times):
        for _ in range(repeats):
            await look()
        await session.fetch("SELECT pg_stat_force_next_flush()")
        row = await session.fetch_one(
            "SELECT idx_scan FROM pg_stat_user_indexes WHERE indexrelname = 'vectors_semantic_hnsw_1'"
        )
        scans.append(row[0] if row else 0)
    return int(scans[1] - scans[0])


async def find(session: Session, search: Search) -> list[Candidate]:
    return await find_candidates(session, search, Layer.SEMANTIC)


async def test_the_index_is_used_for_a_large_scope_and_not_for_a_small_one(loaded: Database, loaded_url: str) -> None:
    assert indexes(loaded_url) == [("vectors_semantic_hnsw_1", True)]
    (query,) = vectors(1, 2)
    async with loaded.session() as session:
        for projects in (["large"], ["large", "tiny"], ["second"]):
            assert await index_scans(session, partial(find, session, search_of(query, projects)), 6) == 6
        half = Filters(since=FIRST + timedelta(minutes=COUNT // 2))
        assert await index_scans(session, partial(find, session, search_of(query, ["large"], half)), 6) == 6
        for projects in (["small"], ["tiny"], ["small", "tiny"]):
            assert await index_scans(session, partial(find, session, search_of(query, projects)), 6) == 0


async def test_what_is_nearest_to_a_new_memory_is_found_by_the_index_in_a_large_project(loaded: Database) -> None:
    shares = []
    async with loaded.session() as session:
        for owner, scans in ((1, 6), (2, 6), (3, 0), (4, 0)):
            (query,) = vectors(1, 2)
            look = partial(nearest, session, owner, Layer.SEMANTIC, 1, query, 5)
            assert await index_scans(session, look, 6) == scans
        for query in vectors(20, 6):
            for owner, name in enumerate(SIZES, start=1):
                found = await nearest(session, owner, Layer.SEMANTIC, 1, query, 5)
                exact = await find(session, search_of(query, [name], exact=True))
                best = sorted(exact, key=lambda row: -(row.cosine or 0.0))[:5]
                assert [row.cosine for row in found] == sorted((row.cosine for row in found), reverse=True)
                assert all(row.content == f"m{row.id - 1}" for row in found)
                shares.append(len({row.id for row in found} & {row.id for row in best}) / 5)
    assert sum(shares) / len(shares) >= 0.97


async def test_every_vector_is_compared_only_where_the_index_is_not_enough(loaded: Database) -> None:
    (query,) = vectors(1, 2)
    search = search_of(query, ["large"])
    statement = candidates_sql(Layer.SEMANTIC, shape_of(search, Layer.SEMANTIC))
    async with loaded.session() as session:
        rows = await session.fetch(SQL("EXPLAIN (ANALYZE, TIMING OFF) ") + statement, candidate_values(search))
    plan = "\n".join(row[0] for row in rows)
    assert "Index Scan using vectors_semantic_hnsw_1" in plan
    assert "never executed" in plan


# What passes, and how many of the large project do.
FILTERS = {
    "nothing": Filters(),
    "half of the time": Filters(since=FIRST + timedelta(minutes=COUNT // 2)),
    "the last day": Filters(since=FIRST + timedelta(minutes=COUNT - 60 * 24)),
    "an hour": Filters(since=FIRST + timedelta(minutes=4_000), until=FIRST + timedelta(minutes=4_059)),
    "a common tag": Filters(tags=("common",)),
    "a rare tag": Filters(tags=("rare",)),
    "both tags": Filters(tags=("rare", "common")),
    "no memory at all": Filters(since=FIRST + timedelta(minutes=COUNT + 1)),
}


def passing(url: str, search: Search) -> int:
    """How many memories a search may find, counted the plain way."""
    filters = search.filters
    return int(
        ask(
            url,
            "SELECT count(*) FROM athena.memories WHERE project_id = ANY (%s) AND tags @> %s::text[]"
            " AND (%s::timestamptz IS NULL OR at >= %s) AND (%s::timestamptz IS NULL OR at <= %s)",
            search.project_ids,
            list(filters.tags),
            filters.since,
            filters.since,
            filters.until,
            filters.until,
        )[0][0]
    )


@pytest.mark.parametrize("projects", [["large"], ["second"], ["small"], ["tiny"], ["large", "tiny"]], ids="+".join)
async def test_a_filter_never_makes_it_return_too_few(loaded: Database, loaded_url: str, projects: list[str]) -> None:
    for name, filters in FILTERS.items():
        expected = min(LIMIT, passing(loaded_url, search_of(vectors(1, 0)[0], projects, filters)))
        async with loaded.session() as session:
            for query in vectors(5, 3):
                search = search_of(query, projects, filters)
                found = await find_candidates(session, search, Layer.SEMANTIC)
                assert len(found) >= expected, (name, "too few")
                nearest = await find_candidates(session, replace(search, exact=frozenset(Layer)), Layer.SEMANTIC)
                assert overlap(found, nearest) >= 0.6, name


async def test_a_filter_that_shuts_out_all_that_is_near_finds_what_is_far(loaded: Database) -> None:
    """Many memories pass, but none of the nearest: the index gives up, and every vector is compared after all."""
    query = (TOPICS[7] / np.linalg.norm(TOPICS[7])).astype(np.float32)
    search = search_of(query, ["large"], Filters(tags=("far",)))
    patience = "SELECT set_config('hnsw.max_scan_tuples', %s, false)"
    async with loaded.session() as session:
        await session.execute(patience, ("50",))
        try:
            scans = await index_scans(session, partial(find, session, search), 1)
            found = await find_candidates(session, search, Layer.SEMANTIC)
        finally:
            await session.execute(patience, ("20000",))
        exact = await find_candidates(session, replace(search, exact=frozenset(Layer)), Layer.SEMANTIC)
    assert scans == 1
    assert {row.id for row in found} >= {row.id for row in exact}
    assert len(exact) == LIMIT


def overlap(found: Sequence[Candidate], nearest: Sequence[Candidate]) -> float:
    """The share of the ten nearest that was found."""

    def best(rows: Sequence[Candidate]) -> set[int]:
        return {row.id for row in sorted(rows, key=lambda row: -(row.cosine or 0.0))[:10]}

    return len(best(found) & best(nearest)) / len(best(nearest)) if nearest else 1.0


async def test_the_index_finds_what_comparing_every_vector_finds(loaded: Database) -> None:
    shares = []
    async with loaded.session() as session:
        for query in vectors(40, 5):
            found = await find_candidates(session, search_of(query, ["large"]), Layer.SEMANTIC)
            exact = await find_candidates(session, search_of(query, ["large"], exact=True), Layer.SEMANTIC)
            shares.append(overlap(found, exact))
    assert sum(shares) / len(shares) >= 0.97


async def test_a_build_that_is_cancelled_is_made_up_for_once_and_what_it_left_is_dropped(
    loaded: Database, loaded_url: str
) -> None:
    before = ask(loaded_url, f"SELECT {REGCLASS}::oid")
    await tend_indexes(loaded)
    assert ask(loaded_url, f"SELECT {REGCLASS}::oid") == before, "there was nothing to do"
    ask(loaded_url, "DROP INDEX athena.vectors_semantic_hnsw_1")
    with anyio.fail_after(60):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(tend_indexes, loaded)
            begun = "SELECT 1 FROM pg_stat_progress_create_index WHERE tuples_done > 0"
            while not ask(loaded_url, begun):  # noqa: ASYNC110  the server has no event to wait for
                await anyio.sleep(0.005)  # between two looks at the server
            tasks.cancel_scope.cancel()
        assert indexes(loaded_url) == [("vectors_semantic_hnsw_1", False)]
        assert ask(loaded_url, "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'") == [(0,)]
        # Of an embedder that is gone.
        ask(
            loaded_url,
            "CREATE INDEX vectors_semantic_hnsw_9 ON athena.vectors_semantic"
            " USING hnsw ((embedding::halfvec(4)) halfvec_cosine_ops) WHERE embedder_id = 9",
        )
        async with anyio.create_task_group() as tasks:
            for _ in range(3):  # three servers notice at once
                tasks.start_soon(tend_indexes, loaded)
    assert indexes(loaded_url) == [("vectors_semantic_hnsw_1", True)]


async def test_a_second_embedder_gets_an_index_of_its_own(
    loaded: Database, loaded_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Vectors of two dimensions lie in one partition while a store changes its embedder."""
    monkeypatch.setattr(hnsw, "EXACT_LIMIT", 100)
    ask(loaded_url, "INSERT INTO athena.embedders (name, dimension) VALUES ('f', 3)")
    ask(
        loaded_url,
        "INSERT INTO athena.vectors (project_id, memory_id, embedder_id, layer, embedding)"
        " SELECT project_id, id, 2, layer, ARRAY[id, 1, 1]::real[]::halfvec FROM athena.memories WHERE id <= 300",
    )
    await tend_indexes(loaded, 2)
    assert ("vectors_semantic_hnsw_2", True) in indexes(loaded_url)
    ask(loaded_url, "DELETE FROM athena.vectors WHERE embedder_id = 2")
    ask(loaded_url, "DELETE FROM athena.embedders WHERE id = 2")
    await tend_indexes(loaded)
    assert [name for name, _ in indexes(loaded_url)] == ["vectors_semantic_hnsw_1"]


async def test_an_index_is_built_when_the_last_of_the_imports_that_need_it_has_ended(
    manager: MemoryManager, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hnsw, "EXACT_LIMIT", 50)
    records = [
        MemoryRecord(f"The {name} listens on port {number}.", "owner/project", layer="semantic")
        for number in range(5_000, 5_010)
        for name in ("billing", "login", "search", "cache", "queue", "mail")
    ]
    async with opened(database_url) as other_process, builds_put_off(other_process):
        report = await Loader(manager, batch_records=20).run(iter(records))
        assert report.stored == 60
        await tend_indexes(other_process)
        assert indexes(database_url) == []
        assert len((await manager.recall("port of the billing", k=10)).memories) == 10
    assert indexes(database_url) == [("vectors_semantic_hnsw_1", True)]
    assert ask(database_url, "SELECT count(*) FROM athena.vectors") == [(60,)]
    check_store(database_url)


async def test_an_import_outlives_the_connection_that_puts_indexes_off(
    manager: MemoryManager, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hnsw, "EXACT_LIMIT", 50)
    async with manager.importing():
        await manager.load([MemoryRecord(f"Port {n} is taken.", "owner/project", layer="semantic") for n in range(60)])
        holders = (
            "SELECT pg_terminate_backend(pid, 10000) FROM pg_locks WHERE locktype = 'advisory' AND mode = 'ShareLock'"
        )
        assert ask(
            database_url, holders + " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
        ) == [(True,)]
    assert indexes(database_url) == [("vectors_semantic_hnsw_1", True)]


async def test_an_import_that_is_killed_holds_no_index_back(
    manager: MemoryManager, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hnsw, "EXACT_LIMIT", 50)

    def broken() -> Iterator[MemoryRecord]:
        yield from (MemoryRecord(f"Port {n} is taken.", "owner/project", layer="semantic") for n in range(60))
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        await Loader(manager, batch_records=60).run(broken())
    assert indexes(database_url) == []
    async with opened(database_url) as database:
        with anyio.fail_after(60):
            while not indexes(database_url):
                # The server lets go of a lock when it notices that the connection is gone.
                await tend_indexes(database)
    assert indexes(database_url) == [("vectors_semantic_hnsw_1", True)]


async def test_a_new_connection_scans_iteratively_from_its_first_query_on(database_url: str) -> None:
    async with opened(database_url) as database, database.session() as session:
        await session.fetch("SELECT '[1,2]'::halfvec <=> '[2,1]'::halfvec")  # loads the library
        rows = await session.fetch(
            "SELECT name, setting FROM pg_settings WHERE name IN ('hnsw.iterative_scan', 'hnsw.ef_search') ORDER BY 1"
        )
    assert rows == [("hnsw.ef_search", "200"), ("hnsw.iterative_scan", "relaxed_order")]
