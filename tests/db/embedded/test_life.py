"""The life of an embedded server: it is made, shared, and stopped by the last one out."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import psycopg
import pytest
from filelock import FileLock

from athena_mcp.db.embedded import EmbeddedServer, ServerAddress, server_status
from athena_mcp.db.embedded import server as server_module
from athena_mcp.db.embedded.binaries import PACKAGE, find_binaries
from athena_mcp.errors import EmbeddedServerError
from tests.db.embedded.holder import Holder, Patience, gone

Serve = Callable[[Path], EmbeddedServer]


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def pid(data_dir: Path) -> int:
    found = server_status(data_dir).pid
    assert found is not None
    return found


def link(source: str, target: str) -> None:
    """A second name for a file, or, on another disk, a copy."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)


def ask(address: ServerAddress, query: str) -> object:
    with psycopg.connect(address.conninfo) as connection:
        row = connection.execute(query.encode()).fetchone()
    return row[0] if row else None


def test_a_new_folder_holds_a_private_server(data_dir: Path) -> None:
    home = data_dir / "postgres"
    assert [mode(data_dir), mode(home), mode(home / "cluster"), mode(home / "socket")] == [0o700] * 4
    assert [mode(home / name) for name in ("password", "athena.conf", "lock", "server.log")] == [0o600] * 4
    rules = (home / "cluster" / "pg_hba.conf").read_text(encoding="utf-8").splitlines()
    methods = {rule.split()[-1] for rule in rules if rule.strip() and not rule.startswith("#")}
    assert methods == {"scram-sha-256"}


def test_the_server_listens_to_nobody_else_and_knows_all_scripts(data_dir: Path, serve: Serve) -> None:
    address = serve(data_dir).start()
    assert address.password not in repr(address)
    assert ask(address, "SELECT lower('ÀÉÜ ЖЩ ΔΩ')") == "àéü жщ δω"
    for name, value in {
        "listen_addresses": "",
        "unix_socket_permissions": "0700",
        "data_checksums": "on",
        "fsync": "on",
        "synchronous_commit": "on",
        "jit": "off",
        "TimeZone": "UTC",
        "server_encoding": "UTF8",
    }.items():
        assert ask(address, f"SHOW {name}") == value
    assert not psutil.Process(pid(data_dir)).net_connections("inet")
    with pytest.raises(psycopg.OperationalError, match="authentication failed"):
        psycopg.connect(address.conninfo, password="guess").close()


def test_what_was_stored_is_there_after_a_restart(data_dir: Path, serve: Serve) -> None:
    server = serve(data_dir)
    assert ask(server.start(), "SELECT word FROM kept") == "before"
    first = pid(data_dir)
    assert server.start() == server.start()
    assert pid(data_dir) == first
    assert server.stop()
    assert not server.stop()
    assert gone(first)
    assert ask(server.start(), "SELECT word FROM kept") == "before"


def test_the_last_of_several_processes_stops_the_server(data_dir: Path) -> None:
    with Holder(data_dir) as first, Holder(data_dir) as second:
        first.begin()
        second.begin()
        assert first.started() == second.started()
        server = pid(data_dir)
        assert set(server_status(data_dir).processes) == {first.process.pid, second.process.pid}
        assert first.stop() == {"stopped": False}
        assert pid(data_dir) == server
        assert second.stop() == {"stopped": True}
        assert gone(server)


def test_processes_that_start_at_once_on_an_empty_folder_share_one_server(tmp_path: Path) -> None:
    with Holder(tmp_path / "new") as first, Holder(tmp_path / "new") as second:
        first.begin()
        second.begin()
        assert first.started()["conninfo"] == second.started()["conninfo"]
        assert set(server_status(tmp_path / "new").processes) == {first.process.pid, second.process.pid}


def test_another_client_keeps_the_server_running(data_dir: Path, serve: Serve) -> None:
    server = serve(data_dir)
    with psycopg.connect(server.start().conninfo) as client:
        assert not server.stop()
        assert client.execute("SELECT 1").fetchone() == (1,)
    server.start()
    assert server.stop()


