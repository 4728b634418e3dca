from __future__ import annotations

from pathlib import Path

import pytest

from athena_mcp.config import DEFAULT_PROJECT, Settings, detect_project, resolve_settings
from athena_mcp.errors import ConfigurationError
from athena_mcp.model import MAX_NAME_CHARS

URL = "postgresql://someone:hunter2@db.example/athena"


def repository(folder: Path, config: str = "") -> Path:
    """A folder that looks like a git working tree."""
    (folder / ".git").mkdir(parents=True)
    (folder / ".git" / "config").write_text(config, encoding="utf-8")
    return folder


def origin(url: str) -> str:
    """A repository's configuration as git writes it."""
    return f'[core]\n\tbare = false\n[remote "origin"]\n\turl = {url}\n\tfetch = +refs/heads/*:refs/remotes/origin/*\n'


def test_a_flag_wins_over_the_environment_and_that_over_the_default(tmp_path: Path) -> None:
    environ = {
        "ATHENA_DATABASE_URL": URL,
        "ATHENA_DATA_DIR": str(tmp_path / "from-environ"),
        "ATHENA_PROJECT": "from/environ",
        "ATHENA_LOG_LEVEL": "info",
    }
    flagged = resolve_settings(
        environ,
        database_url="postgres://flag/db",
        data_dir=tmp_path / "from-flag",
        project="from/flag",
        log_level="error",
    )
    assert flagged == Settings(tmp_path / "from-flag", "from/flag", "postgres://flag/db", "ERROR")

    given = resolve_settings(environ)
    assert given == Settings(tmp_path / "from-environ", "from/environ", URL, "INFO")
    assert not given.embedded

    bare = resolve_settings({}, cwd=repository(tmp_path / "shop"))
    assert bare.embedded
    assert bare.log_level == "WARNING"
    assert bare.data_dir.is_absolute()
    assert bare.data_dir.name == "athena-mcp"
    assert bare.project.startswith("shop-")


def test_an_empty_variable_is_as_good_as_none(tmp_path: Path) -> None:
    names = (
        "ATHENA_DATABASE_URL",
        "ATHENA_DATA_DIR",
        "ATHENA_PROJECT",
        "ATHENA_LOG_LEVEL",
        "ATHENA_EMBED_URL",
        "ATHENA_EMBED_MODEL",
        "ATHENA_EMBED_API_KEY",
        "ATHENA_LANGUAGE",
    )
    assert resolve_settings(dict.fromkeys(names, ""), cwd=tmp_path) == resolve_settings({}, cwd=tmp_path)


def test_a_data_folder_may_be_relative_or_start_at_home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    assert resolve_settings({"ATHENA_DATA_DIR": "~/memory"}).data_dir == tmp_path / "memory"
    monkeypatch.chdir(tmp_path)
    assert resolve_settings({"ATHENA_DATA_DIR": "memory"}).data_dir == tmp_path / "memory"


@pytest.mark.parametrize(
    ("environ", "named"),
    [
        ({"ATHENA_DATABASE_URL": "mysql://a:hunter2@b/c"}, "ATHENA_DATABASE_URL"),
        ({"ATHENA_DATABASE_URL": "host=db password=hunter2"}, "ATHENA_DATABASE_URL"),
        ({"ATHENA_DATABASE_URL": "postgresql://[hunter2"}, "ATHENA_DATABASE_URL"),
        ({"ATHENA_LOG_LEVEL": "loud"}, "ATHENA_LOG_LEVEL"),
        ({"ATHENA_PROJECT": "   "}, "ATHENA_PROJECT"),
        ({"ATHENA_PROJECT": "two\nlines"}, "ATHENA_PROJECT"),
        ({"ATHENA_PROJECT": "x" * (MAX_NAME_CHARS + 1)}, "ATHENA_PROJECT"),
        ({"ATHENA_EMBED_URL": "ftp://hunter2/v1", "ATHENA_EMBED_MODEL": "m"}, "ATHENA_EMBED_URL"),
        ({"ATHENA_EMBED_URL": "localhost:11434/hunter2", "ATHENA_EMBED_MODEL": "m"}, "ATHENA_EMBED_URL"),
        ({"ATHENA_EMBED_URL": "https:///hunter2", "ATHENA_EMBED_MODEL": "m"}, "ATHENA_EMBED_URL"),
        ({"ATHENA_EMBED_URL": "http://[hunter2", "ATHENA_EMBED_MODEL": "m"}, "ATHENA_EMBED_URL"),
        ({"ATHENA_EMBED_URL": "http://h:port/hunter2", "ATHENA_EMBED_MODEL": "m"}, "ATHENA_EMBED_URL"),
        ({"ATHENA_EMBED_URL": "http://me:hunter2@h/v1", "ATHENA_EMBED_MODEL": "m"}, "ATHENA_EMBED_API_KEY"),
        ({"ATHENA_EMBED_URL": "http://h/v1"}, "ATHENA_EMBED_MODEL"),
        ({"ATHENA_EMBED_URL": "http://h/v1", "ATHENA_EMBED_MODEL": "m" * 181}, "ATHENA_EMBED_MODEL"),
        (
            {"ATHENA_EMBED_URL": "http://h/v1", "ATHENA_EMBED_MODEL": "m", "ATHENA_EMBED_API_KEY": "hunter2\n"},
            "ATHENA_EMBED_API_KEY",
        ),
        ({"ATHENA_LANGUAGE": "two\nlines"}, "ATHENA_LANGUAGE"),
        ({"ATHENA_LANGUAGE": "x" * 64}, "ATHENA_LANGUAGE"),
    ],
)
def test_a_setting_that_cannot_work_is_named_without_its_secret(environ: dict[str, str], named: str) -> None:
    with pytest.raises(ConfigurationError, match=named) as raised:
        resolve_settings(environ)
    assert "hunter2" not in str(raised.value)


