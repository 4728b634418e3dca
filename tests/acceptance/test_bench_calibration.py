"""`athena-mcp bench calibration` as a user runs it, on small cases; its figures are not judged here."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.command import Athena
from tests.acceptance.test_bench import assert_nothing_is_left

SHOP = {
    "build": "The nightly build failed because the pool ran out of connections.",
    "port": "Staging listens on port 8443 behind the gateway.",
    "release": "How to cut a release: run the suite, bump the version, tag the commit.",
    "cake": "Grete brought a lemon cake to the retrospective.",
}
SHOP_QUERIES = [
    {"q": "why did the nightly build fail?", "relevant": ["build"]},
    {"q": "which port does staging listen on?", "relevant": ["port", "twin"]},
    {"q": "how is a release cut?", "relevant": ["release"]},
    {"q": "who brought the lemon cake?", "relevant": ["cake"]},
    {"q": "when does the licence of the font end?", "relevant": []},
]
BOATS = {
    "ferry": "The ferry to Hiiumaa leaves Rohuküla at seven in the morning.",
    "anchor": "Anchor in five metres off the northern shore, the bottom is clay.",
    "mast": "Unstep the mast before the lift bridge at Kerteminde.",
}
BOATS_QUERIES = [
    {"q": "when does the ferry to Hiiumaa leave?", "relevant": ["ferry"]},
    {"q": "where is the anchor to be dropped?", "relevant": ["anchor"]},
    {"q": "must the mast come down?", "relevant": ["mast"]},
]


@pytest.fixture
def athena(tmp_path: Path) -> Athena:
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    return Athena(tmp_path / "mine", env={"TMPDIR": str(temporary), "TEMP": str(temporary), "TMP": str(temporary)})


def write_case(folder: Path, name: str, texts: dict[str, str], queries: list[dict[str, Any]]) -> str:
    memories = [
        {"id": id, "text": text, "at": f"2025-05-0{day}T10:00:00Z"} for day, (id, text) in enumerate(texts.items(), 1)
    ]
    if "port" in texts:
        # The same memory once more: where one of the two is left out, the other is too.
        memories.append({**memories[1], "id": "twin"})
    path = folder / f"{name}.json"
    path.write_text(json.dumps({"name": name, "memories": memories, "queries": queries}))
    return str(path)


def column(report: dict[str, Any], target: str, constants: str = "shipped", *, vectors: bool = True) -> dict[str, Any]:
    found = [
        row["by_case"]
        for row in report["measured"]
        if (row["target"], row["constants"], row["vectors"]) == (target, constants, vectors)
    ]
    assert len(found) == 1
    return dict(found[0])


def test_calibration_judges_the_shipped_constants_fits_new_ones_and_leaves_nothing_behind(
    athena: Athena, tmp_path: Path
) -> None:
    cases = [write_case(tmp_path, "shop", SHOP, SHOP_QUERIES), write_case(tmp_path, "boats", BOATS, BOATS_QUERIES)]
    out, module = tmp_path / "out.json", tmp_path / "fitted.py"
    done = athena("bench", "calibration", *cases, "--save", str(out), "--write", str(module))
    assert done.code == 0, done.err
    for shown in ("answer, shipped constants", "rank 1, held out constants", "AUROC left out", "nothing_relevant"):
        assert shown in done.out
    report = json.loads(out.read_text())
    answers = column(report, "answer")
    # Four questions as they are, with their answer left out and of the other case, one unanswerable; at two depths.
    assert {case: row["n"] for case, row in answers.items()} == {"shop": 26, "boats": 18, "all": 44}
    # Everything is found where it is, and nowhere else: left out it is gone, with its twin.
    assert answers["shop"]["base_rate"] == pytest.approx(4 / 8.5, abs=1e-3)
    assert answers["boats"]["base_rate"] == pytest.approx(3 / 6, abs=1e-3)
    assert answers["all"]["auroc"]["other case"]["found"] > 0.9
    assert answers["shop"]["auroc"].keys() == {"other case", "left out", "unanswerable"}
    assert column(report, "hits")["all"]["n"] > column(report, "rank 1")["all"]["n"]
    # Without an embedder the words alone find these too.
    assert column(report, "answer", vectors=False)["all"]["n"] == 44
    assert report["constants"] == module.read_text()
    held: dict[str, Any] = {}
    exec(compile(module.read_text(), "fitted.py", "exec"), held)
    assert 0 <= held["NOTHING_RELEVANT"] < 1
    assert_nothing_is_left(tmp_path)


def test_calibration_of_one_case_says_that_nothing_else_was_asked(athena: Athena, tmp_path: Path) -> None:
    done = athena("bench", "calibration", write_case(tmp_path, "shop", SHOP, SHOP_QUERIES), "--limit-queries", "4")
    assert done.code == 0, done.err
    assert "One case alone" in done.out
    assert "AUROC other case" not in done.out
    assert "Logistic(" not in done.out
    assert_nothing_is_left(tmp_path)


def test_calibration_refuses_before_the_work_what_it_could_not_do(athena: Athena, tmp_path: Path) -> None:
    case = write_case(tmp_path, "shop", SHOP, SHOP_QUERIES)
    done = athena("bench", "calibration", case, "--write", str(tmp_path / "none" / "fitted.py"))
    assert done.code == 2
    assert "There is no folder" in done.err
    done = athena("bench", "calibration", case, case)
    assert done.code == 1
    assert "the same name" in done.err
    done = athena("bench", "calibration", case, "--plot", str(tmp_path / "plot.gif"))
    assert done.code == 1
    assert "must end in .svg or .png" in done.err
    assert_nothing_is_left(tmp_path)