def test_the_server_is_cut_off_from_the_process_that_started_it(data_dir: Path, serve: Serve) -> None:
    with Holder(data_dir) as holder:
        holder.start()
        server = pid(data_dir)
        assert os.getsid(server) == server != os.getsid(holder.process.pid)
        holder.kill()
        # Ends only if the server, which lives on, holds no end of the pipe.
        assert holder.rest_of_output() == b""
        assert not gone(server)
        assert "PATH" in psutil.Process(server).environ()
        assert "PYTHONPATH" not in psutil.Process(server).environ()
    serve(data_dir).start()


def test_a_long_path_gets_a_private_socket_folder_elsewhere(data_dir: Path, tmp_path: Path, serve: Serve) -> None:
    long = tmp_path / ("x" * 100)
    subprocess.run(["cp", "-a", str(data_dir), str(long)], check=True)
    server = serve(long)
    folder = Path(server.start().host)
    assert not folder.is_relative_to(tmp_path)
    assert mode(folder) == 0o700
    assert ask(server.start(), "SELECT 1") == 1
    assert server.stop()
    assert not folder.exists()
    folder.symlink_to(tmp_path)
    try:
        with pytest.raises(EmbeddedServerError, match="not a private folder"):
            server.start()
    finally:
        folder.unlink()
    assert server.start().host == str(folder)


def test_the_mode_of_a_folder_that_was_there_is_left_alone(data_dir: Path, tmp_path: Path, serve: Serve) -> None:
    shared = tmp_path / "shared"
    shared.mkdir()
    shared.chmod(0o755)
    if os.geteuid() == 0:
        os.chown(shared, 1, 1)
    subprocess.run(["cp", "-a", str(data_dir / "postgres"), str(shared / "postgres")], check=True)
    serve(shared).start()
    assert mode(shared) == 0o755
    assert mode(shared / "postgres") == 0o700


def test_the_log_never_tells_what_is_stored(spare_dir: Path, serve: Serve) -> None:
    with psycopg.connect(serve(spare_dir).start().conninfo, autocommit=True) as connection:
        connection.execute("CREATE TABLE diary (page text UNIQUE CHECK (page <> 'SECRET-3'))")
        for statement, values in [
            ("SELECT 'SECRET-1'::int", None),
            ("INSERT INTO diary SELECT 'SECRET-2' FROM generate_series(1, 2)", None),
            ("INSERT INTO diary VALUES (%s)", ("SECRET-3",)),
            ("SELECT SECRET_4 FROM nowhere", None),
            ("DO $$ BEGIN RAISE EXCEPTION 'SECRET-5'; END $$", None),
        ]:
            with pytest.raises(psycopg.Error):
                connection.execute(statement.encode(), values)
    log = (spare_dir / "postgres" / "server.log").read_text(encoding="utf-8")
    assert "ready to accept connections" in log
    assert "SECRET" not in log
    assert "ERROR" not in log


