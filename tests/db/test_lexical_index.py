from __future__ import annotations

import math
import random
from collections import Counter

import psycopg
import pytest

from athena_mcp.app import App
from athena_mcp.db.pool import SESSION_SETTINGS
from athena_mcp.errors import InvalidArgument
from athena_mcp.manager import MemoryManager
from athena_mcp.model import Layer
from athena_mcp.remember.record import MemoryRecord
from athena_mcp.search.lexical import K1, B
from tests.db.invariants import check_store
from tests.db.stores import ask

pytestmark = pytest.mark.anyio

WORDS = [
    "the", "a", "of", "cache", "queue", "database", "staging", "port", "timeout", "AuthService", "getUserById",
    "snake_case", "HTTP_502", "src/app/main.py", "v1.2.3", "Größe", "数据库", "连接池", "データ", "서버", "Ошибка",
    "deploys", "deploying", "deployed", "🦉", "--", "5433", "user's", "don't",
]  # fmt: skip
PROJECTS = ("team/one", "team/two", "global")


async def lexical_ids(manager: MemoryManager, query: str, project: str) -> set[int]:
    """The memories that share a term with a query."""
    result = await manager.recall(query, k=50, layers=list(Layer), project=project, explain_reasoning=True)
    assert result.explanation is not None
    return {row["id"] for row in result.explanation["scores"] if row["lexical"] > 0}


class Writer:
    """Writes at random, from a seed, in every way a store is written in."""

    def __init__(self, manager: MemoryManager, seed: int) -> None:
        self.random = random.Random(seed)
        self.manager = manager
        self.ids: list[tuple[str, int]] = []

    def text(self) -> str:
        return " ".join(self.random.choices(WORDS, k=self.random.randint(1, 30)))

    def record(self, number: int, project: str) -> MemoryRecord:
        """A record as an import brings it, every third one replaced by the next."""
        return MemoryRecord(
            content=self.text(),
            project=project,
            layer=self.random.choice(list(Layer)).value,
            tags=self.random.choices(["api", "Größe", "src/x.py"], k=1),
            id=1_000_000 + number,
            superseded_by=1_000_001 + number if number % 3 == 0 else None,
            relations=[{"subject": "billing", "relation": "runs on", "object": self.random.choice(WORDS)}],
        )

    async def remember(self, project: str) -> None:
        mine = [memory_id for owner, memory_id in self.ids if owner in (project, "global")]
        dice = self.random.random()
        owner = self.random.choice(WORDS)
        receipt = await self.manager.remember(
            self.text(),
            project=project,
            layer=None if dice < 0.3 else self.random.choice(list(Layer)).value,
            tags=self.random.choices(["api", "db"], k=1) if dice < 0.5 else (),
            relations=[{"subject": "AuthService", "relation": "owned by", "object": owner}] if dice < 0.3 else (),
            replaces=self.random.choice(mine) if mine and dice > 0.7 else None,
        )
        self.ids.append((project, receipt.id))

    async def step(self, number: int) -> None:
        project = self.random.choice(PROJECTS)
        dice = self.random.random()
        try:
            if dice < 0.7:
                await self.remember(project)
            elif dice < 0.85 and self.ids:
                owner, memory_id = self.ids.pop(self.random.randrange(len(self.ids)))
                await self.manager.forget(memory_id, project=owner)
            else:
                await self.manager.load([self.record(10 * number + i, project) for i in range(6)])
        except InvalidArgument as error:
            assert "already replaced" in str(error)  # noqa: PT017  # the one thing random steps do wrong


@pytest.mark.parametrize("seed", [1, 2])
async def test_the_index_agrees_with_the_memories_after_any_writes(
    manager: MemoryManager, database_url: str, seed: int
) -> None:
    writer = Writer(manager, seed)
    for number in range(60):
        await writer.step(number)
    check_store(database_url)
    for row in ask(
        database_url, "SELECT p.name, m.id FROM athena.memories m JOIN athena.projects p ON p.id = m.project_id"
    ):
        await manager.forget(row[1], project=row[0])
    check_store(database_url)
    assert ask(database_url, "SELECT count(*) FROM athena.postings") == [(0,)]
    assert ask(database_url, "SELECT count(*) FROM athena.terms") == [(0,)]


