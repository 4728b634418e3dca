"""The figures of `athena-mcp bench quality`, against rankings made by hand."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from athena_mcp.bench.failure import BenchFailed
from athena_mcp.bench.machine import describe_machine
from athena_mcp.bench.quality.case import Case, CaseMemory, CaseQuery, pool, read_case, write_case
from athena_mcp.bench.quality.measured import LoadedCase, QualityReport, Row
from athena_mcp.bench.quality.scoring import Asked, LayerUse, Score, score, summarise
from athena_mcp.bench.timing import Latency, percentile


def rows(*ids: str) -> list[set[str]]:
    return [set(id) for id in ids]


def test_frac_counts_the_share_of_all_relevant_memories_above_the_cut() -> None:
    ranking = rows("x", "a", "x", "x", "x", "b", "x", "x", "x", "x", "c")
    assert score(ranking, frozenset("abcd")) == Score(frac_5=0.25, frac_10=0.5, any_10=1.0, reciprocal_rank=0.5)


def test_a_ranking_without_a_relevant_memory_scores_nothing() -> None:
    assert score(rows("x", "y"), frozenset("a")) == Score(0.0, 0.0, 0.0, 0.0)
    assert score([], frozenset("a")) == Score(0.0, 0.0, 0.0, 0.0)


def test_the_reciprocal_rank_looks_no_further_than_ten() -> None:
    ranking = rows(*"xxxxxxxxxx", "a")
    assert score(ranking, frozenset("a")).reciprocal_rank == 0.0
    assert score(ranking[1:], frozenset("a")).reciprocal_rank == pytest.approx(1 / 10)


def test_a_row_that_stands_for_two_equal_memories_finds_both() -> None:
    assert score([{"a", "b"}], frozenset("ab")) == Score(1.0, 1.0, 1.0, 1.0)


def test_a_memory_listed_twice_counts_once() -> None:
    assert score(rows("a", "a"), frozenset("ab")).frac_10 == 0.5


def asked(found: Score, elapsed_ms: float, layers: LayerUse | None = None, category: str | None = None) -> Asked:
    return Asked("case", category, found, elapsed_ms, layers)


def test_a_summary_averages_over_questions_and_sums_the_layers() -> None:
    summary = summarise(
        [
            asked(Score(1.0, 1.0, 1.0, 1.0), 1.0, LayerUse(filled=5, asked=2)),
            asked(Score(0.0, 0.5, 1.0, 0.2), 3.0, LayerUse(filled=1, asked=1)),
        ]
    )
    assert (summary.n, summary.frac_5, summary.frac_10, summary.any_10, summary.mrr) == (2, 0.5, 0.75, 1.0, 0.6)
    # Of six queries to layers that hold something three were made.
    assert summary.saved == 0.5
    assert summary.latency.p50_ms == 1.0


def test_what_has_no_layers_saves_none() -> None:
    assert summarise([asked(Score(0.0, 0.0, 0.0, 0.0), 1.0)]).saved is None


@pytest.mark.parametrize(("percent", "expected"), [(50, 2), (75, 3), (76, 4), (95, 4), (0, 1), (100, 4)])
def test_percentiles_are_samples_by_nearest_rank(percent: float, expected: float) -> None:
    assert percentile([4, 1, 3, 2], percent) == expected


def test_no_samples_have_no_percentile() -> None:
    assert Latency.of([]).to_dict() == {"n": 0, "p50_ms": None, "p95_ms": None, "p99_ms": None}


CASE = Case(
    "one",
    (CaseMemory("a", "first", "2025-01-01T00:00:00Z", "s"), CaseMemory("b", "second")),
    (CaseQuery("which?", frozenset("a"), "one", "kind"), CaseQuery("none?", frozenset(), "one")),
)


def test_a_written_case_is_read_again(tmp_path: Path) -> None:
    write_case(CASE, tmp_path / "case.json")
    assert read_case(tmp_path / "case.json") == CASE


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"memories": []}, "memories: there are none"),
        ({"memories": [{"id": "a", "text": "x"}, {"id": "a", "text": "y"}]}, "same id"),
        ({"memories": [{"id": "a", "text": " "}]}, "memory 1: text"),
        ({"memories": [{"id": 1, "text": "x"}]}, "memory 1: id"),
        ({"queries": [{"q": "x", "relevant": "a"}]}, "query 1: relevant"),
        ({"queries": [{"relevant": ["a"]}]}, "query 1: q"),
        ({"queries": None}, "queries: must be a list"),
    ],
)
def test_a_case_that_cannot_be_run_is_refused_with_the_place(
    tmp_path: Path, change: dict[str, object], problem: str
) -> None:
    path = tmp_path / "bad.json"
    path.write_text(json.dumps({**CASE.to_dict(), **change}))
    with pytest.raises(BenchFailed, match=problem):
        read_case(path)


def test_a_file_that_is_no_json_is_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "bad.json").write_text("{")
    with pytest.raises(BenchFailed, match=r"bad\.json is not JSON"):
        read_case(tmp_path / "bad.json")


def test_pooled_cases_keep_ids_and_sessions_apart_and_remember_where_a_question_is_from() -> None:
    other = Case("two", (CaseMemory("a", "third", None, "s"),), (CaseQuery("who?", frozenset("a"), "two"),))
    pooled = pool([CASE, other])
    assert [memory.id for memory in pooled.memories] == ["one/a", "one/b", "two/a"]
    assert [memory.session for memory in pooled.memories] == ["one/s", None, "two/s"]
    assert [(query.case, query.relevant) for query in pooled.queries] == [
        ("one", {"one/a"}),
        ("one", frozenset()),
        ("two", {"two/a"}),
    ]


def test_the_report_has_a_table_for_each_category_and_one_for_all() -> None:
    good, bad = Score(1.0, 1.0, 1.0, 1.0), Score(0.0, 0.0, 0.0, 0.0)
    row = Row(
        "athena",
        False,
        (asked(good, 1.0, LayerUse(2, 1), "easy"), asked(bad, 1.0, LayerUse(2, 2), "hard"), asked(bad, 1.0)),
    )
    loaded = LoadedCase("case", 3, 0, 3, 1, {"episodic": 3}, 0.5)
    report = QualityReport(describe_machine("18.4"), "manager", 10, False, (loaded,), (row,))
    assert [table.title for table in report.tables()] == ["category easy", "category hard", "all questions"]
    assert [table.rows[0][1:4] for table in report.tables()] == [
        ("1", "1.000", "1.000"),
        ("1", "0.000", "0.000"),
        ("3", "0.333", "0.333"),
    ]
    assert report.to_dict()["rows"][0]["all"]["layer_queries_saved"] == 0.25
    assert json.loads(json.dumps(report.to_dict())) == report.to_dict()
