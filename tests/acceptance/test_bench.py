"""The benchmarks as a user runs them; their figures are not judged here."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.command import Athena
from tests.acceptance.test_cli_demo import processes_in

TEXTS = {
    "pool": "The nightly build failed because the pool ran out of connections.",
    "port": "Staging listens on port 8443 behind the gateway.",
    "release": "How to cut a release: run the suite, bump the version, tag the commit.",
    "todo": "Remind me to renew the certificate of the payment gateway before June.",
    "cake": "Grete brought a lemon cake to the retrospective.",
}
QUERIES = [
    {"q": "why did the nightly build fail?", "relevant": ["pool"], "category": "events"},
    {"q": "which port does staging listen on?", "relevant": ["port", "twin"], "category": "facts"},
    {"q": "what is nobody's answer?", "relevant": []},
]


@pytest.fixture
def athena(tmp_path: Path) -> Athena:
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    return Athena(tmp_path / "mine", env={"TMPDIR": str(temporary), "TEMP": str(temporary), "TMP": str(temporary)})


@pytest.fixture
def case(tmp_path: Path) -> Path:
    memories = [
        {"id": id, "text": text, "at": f"2025-05-0{day}T10:00:00Z"} for day, (id, text) in enumerate(TEXTS.items(), 1)
    ]
    # The same text at the same time is one memory, which then stands for both.
    memories.append({**memories[1], "id": "twin"})
    path = tmp_path / "tiny.json"
    path.write_text(json.dumps({"name": "tiny", "memories": memories, "queries": QUERIES}))
    return path


def assert_nothing_is_left(tmp_path: Path) -> None:
    assert list((tmp_path / "tmp").iterdir()) == []
    assert processes_in(tmp_path) == []
    assert not (tmp_path / "mine").exists()


def rows_of(report: dict[str, Any]) -> dict[str, Any]:
    return {row["name"]: row for row in report["rows"]}


def test_quality_measures_athena_beside_bm25_and_leaves_nothing_behind(
    athena: Athena, case: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out.json"
    done = athena("bench", "quality", str(case), "--save", str(out))
    assert done.code == 0, done.err
    for shown in ("PostgreSQL 18", "category events", "all questions", "frac@10", "BM25 + vectors", "1 more without"):
        assert shown in done.out
    report = json.loads(out.read_text())
    rows = rows_of(report)
    assert list(rows)[:4] == ["BM25", "BM25 + vectors", "BM25 + vectors + neighbours", "athena"]
    assert {"all five layers", "words only", "depth 1"} < set(rows)
    for name in ("BM25", "athena", "words only"):
        found = rows[name]["all"]
        assert (found["n"], found["any@10"], found["mrr"]) == (2, 1.0, 1.0)
    # Athena keeps equal texts once; the memory that it finds is both of them.
    assert rows["athena"]["by_category"]["facts"]["frac@5"] == 1.0
    assert report["cases"][0]["duplicates"] == 1
    assert sum(report["cases"][0]["layers"].values()) == len(TEXTS)
    assert rows["all five layers"]["all"]["layer_queries_saved"] == 0.0
    assert rows["BM25"]["all"]["layer_queries_saved"] is None
    assert rows["athena"]["degraded"] == 0
    assert_nothing_is_left(tmp_path)


def test_quality_over_stdio_finds_the_same(athena: Athena, case: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.json"
    plot = tmp_path / "plot.svg"
    more = ("--through", "stdio", "--pooled", "--save", str(out), "--plot", str(plot))
    done = athena("bench", "quality", str(case), "--json", *more)
    # Nothing but JSON on standard output; what was written is the same, and named elsewhere.
    report = done.json
    assert json.loads(out.read_text()) == report
    assert str(out) in done.err
    assert ET.parse(plot).getroot().tag.endswith("svg")
    assert report["through"] == "stdio"
    assert rows_of(report)["athena"]["all"]["mrr"] == 1.0
    assert "words only" not in rows_of(report)
    assert_nothing_is_left(tmp_path)


def test_quality_in_a_store_of_one_s_own_forgets_what_it_put_there(athena: Athena, case: Path) -> None:
    assert athena("remember", "The cat is called Ada.").code == 0
    done = athena("bench", "quality", str(case), "--data-dir", str(athena.data_dir), "--limit-queries", "1")
    assert done.code == 0, done.err
    assert athena("stats", "--json").json["store"]["memories"] == 1


def test_a_case_that_is_none_is_refused_before_any_work(athena: Athena, tmp_path: Path) -> None:
    (tmp_path / "bad.json").write_text('{"name": "x", "memories": [], "queries": []}')
    done = athena("bench", "quality", str(tmp_path / "bad.json"))
    assert done.code == 1
    assert "memories: there are none" in done.err
    assert_nothing_is_left(tmp_path)


@pytest.mark.skipif(shutil.which("git") is None, reason="needs git")
def test_devlog_asks_a_repository_s_changelog_for_its_commits(athena: Athena, tmp_path: Path) -> None:
    repository = tmp_path / "repository"
    repository.mkdir()

    def git(*arguments: str) -> None:
        who = ("-c", "user.name=Ada", "-c", "user.email=ada@example.org")
        subprocess.run(
            ["git", "-C", str(repository), *who, *arguments],
            env={**os.environ, "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"},
            capture_output=True,
            check=True,
        )

    git("init", "-q")
    (repository / "pool.py").write_text("1")
    git("add", "-A")
    git("commit", "-q", "-m", "Return pooled connections on cancellation (#3)")
    (repository / "CHANGELOG.md").write_text("- Cancelled requests return their pooled connection (#3, @ada)\n")
    git("add", "-A")
    git("commit", "-q", "-m", "Notes")
    made, out = tmp_path / "case.json", tmp_path / "out.json"
    done = athena("bench", "devlog", str(repository), "--out", str(made), "--save", str(out))
    assert done.code == 0, done.err
    assert "1 entries, 1 matched to a commit (1 by number" in done.out
    assert [query["q"] for query in json.loads(made.read_text())["queries"]] == [
        "Cancelled requests return their pooled connection"
    ]
    assert rows_of(json.loads(out.read_text()))["athena"]["all"]["mrr"] == 1.0
    assert_nothing_is_left(tmp_path)
