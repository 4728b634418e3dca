"""Real repositories, made for each test."""

from __future__ import annotations

import io
import os
import shutil
import subprocess
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path

import pytest

from athena_mcp.errors import TransferError
from athena_mcp.model import MAX_CONTENT_CHARS
from athena_mcp.transfer.git_history import commit_to_record, content_of
from athena_mcp.transfer.git_log import Commit, GitRange, GitRepository, parse_log

pytestmark = pytest.mark.skipif(shutil.which("git") is None, reason="needs git")

AT = datetime(2025, 3, 1, 12, 0, tzinfo=UTC)


class Repository:
    """A repository to commit to."""

    def __init__(self, path: Path) -> None:
        self.path = path
        path.mkdir()
        self.git("init", "-q", "-b", "main")

    def git(self, *arguments: str, env: Mapping[str, str] | None = None, data: bytes | None = None) -> str:
        environment = {
            **os.environ,
            "GIT_CONFIG_GLOBAL": os.devnull,
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_AUTHOR_NAME": "Ada",
            "GIT_AUTHOR_EMAIL": "ada@example.org",
            "GIT_COMMITTER_NAME": "Ada",
            "GIT_COMMITTER_EMAIL": "ada@example.org",
            **(env or {}),
        }
        done = subprocess.run(
            ["git", "-C", str(self.path), *arguments], env=environment, input=data, capture_output=True, check=True
        )
        return os.fsdecode(done.stdout).strip()

    def commit(self, message: str | bytes, files: Mapping[str, str] | None = None, at: datetime = AT) -> str:
        for name, text in (files or {}).items():
            (self.path / name).parent.mkdir(parents=True, exist_ok=True)
            (self.path / name).write_text(text)
        self.git("add", "-A")
        raw = message.encode() if isinstance(message, str) else message
        when = f"{int(at.timestamp())} +0200"
        self.git(
            *("commit", "-q", "--allow-empty", "--allow-empty-message", "--cleanup=verbatim", "-F", "-"),
            env={"GIT_AUTHOR_DATE": when, "GIT_COMMITTER_DATE": when},
            data=raw,
        )
        return self.git("rev-parse", "HEAD")

    def read(self, commits: GitRange | None = None, max_files: int = 100) -> list[Commit]:
        with GitRepository(self.path).commits(commits or GitRange(), max_files=max_files) as history:
            return list(history)


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    return Repository(tmp_path / "repository")


def test_commits_come_oldest_first_with_author_date_message_and_files(repository: Repository) -> None:
    first = repository.commit("First\n\nThe body.\n", {"a.py": "1", "sub dir/ü.py": "1"})
    second = repository.commit("Second\n", {"a.py": "2"})
    assert repository.read() == [
        Commit(first, AT, "Ada", "First\n\nThe body.\n", ("a.py", "sub dir/ü.py")),
        Commit(second, AT, "Ada", "Second\n", ("a.py",)),
    ]


def test_a_commit_without_files_or_message_does_not_disturb_its_neighbours(repository: Repository) -> None:
    repository.commit("one", {"a": "1"})
    repository.commit("")
    repository.commit("three", {"c": "1"})
    assert [(commit.message.strip(), commit.files) for commit in repository.read()] == [
        ("one", ("a",)),
        ("", ()),
        ("three", ("c",)),
    ]


def test_file_names_with_line_ends_and_quotes_come_as_they_are(repository: Repository) -> None:
    repository.commit("odd", {'a\nb"c': "1", "-d": "1", " e ": "1"})
    assert set(repository.read()[0].files) == {'a\nb"c', "-d", " e "}


def test_files_are_capped(repository: Repository) -> None:
    repository.commit("many", {f"f{i:03}": "1" for i in range(30)})
    repository.commit("next", {"g": "1"})
    many, after = repository.read(max_files=10)
    assert len(many.files) == 10
    assert after.files == ("g",)


def test_a_message_in_no_known_encoding_is_readable_as_far_as_it_goes(repository: Repository) -> None:
    repository.git("config", "i18n.commitEncoding", "UTF-8")
    repository.commit(b"caf\xe9 fixed")
    (commit,) = repository.read()
    assert "fixed" in commit.message
    commit.message.encode()


