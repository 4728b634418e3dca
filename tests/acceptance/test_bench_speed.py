"""`athena-mcp bench latency`, `scale`, `load` and `soak` as a user runs them, tiny; no figure is judged here."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from athena_mcp.model import Layer
from tests.acceptance.command import Athena
from tests.acceptance.test_bench import assert_nothing_is_left

LAYERS = {layer.value for layer in Layer}


@pytest.fixture
def athena(tmp_path: Path) -> Athena:
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    return Athena(tmp_path / "mine", env={"TMPDIR": str(temporary), "TEMP": str(temporary), "TMP": str(temporary)})


def test_latency_compares_ways_of_asking_and_leaves_nothing_behind(athena: Athena, tmp_path: Path) -> None:
    few = ("--memories", "30", "--rounds", "1", "--calls", "3", "--questions", "5", "--hangs", "2", "--starts", "1")
    report = athena("bench", "latency", *few, "--json").json
    for kind in ("waiting_50ms", "computing", "store"):
        assert [row["layers"] for row in report[kind]] == [1, 2, 3, 5]
        for row in report[kind]:
            assert row["speedup"] == pytest.approx(row["sequential_ms"] / row["parallel_ms"], rel=0.01)
    # Five layers that wait 50 ms each cannot be done sooner one after the other.
    assert report["waiting_50ms"][3]["sequential_ms"] >= 250
    assert report["overhead"]["nothing"]["over_slowest"]["n"] == 3
    assert report["overhead_ms_p50"] > 0
    cache = report["cache"]
    # Every question was fresh once and kept once, here and over stdio.
    assert {cache[where][kind]["n"] for where in ("in_process", "stdio") for kind in ("hit", "miss")} == {5}
    assert cache["stdio"]["trivial"]["n"] == 5
    assert cache["hit_ms_p50"] < cache["miss_ms_p50"]
    assert cache["trivial_call_ms_p50"] > 0
    assert [row["where"] for row in report["hanging"]] == ["in a statement", "outside the database"]
    for row in report["hanging"]:
        assert row["recalls"] == row["with_all_other_hits"] == row["naming_the_layer"] == 2
        assert row["late"]["p50_ms"] > 0
        assert row["still_running"] == 0
        assert row["pool"] == {"connections": 5, "idle": 5, "lost": 0}
    assert report["together"]["at_once"]["n"] == report["together"]["alone"]["n"] == 5
    assert report["initialize_ms_p50"] > 0
    assert report["empty_server_initialize_ms_p50"] > 0
    assert report["startup"]["first_recall_new_store"]["n"] == 1
    assert_nothing_is_left(tmp_path)


def test_scale_measures_at_each_size_and_leaves_nothing_behind(athena: Athena, tmp_path: Path) -> None:
    out, plot = tmp_path / "out.json", tmp_path / "plot.png"
    few = ("--up-to", "1010", "--import", "40", "--questions", "3", "--writes", "3")
    done = athena("bench", "scale", *few, "--save", str(out), "--plot", str(plot))
    for shown in ("Calls over stdio", "Filling and disk", "Import of a file of 40 memories"):
        assert shown in done.text
    report = json.loads(out.read_text())
    assert report["import"]["stored"] == 40
    assert [size["memories"] for size in report["sizes"]] == [1000, 1010]
    # The second filling goes on behind what was remembered at the first size.
    assert [size["fill"]["stored"] for size in report["sizes"]] == [1000, 7]
    for size in report["sizes"]:
        assert (size["calls"]["recall"]["n"], size["calls"]["degraded"]) == (3, 0)
        assert set(size["calls"]["layers_alone"]) == LAYERS
        assert 0 < size["remember_ms_p50"] <= size["remember_ms_p95"]
        assert size["database_bytes"] < size["folder_bytes"]
        assert size["calls"]["server_memory"]["bytes"] > 10 * 2**20
    assert plot.read_bytes().startswith(b"\x89PNG")
    assert_nothing_is_left(tmp_path)


def test_load_counts_what_agents_were_told_and_what_is_there(athena: Athena, tmp_path: Path) -> None:
    report = athena("bench", "load", "--agents", "3", "--seconds", "1", "--memories", "30", "--json").json
    assert [step["agents"] for step in report["steps"]] == [1, 2, 3]
    assert report["acknowledged"] == report["in_store"] > 0
    assert report["errors"] == {}
    for step in report["steps"]:
        assert step["calls"] == step["recall"]["n"] + step["remember"]["n"] > 0
        # Every server keeps at least one connection.
        assert 3 <= step["connections"] < report["max_connections"]
    assert_nothing_is_left(tmp_path)


def test_soak_judges_each_measure_over_time(athena: Athena, tmp_path: Path) -> None:
    out = tmp_path / "out.json"
    done = athena("bench", "soak", "--minutes", "0.07", "--memories", "30", "--save", str(out))
    assert "So short a run" in done.text
    report = json.loads(out.read_text())
    assert len(report["windows"]) == 24
    assert report["recalls"] == sum(window["recalls"] for window in report["windows"]) > 0
    assert report["errors"] == {}
    assert {measure["name"] for measure in report["measures"]} >= {
        "server memory",
        "server file descriptors",
        "PostgreSQL memory",
        "connections",
        "recall p50",
        "dead rows",
    }
    assert report["flat"] is all(measure["verdict"] == "flat" for measure in report["measures"])
    assert all(window["server_files"] > 0 and window["memories"] >= 30 for window in report["windows"])
    assert_nothing_is_left(tmp_path)