@pytest.mark.parametrize(
    ("content", "queries"),
    [
        ("Call getUserById to load one.", ["getUserById", "getuserbyid", "user by id", "get"]),
        ("The flag is max_retry_count here.", ["max_retry_count", "MAX_RETRY_COUNT", "retry", "retry count"]),
        ("The gateway answers HTTP_502 at night.", ["HTTP_502", "http_502", "502", "http"]),
        ("It starts in src/app/main.py alone.", ["src/app/main.py", "main.py", "main", "app"]),
        ("Release v1.2.3 broke it.", ["v1.2.3", "V1.2.3"]),
        ("HTTPServer parses it.", ["HTTPServer", "httpserver", "server", "http"]),
        ("Stale URLs lead nowhere.", ["URLs", "URL", "urls", "url"]),
        ("Two APIs behind a gateway.", ["API", "apis"]),
        ("Port 5433 it is.", ["5433", "port 5433?"]),
        ("Error E0382 again: borrow of moved value.", ["E0382", "e0382"]),
        ("Run `npm run build:prod` first.", ["build:prod", "npm"]),
        ("Host db-01.example.com is down.", ["db-01.example.com", "example"]),
        ("User ada@example.org asked.", ["ada@example.org", "ada"]),
        ("Deployments are deployed nightly.", ["deploy", "deploying", "deployment"]),
        ("Die Größe überschreitet das Limit.", ["Größe", "größe", "GRÖßE", "überschreitet", "Überschreitet"]),
        ("Ошибка подключения к базе.", ["ошибка", "ОШИБКА", "базе"]),
        ("数据库连接池已满。", ["数据库", "连接池", "连接", "池"]),
        ("データベースに接続できない。", ["データベース", "接続"]),
        ("서버 설정 파일을 고쳤다.", ["서버", "설정", "파일"]),
        ("ไม่สามารถเชื่อมต่อได้", ["เชื่อมต่อ"]),
        ("Café naïve façade.", ["café", "CAFÉ", "façade"]),
    ],
)
async def test_a_memory_is_found_by_its_names_whole_and_in_part(
    shared: MemoryManager, project: str, content: str, queries: list[str]
) -> None:
    receipt = await shared.remember(content, project=project, layer="semantic")
    await shared.remember("Unrelated: sails, oars and rudders.", project=project, layer="semantic")
    for query in queries:
        assert await lexical_ids(shared, query, project) == {receipt.id}, query


async def test_a_memory_is_found_by_its_tags_files_steps_and_relations(shared: MemoryManager, project: str) -> None:
    tagged = await shared.remember("One thing.", project=project, layer="semantic", tags=["observability"])
    touched = await shared.remember(
        "Another thing.", project=project, layer="episodic", details={"files": ["src/billing/ledger.py"]}
    )
    stepped = await shared.remember(
        "A way.", project=project, layer="procedural", details={"steps": ["drain the pool"], "applies_when": "rotating"}
    )
    edge = {"subject": "Quartz", "relation": "feeds", "object": "Opal"}
    related = await shared.remember("An edge.", project=project, layer="graph", relations=[edge])
    assert await lexical_ids(shared, "observability", project) == {tagged.id}
    assert await lexical_ids(shared, "ledger.py", project) == {touched.id}
    assert await lexical_ids(shared, "drain", project) == {stepped.id}
    assert await lexical_ids(shared, "rotate", project) == {stepped.id}
    assert await lexical_ids(shared, "opal", project) == {related.id}


