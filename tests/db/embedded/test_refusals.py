"""What cannot work is refused in words that say what to do, and looking changes nothing."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from athena_mcp.db.embedded import EmbeddedServer, server_status
from athena_mcp.db.embedded import account as account_module
from athena_mcp.db.embedded import binaries as binaries_module
from athena_mcp.db.embedded import cluster as cluster_module
from athena_mcp.db.embedded.binaries import find_binaries
from athena_mcp.errors import EmbeddedServerError

Serve = Callable[[Path], EmbeddedServer]


def test_a_cluster_of_another_version_is_left_as_it_is(spare_dir: Path, serve: Serve) -> None:
    version = spare_dir / "postgres" / "cluster" / "PG_VERSION"
    version.write_text("15\n", encoding="ascii")
    with pytest.raises(
        EmbeddedServerError, match=r"written by PostgreSQL 15.*brings PostgreSQL \d+.*athena-mcp export"
    ):
        serve(spare_dir).start()
    assert version.read_text(encoding="ascii") == "15\n"
    assert "PostgreSQL 15" in server_status(spare_dir).problems[0]


def test_something_else_in_the_place_of_the_cluster_is_left_as_it_is(tmp_path: Path, serve: Serve) -> None:
    stranger = tmp_path / "postgres" / "cluster" / "diary.txt"
    stranger.parent.mkdir(parents=True)
    stranger.write_text("mine", encoding="utf-8")
    with pytest.raises(EmbeddedServerError, match="not a whole PostgreSQL data folder"):
        serve(tmp_path).start()
    assert stranger.read_text(encoding="utf-8") == "mine"


def test_a_lost_or_changed_password_file_is_named(spare_dir: Path, serve: Serve) -> None:
    password = spare_dir / "postgres" / "password"
    kept = password.read_bytes()
    password.unlink()
    with pytest.raises(EmbeddedServerError, match=r"password is gone.*backup"):
        serve(spare_dir).start()
    password.write_bytes(kept)
    running = serve(spare_dir)
    running.start()
    password.write_bytes(b"wrong")
    with pytest.raises(EmbeddedServerError, match="refuses the password"):
        serve(spare_dir).start()
    assert running.stop()


@pytest.mark.parametrize("place", ["file", "file/below", "line\nbreak"])
def test_a_place_that_cannot_be_a_folder_is_named(tmp_path: Path, place: str, serve: Serve) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(EmbeddedServerError, match=r"(file.*is a file|line break)"):
        serve(tmp_path / place).start()
    assert server_status(tmp_path / place).running is False


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_may_not_be_written_is_named(tmp_path: Path, serve: Serve) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(EmbeddedServerError, match="may not write"):
        serve(tmp_path / "data").start()


def test_a_disk_without_room_is_named_before_anything_is_written(
    tmp_path: Path, serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cluster_module, "NEEDED_BYTES", 1 << 62)
    with pytest.raises(EmbeddedServerError, match=rf"disk of {tmp_path}.*Free some"):
        serve(tmp_path).start()
    assert not (tmp_path / "postgres" / "password").exists()


def test_root_without_means_to_be_somebody_else_is_told_the_ways_out(
    tmp_path: Path, serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(account_module, "is_root", lambda: True)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(EmbeddedServerError, match=r"setpriv.*ordinary user.*ATHENA_DATABASE_URL"):
        serve(tmp_path / "data").start()


def test_missing_programs_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(binaries_module, "PACKAGE", "no_such_package")
    with pytest.raises(EmbeddedServerError, match=r"no-such-package.*ATHENA_DATABASE_URL"):
        find_binaries()


def test_the_programs_of_the_clusters_own_version_are_preferred() -> None:
    newest = find_binaries()
    assert newest.major >= 17
    assert find_binaries(newest.major) == newest
    assert find_binaries(9) == newest
    assert newest.tool("pg_ctl").exists()


def test_looking_at_a_folder_makes_nothing(tmp_path: Path) -> None:
    status = server_status(tmp_path / "none")
    assert (status.created, status.running, status.problems) == (False, False, ())
    assert list(tmp_path.iterdir()) == []


def test_status_tells_what_it_finds(spare_dir: Path, serve: Serve) -> None:
    asleep = server_status(spare_dir)
    assert (asleep.created, asleep.running, asleep.lock_held, asleep.problems) == (True, False, False, ())
    assert asleep.cluster_major == asleep.binaries_major == find_binaries().major
    serve(spare_dir).start()
    awake = server_status(spare_dir)
    assert (awake.running, awake.state, awake.processes, awake.connections) == (True, "ready", (os.getpid(),), 0)
    assert awake.started_at is not None
    assert awake.size_bytes is not None
    assert awake.size_bytes > 20_000_000
    (spare_dir / "postgres" / "password").chmod(0o644)
    assert "chmod 600" in server_status(spare_dir).problems[0]