def test_a_message_that_declares_its_encoding_is_converted(repository: Repository) -> None:
    repository.git("config", "i18n.commitEncoding", "ISO-8859-1")
    repository.commit(b"caf\xe9 fixed")
    assert repository.read()[0].message == "café fixed"


def test_merges_are_left_out_unless_asked_for(repository: Repository) -> None:
    repository.commit("base", {"a": "1"})
    repository.git("checkout", "-q", "-b", "side")
    repository.commit("side work", {"b": "1"})
    repository.git("checkout", "-q", "main")
    repository.commit("main work", {"c": "1"})
    repository.git("merge", "-q", "--no-ff", "-m", "Merge side", "side")
    assert {commit.message.strip() for commit in repository.read()} == {"base", "side work", "main work"}
    merged = repository.read(GitRange(merges=True))
    assert len(merged) == 4
    assert next(commit.files for commit in merged if commit.message.startswith("Merge")) == ("b",)


def test_a_range_is_by_branch_date_and_number(repository: Repository) -> None:
    repository.commit("old", {"a": "1"}, at=datetime(2024, 1, 1, 12, tzinfo=UTC))
    repository.commit("new", {"a": "2"}, at=datetime(2025, 1, 1, 12, tzinfo=UTC))
    repository.git("branch", "stop")
    repository.commit("newest", {"a": "3"}, at=datetime(2026, 1, 1, 12, tzinfo=UTC))

    def messages(commits: GitRange) -> list[str]:
        read = [commit.message for commit in repository.read(commits)]
        assert GitRepository(repository.path).count(commits) == len(read)
        return read

    assert messages(GitRange(branch="stop")) == ["old", "new"]
    assert messages(GitRange(max_count=2)) == ["new", "newest"]
    assert messages(GitRange(since="2025-06-01")) == ["newest"]
    assert messages(GitRange(since="2025-01-01")) == ["new", "newest"]


def test_a_date_that_git_cannot_read_is_refused(repository: Repository) -> None:
    repository.commit("one", {"a": "1"})
    history = GitRepository(repository.path)
    for since in ("banana", "the day of the release", "2025-13-45"):
        with pytest.raises(TransferError, match="--since"):
            history.count(GitRange(since=since))
    for since in ("2020-01-01", "3 years ago", "today", "last monday", "2025-01-31T12:00:00+02:00"):
        history.count(GitRange(since=since))


def test_reading_may_stop_early(repository: Repository) -> None:
    for number in range(5):
        repository.commit(f"commit {number}", {"a": str(number)})
    with GitRepository(repository.path).commits(GitRange(), max_files=1) as history:
        assert next(history).message == "commit 0"


def test_a_users_settings_do_not_change_what_is_read(repository: Repository) -> None:
    repository.commit("one", {"a": "1"})
    for name, value in (
        ("log.showSignature", "true"),
        ("color.ui", "always"),
        ("log.decorate", "full"),
        ("format.pretty", "oneline"),
        ("log.showRoot", "false"),
    ):
        repository.git("config", name, value)
    assert [(commit.message, commit.files) for commit in repository.read()] == [("one", ("a",))]


def test_a_variable_of_a_hook_does_not_lead_to_another_repository(
    repository: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    repository.commit("mine", {"a": "1"})
    other = Repository(tmp_path / "other")
    other.commit("theirs")
    monkeypatch.setenv("GIT_DIR", str(other.path / ".git"))
    assert [commit.message for commit in repository.read()] == ["mine"]


def test_a_bare_repository_and_a_folder_inside_one_are_read(repository: Repository, tmp_path: Path) -> None:
    repository.commit("one", {"sub/a": "1"})
    bare = tmp_path / "bare.git"
    subprocess.run(["git", "clone", "-q", "--bare", str(repository.path), str(bare)], check=True, capture_output=True)
    for path in (bare, repository.path / "sub"):
        with GitRepository(path).commits(GitRange(), max_files=5) as history:
            assert [commit.files for commit in history] == [("sub/a",)]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda path: path.mkdir(), "not a git repository"),
        (lambda path: path.write_text("x"), "is not a folder"),
        (lambda path: None, "is not a folder"),
    ],
)
def test_what_is_no_repository_is_a_clear_error(tmp_path: Path, make: Callable[[Path], object], message: str) -> None:
    path = tmp_path / "nothing"
    make(path)
    with pytest.raises(TransferError, match=message):
        GitRepository(path)