def test_an_embeddings_service_and_a_language_are_taken_from_flags_and_environment() -> None:
    environ = {
        "ATHENA_EMBED_URL": "http://localhost:11434/v1",
        "ATHENA_EMBED_MODEL": "nomic-embed-text",
        "ATHENA_EMBED_API_KEY": "sk-hunter2",
        "ATHENA_LANGUAGE": "german",
    }
    given = resolve_settings(environ)
    assert (given.embed_url, given.embed_model) == ("http://localhost:11434/v1", "nomic-embed-text")
    assert (given.embed_api_key, given.language) == ("sk-hunter2", "german")
    assert "hunter2" not in repr(given)
    flagged = resolve_settings(environ, embed_url="https://h/v1", embed_model="other", language="russian")
    assert (flagged.embed_url, flagged.embed_model, flagged.language) == ("https://h/v1", "other", "russian")
    # A model and a key alone mean nothing.
    del environ["ATHENA_EMBED_URL"]
    bare = resolve_settings(environ)
    assert (bare.embed_url, bare.embed_model, bare.embed_api_key) == (None, None, None)


def test_the_executors_settings_are_taken_from_flags_and_environment() -> None:
    bare = resolve_settings({})
    assert (bare.max_concurrent, bare.layer_timeout_s, bare.recall_timeout_s, bare.parallel) == (5, 10.0, 15.0, True)
    assert bare.max_connections == 8
    environ = {
        "ATHENA_MAX_CONCURRENT": "12",
        "ATHENA_LAYER_TIMEOUT": "0.5",
        "ATHENA_RECALL_TIMEOUT": "2",
        "ATHENA_PARALLEL": "Off",
    }
    given = resolve_settings(environ)
    assert (given.max_concurrent, given.layer_timeout_s, given.recall_timeout_s, given.parallel) == (12, 0.5, 2, False)
    assert given.max_connections == 15
    flagged = resolve_settings(environ, max_concurrent="1", layer_timeout="3", recall_timeout="4.5", parallel="on")
    assert (flagged.max_concurrent, flagged.layer_timeout_s, flagged.recall_timeout_s) == (1, 3.0, 4.5)
    assert flagged.parallel
    assert (bare.learning, resolve_settings({"ATHENA_LEARNING": "Frozen"}).learning) == ("on", "frozen")
    assert resolve_settings({}, learning="off").learning == "off"


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("ATHENA_MAX_CONCURRENT", ["0", "-1", "101", "2.5", "many", "\u0662"]),
        ("ATHENA_LAYER_TIMEOUT", ["0", "-1", "nan", "inf", "3601", "soon"]),
        ("ATHENA_RECALL_TIMEOUT", ["0", "-1", "nan", "inf", "3601", "soon"]),
        ("ATHENA_PARALLEL", ["maybe", "2"]),
        ("ATHENA_LEARNING", ["maybe", "true"]),
    ],
)
def test_a_setting_of_the_executor_that_cannot_work_is_named(name: str, values: list[str]) -> None:
    for value in values:
        with pytest.raises(ConfigurationError, match=name):
            resolve_settings({name: value})