def test_variables_meant_for_another_database_change_nothing(
    data_dir: Path, serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {
        "PGHOST": "elsewhere",
        "PGHOSTADDR": "192.0.2.1",
        "PGPORT": "1",
        "PGUSER": "somebody",
        "PGDATABASE": "nothing",
        "PGOPTIONS": "-c no_such_setting=1",
        "PGSSLMODE": "require",
        "PGTARGETSESSIONATTRS": "standby",
        "PGDATA": "/nowhere",
    }.items():
        monkeypatch.setenv(name, value)
    assert ask(serve(data_dir).start(), "SELECT word FROM kept") == "before"


def test_a_long_log_is_put_aside(spare_dir: Path, serve: Serve) -> None:
    log = spare_dir / "postgres" / "server.log"
    with log.open("ab") as file:
        file.write(b"x" * 1_100_000)
    serve(spare_dir).start()
    assert log.stat().st_size < 10_000
    assert log.with_name("server.log.1").stat().st_size > 1_100_000


def test_stop_does_not_wait_for_a_start_that_another_process_holds_up(
    data_dir: Path, serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = serve(data_dir)
    server.start()
    with FileLock(data_dir / "postgres" / "lock"):
        assert not server.stop()
        monkeypatch.setattr(server_module, "LOCK_WAIT_S", 0.05)
        with pytest.raises(EmbeddedServerError, match=r"postgres/lock"):
            server.start()
    monkeypatch.undo()
    server.start()
    assert server.stop()


def test_a_start_that_is_told_to_stop_leaves_nothing_running(data_dir: Path, serve: Serve) -> None:
    server = serve(data_dir)
    with FileLock(data_dir / "postgres" / "lock"), ThreadPoolExecutor(1) as pool:
        starting = pool.submit(server.start)
        # Again and again, since there is no telling when the other thread has begun.
        Patience().until(lambda: not server.stop() and starting.done())
        with pytest.raises(EmbeddedServerError, match="stopped while it was starting"):
            starting.result(10)
    assert not server_status(data_dir).running


def test_making_a_cluster_can_be_broken_off(tmp_path: Path, serve: Serve) -> None:
    server = serve(tmp_path)
    with ThreadPoolExecutor(1) as pool:
        starting = pool.submit(server.start)
        Patience().until(lambda: any((tmp_path / "postgres").glob("new-cluster-*")))
        assert not server.stop()
        with pytest.raises(EmbeddedServerError, match="stopped while it was starting"):
            starting.result(10)
    assert not list((tmp_path / "postgres").glob("*cluster*"))


@pytest.mark.skipif(os.geteuid() != 0, reason="concerns root")
def test_programs_and_folders_that_only_root_may_reach_are_used_without_changing_their_modes(
    tmp_path: Path, serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    environment, data = tmp_path / "environment", tmp_path / "data"
    installed = find_binaries().folder.parent
    shutil.copytree(installed, environment / PACKAGE / installed.name, copy_function=link)
    shutil.copytree(installed.parents[1] / f"{PACKAGE}.libs", environment / f"{PACKAGE}.libs", copy_function=link)
    (environment / PACKAGE / "__init__.py").touch()
    data.mkdir()
    for folder in (environment, data):
        folder.chmod(0o700)
    monkeypatch.syspath_prepend(str(environment))
    assert find_binaries().folder.is_relative_to(environment)
    server = serve(data)
    assert ask(server.start(), "SELECT lower('Ä')") == "ä"
    assert psutil.Process(pid(data)).uids().real != 0
    assert server.stop()
    assert [mode(environment), mode(data), mode(data / "postgres")] == [0o700] * 3


@pytest.mark.skipif(os.geteuid() != 0 or shutil.which("setpriv") is None, reason="needs root to become somebody else")
def test_an_ordinary_user_has_a_server_of_their_own(tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("user")
    os.chown(folder, 65534, 65534)
    # The capability only lets this user read the interpreter, wherever it is installed.
    caps = "+dac_read_search"
    prefix = (
        "setpriv",
        "--reuid=65534",
        "--regid=65534",
        "--clear-groups",
        f"--inh-caps={caps}",
        f"--ambient-caps={caps}",
    )
    with Holder(folder / "data", prefix=prefix) as holder:
        holder.start()
        assert psutil.Process(pid(folder / "data")).uids().real == 65534
        assert mode(folder / "data" / "postgres") == 0o700
        # Root uses the folder of that user as that user, and leaves it usable.
        guest = EmbeddedServer(folder / "data", watch_interval_s=1000.0)
        guest.start()
        assert holder.stop() == {"stopped": False}
        assert guest.stop()
        guest.start()
        assert guest.stop()
        assert {path.stat().st_uid for path in (folder / "data" / "postgres").iterdir()} == {65534}
        assert "conninfo" in holder.start()
        Patience().until(lambda: server_status(folder / "data").running)
