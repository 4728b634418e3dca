"""Cases from repositories with a changelog; the repositories are real, made for each test."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

from athena_mcp.bench.devlog.build import build_devlog
from athena_mcp.bench.devlog.changelog import is_changelog, is_question, key_of, numbers_in, question_of, read_entries
from athena_mcp.bench.failure import BenchFailed
from athena_mcp.errors import TransferError

pytestmark = pytest.mark.skipif(shutil.which("git") is None, reason="needs git")


class Repository:
    """A repository to commit to."""

    def __init__(self, path: Path) -> None:
        self.path = path
        path.mkdir()
        self.git("init", "-q", "-b", "main")

    def git(self, *arguments: str) -> str:
        identity = {
            f"GIT_{who}_{what}": value
            for who in ("AUTHOR", "COMMITTER")
            for what, value in (("NAME", "Ada"), ("EMAIL", "ada@example.org"), ("DATE", "1740830400 +0000"))
        }
        done = subprocess.run(
            ["git", "-C", str(self.path), *arguments],
            env={**os.environ, **identity, "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"},
            capture_output=True,
            check=True,
        )
        return done.stdout.decode().strip()

    def commit(self, message: str, files: Mapping[str, str]) -> str:
        for name, text in files.items():
            (self.path / name).parent.mkdir(parents=True, exist_ok=True)
            (self.path / name).write_text(text)
        self.git("add", "-A")
        self.git("commit", "-q", "-m", message)
        return self.git("rev-parse", "HEAD")


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    return Repository(tmp_path / "shop")


def questions(path: Path) -> dict[str, frozenset[str]]:
    return {query.text: query.relevant for query in build_devlog(path).case.queries}


def test_an_entry_that_names_a_request_is_about_the_commit_that_names_it_too(repository: Repository) -> None:
    fix = repository.commit("Stop the pool from leaking (#12)", {"pool.py": "1"})
    closed = repository.commit("Grow the cache\n\nCloses #13.", {"cache.py": "1"})
    repository.commit("Mention #12 in passing\n\nSee also #13.", {"docs.md": "1"})
    repository.commit(
        "Collect the notes",
        {"CHANGELOG.md": "# 1.0\n- Connections are returned in time (#12, thanks @ada)\n- More room for hits (#13)\n"},
    )
    found = questions(repository.path)
    assert found["More room for hits"] == {closed}
    assert found["Connections are returned in time"] >= {fix}


def test_an_entry_without_a_number_is_about_the_commit_that_wrote_it_first(repository: Repository) -> None:
    first = repository.commit("pool", {"pool.py": "1", "CHANGES.rst": "1.0\n---\n- Connections are returned in time\n"})
    second = repository.commit(
        "cache",
        {
            "cache.py": "1",
            "CHANGES.rst": "1.1\n---\n- There is more room for hits\n\n1.0\n---\n- Connections are returned in time\n",
        },
    )
    # Moved and indented anew by somebody else, which makes them nobody else's.
    repository.git("mv", "CHANGES.rst", "HISTORY.rst")
    repository.commit("Rename", {"setup.py": "1"})
    text = (repository.path / "HISTORY.rst").read_text().replace("- ", "  *   ")
    repository.commit("Reformat", {"HISTORY.rst": text, "setup.py": "2"})
    assert questions(repository.path) == {
        "There is more room for hits": frozenset({second}),
        "Connections are returned in time": frozenset({first}),
    }


def test_what_a_release_or_a_changelog_only_commit_wrote_has_no_answer(repository: Repository) -> None:
    kept = repository.commit("cache", {"cache.py": "1", "NEWS.md": "- There is more room for hits\n"})
    text = "- Connections are returned in time\n- There is more room for hits\n"
    repository.commit("Notes", {"NEWS.md": text})
    repository.commit("Release 1.1", {"NEWS.md": "- The queue is drained on exit\n" + text, "version.py": "1.1"})
    devlog = build_devlog(repository.path)
    assert [(query.text, query.relevant) for query in devlog.case.queries] == [
        ("There is more room for hits", frozenset({kept}))
    ]
    assert (devlog.entries, devlog.unmatched, devlog.matched) == (3, 2, {"by number": 0, "by first line": 1})


def test_a_commit_that_wrote_many_entries_at_once_collected_what_others_did(repository: Repository) -> None:
    many = "".join(f"- Change number {name} of the lot\n" for name in ("one", "two", "three", "four"))
    repository.commit("Catch up", {"setup.py": "1", "CHANGELOG.md": many})
    with pytest.raises(BenchFailed, match="None of the 4 entries"):
        build_devlog(repository.path)


def test_too_short_and_repeated_entries_are_counted_and_left_out(repository: Repository) -> None:
    fix = repository.commit("Stop the leak (#1)", {"pool.py": "1"})
    text = "- Typo fixes\n- Connections are returned in time (#1)\n- Connections are returned in time (#1)\n"
    repository.commit("Notes", {"docs/changelog.rst": text})
    devlog = build_devlog(repository.path)
    assert (devlog.entries, devlog.too_short, devlog.repeated, devlog.unmatched) == (3, 1, 1, 0)
    assert devlog.case.queries[0].relevant == {fix}
    assert devlog.case.queries[0].category == "by number"
    assert devlog.changelog == "docs/changelog.rst"


def test_the_memories_are_the_commits_in_their_order_with_the_author_s_date(repository: Repository) -> None:
    first = repository.commit("Stop the leak (#1)\n\n" + "Because of it. " * 100, {"pool.py": "1"})
    repository.commit(
        "Notes\n\nSigned-off-by: Ada <ada@example.org>", {"CHANGELOG.md": "- No more leaking pools (#1)\n"}
    )
    memories = build_devlog(repository.path).case.memories
    assert [memory.text.split("\n")[0] for memory in memories] == ["Stop the leak (#1)", "Notes"]
    assert memories[0].id == first
    assert memories[0].at == "2025-03-01T12:00:00Z"
    assert len(memories[0].text) <= 600
    assert "Signed-off-by" not in memories[1].text


def test_a_named_file_is_read_instead_of_the_usual_ones_from_any_folder(repository: Repository) -> None:
    repository.commit("Stop the leak (#1)", {"pool.py": "1"})
    repository.commit(
        "Notes", {"CHANGELOG.md": "- No more leaking pools (#1)\n", "docs/updates.md": "- Pools are tight now (#1)\n"}
    )
    devlog = build_devlog(repository.path / "docs", changelog="docs/updates.md")
    assert [query.text for query in devlog.case.queries] == ["Pools are tight now"]


def test_a_repository_without_a_usable_changelog_is_refused(repository: Repository, tmp_path: Path) -> None:
    repository.commit("Start", {"README.md": "- one\n"})
    with pytest.raises(BenchFailed, match="no changelog"):
        build_devlog(repository.path)
    repository.commit("Prose", {"CHANGELOG.md": "We made it better.\n"})
    with pytest.raises(BenchFailed, match="no list items"):
        build_devlog(repository.path)
    with pytest.raises(TransferError):
        build_devlog(repository.path, changelog="nowhere.md")
    with pytest.raises(TransferError):
        build_devlog(tmp_path)


@pytest.mark.parametrize(
    ("entry", "question"),
    [
        ("Fix the **retry** of `getUser` in [docs](https://x.org/y). (#12)", "Fix the retry of getUser in docs"),
        (
            "Added `--flag`, sorted by default ([#4](https://x.org/pull/4)) by @jane-d",
            "Added --flag, sorted by default",
        ),
        (
            "Fixed :class:`~a.b.Foo` on Windows (`#1 <https://x.org/issues/1>`_; PR by Jan de Vries)",
            "Fixed a.b.Foo on Windows",
        ),
        (":pr:`55`: Faster thanks to a cache. Patch by Bob Smith.", "Faster thanks to a cache"),
        ("Supported by PostgreSQL, see GH-7", "Supported by PostgreSQL"),
        ("Closes the socket. Fixes owner/name#9 (1a2b3c4d)", "Closes the socket"),
        ("Call `__init__` of the base", "Call __init__ of the base"),
    ],
)
def test_a_question_keeps_what_was_done_and_drops_requests_people_and_markup(entry: str, question: str) -> None:
    assert question_of(entry) == question


def test_entries_go_on_over_indented_lines_and_may_hold_others() -> None:
    text = (
        "1.0\n---\n\n* Closing the pool\n  twice is fine\n   - but only from\n     one task\n\nNot an item.\n"
        "```\n- no item either\n```\n* * *\n+ Last of\n  them all\n"
    )
    assert [entry.question for entry in read_entries(text)] == [
        "Closing the pool twice is fine",
        "but only from one task",
        "Last of them all",
    ]
    assert [entry.key for entry in read_entries(text)] == ["Closing the pool", "but only from", "Last of"]


def test_numbers_are_found_however_they_are_written() -> None:
    text = "#1, gh-2, https://x.org/a/b/pull/3, :issue:`4`, owner/name#5, PR 6, `#7 <https://x.org/issues/7>`_"
    assert numbers_in(text) == {1, 2, 3, 4, 5, 6, 7}
    assert numbers_in("version 8, &#9; and C#10") == frozenset()


def test_changelogs_are_known_by_name_and_place() -> None:
    for name in ("CHANGELOG.md", "docs/versionhistory.rst", "HISTORY", "News.txt", "doc/whatsnew.rst", "changes.md"):
        assert is_changelog(name)
    for name in ("src/changelog.py", "tests/changelog.md", "README.md", "history/one.md"):
        assert not is_changelog(name)


def test_a_line_s_key_does_not_change_with_its_marker_and_spacing() -> None:
    assert key_of("-  one  two") == key_of("\t* one two") == key_of("one two") == "one two"


def test_a_question_needs_words() -> None:
    assert is_question("Pools leak no more")
    assert not is_question("Typo fixes")
    assert not is_question("1.2.3 -> 1.2.4")