def test_the_repr_of_settings_shows_no_password() -> None:
    shown = repr(resolve_settings({"ATHENA_DATABASE_URL": URL, "ATHENA_PROJECT": "a/b"}))
    assert "hunter2" not in shown
    assert "a/b" in shown


@pytest.mark.parametrize(
    "url",
    [
        "https://github.com/owner/name.git",
        "https://github.com/owner/name",
        "https://user:token@github.com/owner/name.git/",
        "ssh://git@github.com:2222/owner/name.git",
        "git@github.com:owner/name.git",
        "github.com:owner/name",
        "git@gitlab.example:group/subgroup/owner/name.git",
        "/srv/git/owner/name.git",
        "file:///srv/git/owner/name.git",
    ],
)
def test_a_project_is_the_name_of_its_origin(tmp_path: Path, url: str) -> None:
    root = repository(tmp_path / "clone", origin(url))
    (root / "src" / "deep").mkdir(parents=True)
    assert detect_project(root) == "owner/name"
    assert detect_project(root / "src" / "deep") == "owner/name"


def test_two_folders_of_one_name_without_an_origin_are_two_projects(tmp_path: Path) -> None:
    first, second = repository(tmp_path / "a" / "app"), repository(tmp_path / "b" / "app")
    plain = tmp_path / "c" / "app"
    plain.mkdir(parents=True)
    names = {detect_project(folder) for folder in (first, second, plain)}
    assert len(names) == 3
    assert all(name.startswith("app-") and len(name) == len("app-") + 8 for name in names)
    (first / "src").mkdir()
    assert detect_project(first / "src") == detect_project(first)


@pytest.mark.parametrize("url", ["name.git", "not-a-url", "https://example.com/"])
def test_an_origin_without_an_owner_is_passed_over(tmp_path: Path, url: str) -> None:
    assert detect_project(repository(tmp_path / "app", origin(url))).startswith("app-")


@pytest.mark.parametrize("config", ["[remote\nbroken", "\x00\x01", '[remote "upstream"]\n\turl = https://x/o/n\n'])
def test_a_configuration_without_a_readable_origin_is_passed_over(tmp_path: Path, config: str) -> None:
    assert detect_project(repository(tmp_path / "app", config)).startswith("app-")


def test_a_configuration_that_is_not_utf8_is_passed_over(tmp_path: Path) -> None:
    root = repository(tmp_path / "app")
    (root / ".git" / "config").write_bytes(b'[remote "origin"]\n\turl = https://x/o/\xff\xfe\n')
    assert detect_project(root).startswith("app-")


def test_a_worktree_and_a_submodule_have_the_origin_of_their_repository(tmp_path: Path) -> None:
    main = repository(tmp_path / "main", origin("https://github.com/owner/name.git"))
    admin = main / ".git" / "worktrees" / "feature"
    admin.mkdir(parents=True)
    (admin / "commondir").write_text("../..\n")
    worktree = tmp_path / "feature"
    worktree.mkdir()
    (worktree / ".git").write_text(f"gitdir: {admin}\n")
    assert detect_project(worktree) == "owner/name"

    module = main / ".git" / "modules" / "lib"
    module.mkdir(parents=True)
    (module / "config").write_text(origin("https://github.com/owner/lib.git"))
    submodule = main / "lib"
    submodule.mkdir()
    (submodule / ".git").write_text("gitdir: ../.git/modules/lib\n")
    assert detect_project(submodule) == "owner/lib"


def test_a_git_file_that_leads_nowhere_is_passed_over(tmp_path: Path) -> None:
    (tmp_path / ".git").write_text("gitdir: /nowhere/at/all\n")
    assert detect_project(tmp_path).startswith(f"{tmp_path.name}-"[:20])


def test_the_root_and_the_home_folder_are_nobodys_project(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    assert detect_project(tmp_path) == DEFAULT_PROJECT
    assert detect_project(Path(tmp_path.anchor)) == DEFAULT_PROJECT
    (tmp_path / "work").mkdir()
    assert detect_project(tmp_path / "work").startswith("work-")


def test_a_very_long_folder_name_is_cut_to_what_a_project_may_have(tmp_path: Path) -> None:
    folder = tmp_path / ("x" * 250)
    folder.mkdir()
    assert len(detect_project(folder)) == MAX_NAME_CHARS
