from __future__ import annotations

import sys
from pathlib import Path

import pytest

from athena_mcp.cli import checks
from athena_mcp.cli.checks import run_checks
from athena_mcp.cli.doctor import findings_text
from athena_mcp.config import Settings
from athena_mcp.db.findings import Finding
from tests.embedding_service import Answer, running_service


def test_without_settings_the_program_itself_is_still_checked() -> None:
    assert {finding.name for finding in run_checks(None)} >= {"program", "packages", "git"}


def test_a_check_that_breaks_does_not_stop_the_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> list[Finding]:
        raise ZeroDivisionError("secret")

    for name in ("_database", "_embedded_server"):
        monkeypatch.setattr(checks, name, broken)
    findings = {finding.name: finding for finding in run_checks(Settings(data_dir=tmp_path, project="p"))}
    assert findings["database"].status == findings["embedded server"].status == "failed"
    assert "secret" not in findings["database"].detail
    assert findings["data folder"].status == "ok"
    assert findings["git"].name == "git"


def test_a_file_in_place_of_the_data_folder_is_found(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("x")
    (finding,) = checks._data_folder(file / "data")
    assert finding.status == "failed"
    assert "ATHENA_DATA_DIR" in (finding.advice or "")


@pytest.mark.skipif(sys.platform == "win32", reason="modes are POSIX")
def test_a_folder_without_space_is_a_warning(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checks, "_SPACE_NEEDED_BYTES", 1 << 62)
    (finding,) = checks._data_folder(tmp_path / "not" / "yet")
    assert finding.status == "warning"
    assert "made at the first start" in finding.detail


def test_secrets_of_the_database_url_are_not_shown(tmp_path: Path) -> None:
    url = "postgresql://me:hunter2@db.example.org:5433/memory?password=hunter3"
    (finding,) = checks._settings(Settings(data_dir=tmp_path, project="p", database_url=url))
    assert "memory on db.example.org:5433" in finding.detail
    assert "hunter" not in finding.detail


def test_findings_are_shown_with_what_to_do() -> None:
    text = findings_text(
        [
            Finding("a", "ok", "fine", "never shown"),
            Finding("long name", "warning", "so\nso", "Do this."),
            Finding("b", "failed", "\x1b[2J", "Do that."),
        ]
    )
    lines = text.splitlines()
    assert lines[0] == "ok       a          fine"
    assert lines[1] == "warning  long name  so so"
    assert lines[2].strip() == "Do this."
    assert lines[3] == "FAILED   b          \\x1b[2J"
    assert "never shown" not in text
    assert lines[-1] == "1 failed, 1 with a warning."


def test_an_embeddings_service_is_asked(tmp_path: Path) -> None:
    with running_service() as service:
        settings = Settings(tmp_path, "p", embed_url=service.url, embed_model="small", embed_api_key="sk-hunter2")
        (well,) = checks._embeddings_service(settings)
        assert (well.status, well.detail) == ("ok", "small answers, 3 dimensions")
        service.say = lambda asked, number: Answer(401, {"error": "sk-hunter2"})
        (failed,) = checks._embeddings_service(settings)
    assert failed.status == "failed"
    assert "ATHENA_EMBED_API_KEY" in failed.detail
    assert "hunter2" not in failed.detail
