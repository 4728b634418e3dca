from __future__ import annotations

from pathlib import Path

import pytest

from tests.acceptance.command import Athena


def findings(athena: Athena) -> dict[str, dict[str, str]]:
    import json

    return {row["name"]: row for row in json.loads(athena("doctor", "--json").out)}


def test_on_a_new_machine_everything_is_in_order(tmp_path: Path) -> None:
    athena = Athena(tmp_path / "data")
    for _ in range(2):
        done = athena("doctor")
        assert done.code == 0, done.out
        assert "FAILED" not in done.out
        athena("remember", "x is 3")
    rows = findings(athena)
    assert {"program", "settings", "data folder", "embedded server", "stray servers", "database", "pgvector"} <= set(
        rows
    )


def test_a_data_folder_that_cannot_be_is_found_and_the_rest_is_checked(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    athena = Athena(tmp_path / "file" / "data")
    athena_elsewhere = Athena(tmp_path / "file", env={"ATHENA_DATA_DIR": str(athena.data_dir)})
    done = athena_elsewhere("doctor")
    assert done.code == 1
    assert "FAILED   data folder" in done.out
    assert "ok       git" in done.out or "warning  git" in done.out
    assert "Traceback" not in done.err


@pytest.mark.parametrize("url", ["postgresql://u:hunter2@127.0.0.1:1/d", "mysql://u:hunter2@h/d"])
def test_a_database_that_cannot_be_reached_is_a_failure_with_advice(tmp_path: Path, url: str) -> None:
    athena = Athena(tmp_path / "data", env={"ATHENA_DATABASE_URL": url})
    done = athena("doctor")
    assert done.code == 1
    assert "FAILED" in done.out
    assert "hunter2" not in done.out + done.err
    assert not (tmp_path / "data").exists()
