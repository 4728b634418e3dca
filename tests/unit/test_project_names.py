from __future__ import annotations

from pathlib import Path

import pytest

from athena_mcp.cli.checks import run_checks
from athena_mcp.cli.host_config import explicit_environment
from athena_mcp.cli.launch import Flags
from athena_mcp.config import Settings
from athena_mcp.errors import InvalidArgument
from athena_mcp.remember.project_names import ProjectNames
from athena_mcp.remember.redact import Redacted, Redactor

SECRET = "ghp_" + "Zx9Qw3Rt7Yu1Pa5Sd8Fg2Hj4Kl6Mn0Bv3Cx7"


class Counting(Redactor):
    """Counts what it is asked."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[str] = []

    def redact(self, text: str, hints: object = None) -> Redacted:
        self.asked.append(text)
        return super().redact(text)


def test_a_name_that_is_or_holds_a_secret_is_refused_without_being_repeated() -> None:
    names = ProjectNames(Redactor())
    for name in (SECRET, f"acme/{SECRET}", f"shop {SECRET} x"):
        for _ in range(2):
            with pytest.raises(InvalidArgument) as raised:
                names.check(name)
            assert raised.value.argument == "project"
            assert SECRET[:12] not in str(raised.value)


def test_a_name_is_looked_into_once_and_so_many_are_kept() -> None:
    redactor = Counting()
    names = ProjectNames(redactor, capacity=2)
    for name in ("a/one", "a/one", "a/two", "a/one", "a/three", "a/three", "a/two"):
        assert names.check(name) == name
    assert redactor.asked == ["a/one", "a/two", "a/three"]
    names.check("a/one")
    assert redactor.asked[3:] == ["a/one"]


def test_neither_doctor_nor_config_repeats_a_secret_project(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path, project=SECRET, database_url="postgresql://127.0.0.1:1/x")
    finding = next(row for row in run_checks(settings) if row.name == "settings")
    assert finding.status == "failed"
    assert "looks like a secret" in finding.detail
    assert SECRET not in finding.detail
    with pytest.raises(InvalidArgument, match="looks like a secret") as raised:
        explicit_environment(Flags(project=SECRET), settings)
    assert SECRET not in str(raised.value)
