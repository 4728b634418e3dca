"""Export and import, from one memory to another."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.command import ROOT, Athena


@pytest.fixture
def athena(tmp_path: Path) -> Athena:
    """The command on an empty memory."""
    return Athena(tmp_path / "data")


@pytest.fixture
def other(tmp_path: Path) -> Athena:
    """The command on another empty memory."""
    return Athena(tmp_path / "other data")


def rows(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()[1:]]


def fill(athena: Athena) -> None:
    lines = [
        {"id": 10, "content": "Staging is on port 80.", "layer": "semantic", "superseded_by": 40, "tags": ["a"]},
        {
            "id": 20,
            "content": "How to cut a release",
            "layer": "procedural",
            "details": {"steps": ["tag", "push"], "successes": 2, "failures": 1},
        },
        {
            "id": 30,
            "content": "It went well",
            "layer": "episodic",
            "about": 20,
            "occurred_at": "2026-01-02T03:04:05.000006Z",
        },
        {"id": 40, "content": "Staging is on port 8443.", "layer": "semantic", "importance": 0.9, "key": "port"},
        {
            "id": 50,
            "content": "The shop uses the auth service.",
            "layer": "graph",
            "relations": [{"subject": "shop", "relation": "uses", "object": "auth service"}],
        },
        {
            "id": 60,
            "content": "Renew the certificate",
            "layer": "prospective",
            "project": "acme/other",
            "details": {"priority": "high", "due_at": "2027-01-01", "triggers": [{"on": "phrase", "value": "tls"}]},
        },
    ]
    done = athena("import", "-", data="".join(json.dumps(line) + "\n" for line in lines).encode())
    assert done.out.startswith("6 stored, 0 duplicates, 0 redacted, 0 skipped"), done


def test_an_export_brings_everything_back_under_the_same_ids(athena: Athena, other: Athena, tmp_path: Path) -> None:
    fill(athena)
    first, second = tmp_path / "first.jsonl.gz", tmp_path / "second.jsonl"
    assert athena("export", str(first)).code == 0
    assert other("import", str(first)).text.startswith("6 stored, 0 duplicates")
    assert other("export", str(second)).err == f"Wrote 6 memories to {second}.\n"
    exported = rows(athena("export").text)
    assert [row["id"] for row in exported] == [10, 20, 30, 40, 50, 60]
    assert exported[0]["superseded_by"] == 40
    assert exported[1]["details"] == {"steps": ["tag", "push"], "successes": 2, "failures": 1}
    assert exported[2]["about"] == 20
    assert exported[2]["occurred_at"] == "2026-01-02T03:04:05.000006Z"
    assert exported[4]["relations"] == [{"subject": "shop", "relation": "uses", "object": "auth service"}]
    assert rows(second.read_text(encoding="utf-8")) == exported
    assert other("import", str(first)).text.startswith("0 stored, 6 duplicates")
    # New ids come after those that were kept.
    assert other("remember", "Something new happened", "--json").json["id"] > 60


def test_an_import_into_a_used_memory_maps_ids_and_keeps_links(athena: Athena, other: Athena, tmp_path: Path) -> None:
    fill(athena)
    file = tmp_path / "a.jsonl"
    athena("export", str(file))
    other("remember", "I was here first", "--layer", "semantic")
    for expected in ("6 stored, 0 duplicates", "0 stored, 6 duplicates"):
        assert other("import", str(file)).text.startswith(expected)
    by_content = {row["content"]: row for row in rows(other("export").text)}
    assert len(by_content) == 7
    old, new = by_content["Staging is on port 80."], by_content["Staging is on port 8443."]
    assert old["superseded_by"] == new["id"]
    assert by_content["It went well"]["about"] == by_content["How to cut a release"]["id"]
    recalled = other("recall", "staging port", "--json").json["memories"]
    assert "Staging is on port 80." not in [row["content"] for row in recalled]


def test_one_project_is_exported_when_named(athena: Athena) -> None:
    fill(athena)
    named = athena("export", "--project", "acme/other").text
    assert json.loads(named.splitlines()[0])["projects"] == ["acme/other"]
    assert [row["id"] for row in rows(named)] == [60]
    assert json.loads(athena("export").text.splitlines()[0])["projects"] == ["acme/other", "acme/shop"]


def test_a_bad_line_stops_the_import_and_running_it_again_finishes_it(athena: Athena, tmp_path: Path) -> None:
    file = tmp_path / "a.jsonl"
    lines = [json.dumps({"content": f"note {number}", "layer": "semantic"}) for number in range(450)]
    file.write_text("\n".join([*lines[:410], '{"content": "x", "importance": 7}', *lines[410:]]))
    stopped = athena("import", str(file))
    assert stopped.code == 1
    assert "line 411: importance" in stopped.err
    assert "400 memories before it are" in stopped.err
    assert len(stopped.err.splitlines()) == 1
    skipped = athena("import", str(file), "--skip-bad")
    assert skipped.out.startswith("50 stored, 400 duplicates, 0 redacted, 1 skipped")
    assert "line 411: importance" in skipped.err
    assert len(athena("list", "--limit", "1000", "--json").json) == 450


def test_secrets_in_a_file_are_redacted_and_counted(athena: Athena) -> None:
    done = athena("import", "-", data=b'{"content": "the key is AKIAIOSFODNN7EXAMPLE"}\n')
    assert done.out.startswith("1 stored, 0 duplicates, 1 redacted")
    assert "AKIA" not in athena("export").text


@pytest.mark.skipif(shutil.which("git") is None, reason="needs git")
def test_a_history_is_imported_once_and_then_only_what_is_new(athena: Athena, tmp_path: Path) -> None:
    repository = tmp_path / "repository"
    repository.mkdir()

    def git(*arguments: str) -> None:
        identity = ["-c", "user.name=Ada", "-c", "user.email=ada@example.org"]
        subprocess.run(["git", *identity, "-C", str(repository), *arguments], check=True, capture_output=True)

    def commit(name: str, message: str) -> None:
        (repository / name).write_text(message)
        git("add", "-A")
        git("commit", "-q", "-m", message)

    git("init", "-q")
    git("remote", "add", "origin", "https://example.org/acme/engine.git")
    for number in range(5):
        commit("counter.py", f"Count to {number}")
    commit(
        "pool.py", "Cap the connection pool\n\nThe tests ran out of connections.\n\nSigned-off-by: Ada <a@example.org>"
    )

    first = athena("import", "--git", str(repository))
    assert first.out.startswith("6 stored, 0 duplicates")
    assert first.err == "Importing into acme/engine.\n"

    assert "Importing into x/y." in athena("import", "--git", str(repository), "--project", "x/y").err
    commit("new.py", "A new commit")
    assert athena("import", "--git", str(repository)).text.startswith("1 stored, 6 duplicates")
    answer = athena("recall", "why was the pool capped?", "-k", "1", "--json", "--project", "acme/engine").json
    (found,) = answer["memories"]
    assert found["content"] == "Cap the connection pool\n\nThe tests ran out of connections."
    assert found["details"] == {"kind": "change", "files": ["pool.py"]}
    assert found["session_id"].endswith(" Ada")


def test_the_projects_own_history_can_be_imported(athena: Athena) -> None:
    if shutil.which("git") is None or not (ROOT / ".git").exists():
        pytest.skip("not in a repository")
    head = subprocess.run(["git", "-C", str(ROOT), "rev-parse", "HEAD"], capture_output=True, check=False)
    if head.returncode != 0:
        pytest.skip("no commits yet")
    assert athena("import", "--git", str(ROOT), "--max-count", "20").code == 0