def test_a_repository_without_commits_is_a_clear_error(repository: Repository) -> None:
    with pytest.raises(TransferError, match="no commits yet"):
        repository.read()


@pytest.mark.parametrize("branch", ["nowhere", "--output=/tmp/x", "-p", "a b"])
def test_a_branch_that_is_not_there_is_a_clear_error(repository: Repository, branch: str) -> None:
    repository.commit("one")
    with pytest.raises(TransferError, match="no branch or commit"):
        repository.read(GitRange(branch=branch))


def test_git_that_is_missing_is_a_clear_error(repository: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(TransferError, match="git is not installed"):
        GitRepository(repository.path)


@pytest.mark.parametrize("size", [1, 7, 64 * 1024])
def test_the_log_is_parsed_however_it_is_cut_into_pieces(size: int) -> None:
    class Pieces(io.BytesIO):
        def read(self, _: int | None = -1, /) -> bytes:
            return super().read(size)

    words = ["", "M", "aa", "100", "Ada", "one", "", "\nx", "y", "", "M", "bb", "oops", "Bob", "two", "", ""]
    log = "\0".join(words).encode()
    assert list(parse_log(Pieces(log), "M", 9)) == [
        Commit("aa", datetime(1970, 1, 1, 0, 1, 40, tzinfo=UTC), "Ada", "one", ("x", "y")),
        Commit("bb", None, "Bob", "two", ()),
    ]


def commit_of(message: str) -> Commit:
    return Commit("c" * 40, AT, "Ada Lovelace", message, ("a.py", "b" * 5_000))


def test_a_commit_becomes_an_event_keyed_by_its_id() -> None:
    record = commit_to_record(commit_of("Fix the pool\n"), "owner/name")
    assert record.content == "Fix the pool"
    assert (record.project, record.layer, record.tags) == ("owner/name", "episodic", ("git",))
    assert record.occurred_at == AT
    assert record.key == "git:" + "c" * 40
    assert record.session_id == "git:2025-03-01 Ada Lovelace"
    assert record.details == {"kind": "change", "files": ["a.py"]}


@pytest.mark.parametrize(
    ("message", "content"),
    [
        ("Subject\n\nBody.\n\nSigned-off-by: A <a@b>\nChange-Id: I123\n", "Subject\n\nBody."),
        ("Subject\n\nCo-authored-by: A <a@b>\n\nCo-Authored-By: B <a@b>\n", "Subject"),
        ("Subject\n\nFixes: #12\nSigned-off-by: A <a@b>\n", "Subject\n\nFixes: #12"),
        ("Subject\n\nFixes: #12\n\nReviewed-by: A\nRefs: #3\n", "Subject\n\nFixes: #12\n\nRefs: #3"),
        ("Signed-off-by: only a subject", "Signed-off-by: only a subject"),
        ("Subject\r\n\r\nBody\r\nSigned-off-by: A\r\n", "Subject\n\nBody"),
        ("Subject\n\nCc: everybody\nmust know.", "Subject\n\nCc: everybody\nmust know."),
    ],
)
def test_trailers_that_say_who_handled_it_are_left_out(message: str, content: str) -> None:
    assert content_of(commit_of(message)) == content


def test_a_commit_without_a_message_still_says_something() -> None:
    assert content_of(commit_of(" \n")) == "Commit cccccccccccc, which has no message."


def test_a_long_message_is_cut_at_a_line_end_and_says_so() -> None:
    content = content_of(commit_of("Subject\n\n" + "a line of the body\n" * 2_000))
    assert len(content) <= MAX_CONTENT_CHARS
    *kept, last = content.split("\n")
    assert set(kept[2:]) == {"a line of the body"}
    assert last.startswith("[the rest")


def test_a_long_message_without_line_ends_is_cut_all_the_same() -> None:
    assert len(content_of(commit_of("x" * 100_000))) <= MAX_CONTENT_CHARS