async def test_a_term_of_another_script_is_not_found_in_part_of_a_word(shared: MemoryManager, project: str) -> None:
    await shared.remember("The author wrote it.", project=project, layer="semantic")
    assert await lexical_ids(shared, "auth", project) == set()


async def test_the_score_is_bm25_over_project_and_global_together(
    shared_app: App, shared_url: str, project: str
) -> None:
    manager = await shared_app.manager()
    texts = {
        project: [
            "cache cache cache timeout",
            "the cache of the queue holds a long list of things that nobody asked for and nobody reads",
            "queue timeout",
            "unrelated words only",
        ],
        "global": ["cache invalidation for everyone", "a queue elsewhere"],
    }
    ids = {}
    for owner, contents in texts.items():
        for text in contents:
            ids[(await manager.remember(text, project=owner, layer="semantic")).id] = text

    def terms(text: str) -> Counter[str]:
        return Counter(dict(ask(shared_url, "SELECT term, tf FROM athena.terms_of(athena.search_config(), %s)", text)))

    documents = {memory_id: terms(text) for memory_id, text in ids.items()}
    mean = sum(sum(found.values()) for found in documents.values()) / len(documents)

    def score(found: Counter[str]) -> float:
        total = 0.0
        for term in terms("cache timeout"):
            df = sum(term in other for other in documents.values())
            idf = math.log(1 + (len(documents) - df + 0.5) / (df + 0.5))
            tf = found[term]
            total += idf * tf * (K1 + 1) / (tf + K1 * (1 - B + B * sum(found.values()) / mean))
        return total

    expected = {memory_id: score(found) for memory_id, found in documents.items() if score(found) > 0}
    best = max(expected.values())
    result = await manager.recall("cache timeout", project=project, k=50, layers=["semantic"], explain_reasoning=True)
    assert result.explanation is not None
    relative = {row["id"]: row["lexical"] for row in result.explanation["scores"] if row["lexical"] > 0}
    assert relative == {memory_id: pytest.approx(value / best, abs=0.0006) for memory_id, value in expected.items()}


async def test_no_index_hangs_on_a_frequency(shared: MemoryManager, database_url: str) -> None:
    # PostgreSQL updates a row in place only when no indexed column changes, and every memory changes some thirty.
    indexes = ask(database_url, "SELECT indexdef FROM pg_indexes WHERE schemaname = 'athena' AND tablename = 'terms'")
    assert indexes
    assert not [definition for (definition,) in indexes if "df" in definition]


async def test_a_word_that_occurs_hundreds_of_times_is_counted_in_each_part_and_forgotten_whole(
    manager: MemoryManager, database_url: str
) -> None:
    receipt = await manager.remember(
        "retry " * 300, layer="procedural", details={"steps": ["retry it " * 100, "retry that " * 100]}
    )
    check_store(database_url)
    await manager.forget(receipt.id)
    check_store(database_url)
    assert ask(database_url, "SELECT count(*) FROM athena.terms") == [(0,)]


async def test_what_leaves_the_index_is_found_among_the_postings_of_others_by_its_own_key(
    manager: MemoryManager, database_url: str
) -> None:
    await manager.load(
        [MemoryRecord(f"The database timeout of queue {n}.", "team/one", layer="semantic") for n in range(400)]
    )
    ask(database_url, "ANALYZE athena.postings")
    ask(database_url, "ANALYZE athena.terms")
    with psycopg.connect(database_url) as connection:
        for name, value in SESSION_SETTINGS.items():
            connection.execute("SELECT set_config(%s, %s, false)", (name, value))
        connection.execute("DELETE FROM athena.memories WHERE id = (SELECT max(id) FROM athena.memories)")
        read = connection.execute(
            "SELECT sum(seq_tup_read + idx_tup_fetch)::integer, sum(n_tup_del)::integer FROM pg_stat_xact_user_tables"
            " WHERE schemaname = 'athena' AND relname LIKE 'postings%'"
        ).fetchone()
    assert read == (4, 4)  # database, timeout, queue and the number
