"""What was killed or left behind confuses nobody."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import psutil
import psycopg
from filelock import FileLock

from athena_mcp.db.embedded import EmbeddedServer, find_strays, server_status
from athena_mcp.db.embedded.account import account_for
from athena_mcp.db.embedded.layout import Layout
from athena_mcp.db.embedded.postmaster import server_processes
from tests.db.embedded.holder import Holder, Patience, gone

Serve = Callable[[Path], EmbeddedServer]


def pid(data_dir: Path) -> int:
    found = server_status(data_dir).pid
    assert found is not None
    return found


def test_a_killed_process_has_simply_left(data_dir: Path, serve: Serve) -> None:
    with Holder(data_dir) as killed:
        killed.start()
        server = serve(data_dir)
        server.start()
        running = pid(data_dir)
        killed.kill()
    assert server.stop()
    assert gone(running)


def test_a_server_whose_only_process_was_killed_is_a_stray_until_the_next_one_comes(
    data_dir: Path, serve: Serve
) -> None:
    with Holder(data_dir) as killed:
        killed.start()
        running = pid(data_dir)
        assert find_strays(data_dir) == []
        killed.kill()
    Patience().until(lambda: not server_status(data_dir).processes)
    assert [stray.pid for stray in find_strays(data_dir)] == [running]
    server = serve(data_dir)
    server.start()
    assert pid(data_dir) == running
    assert find_strays(data_dir) == []
    assert server.stop()


def test_a_server_whose_only_process_was_killed_ends_by_itself(spare_dir: Path) -> None:
    (spare_dir / "postgres" / "server.log").unlink()
    with Holder(spare_dir, watch_interval_s=0.1) as killed:
        killed.start()
        running = pid(spare_dir)
        killed.kill()
    Patience().until(lambda: gone(running))
    log = (spare_dir / "postgres" / "server.log").read_text(encoding="utf-8")
    assert "received fast shutdown request" in log
    assert "FATAL" not in log


def test_the_watch_leaves_a_server_alone_that_is_in_use(data_dir: Path) -> None:
    server = EmbeddedServer(data_dir, watch_interval_s=0.01)
    with psycopg.connect(server.start().conninfo, autocommit=True) as connection:
        looks: set[object] = set()

        def looked_often() -> bool:
            # Each look of the watch is a transaction.
            query = "SELECT xact_start FROM pg_stat_activity WHERE application_name = 'athena-mcp watch'"
            looks.update(connection.execute(query).fetchall())
            return len(looks) > 5

        Patience().until(looked_often)
    assert server.stop()


def test_a_killed_server_is_started_anew_and_its_busy_sessions_are_ended(spare_dir: Path, serve: Serve) -> None:
    server = serve(spare_dir)
    address = server.start()
    first = pid(spare_dir)
    with closing(psycopg.connect(address.conninfo, autocommit=True)) as connection:
        busy = connection.info.backend_pid
        connection.execute("CREATE TABLE written AS SELECT 'acknowledged' AS word")
        connection.pgconn.send_query(b"SELECT count(*) FROM generate_series(1, 100000000000)")
        connection.pgconn.flush()
        os.kill(first, signal.SIGKILL)
        Patience().until(lambda: not server_status(spare_dir).running)
        assert busy in {stray.pid for stray in find_strays(spare_dir)}
        address = server.start()
    assert pid(spare_dir) != first
    assert gone(busy)
    with psycopg.connect(address.conninfo) as connection:
        assert connection.execute("SELECT word FROM written").fetchone() == ("acknowledged",)


def test_leaving_a_frozen_server_takes_no_longer_because_another_process_is_starting(
    spare_dir: Path, serve: Serve
) -> None:
    server = serve(spare_dir)
    server.start()
    layout = Layout.of(spare_dir)
    frozen = server_processes(layout.token())
    thawed = threading.Event()

    def thaw() -> None:
        for process in frozen:
            process.resume()
        thawed.set()

    # Else a wait without end would hang the test instead of failing it.
    timer = threading.Timer(10, thaw)
    timer.start()
    try:
        with FileLock(layout.lock):  # as the other process has it
            for process in frozen:
                process.suspend()
            assert not server.stop()
        assert not thawed.is_set()
    finally:
        timer.cancel()
        thaw()
    last = serve(spare_dir)
    with psycopg.connect(last.start().conninfo, autocommit=True) as connection:
        query = "SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE 'athena-mcp presence%'"
        Patience().until(lambda: connection.execute(query).fetchone() == (1,))
    assert last.stop()


def test_a_process_number_that_somebody_else_has_now_is_not_taken_for_the_server(spare_dir: Path, serve: Serve) -> None:
    home = spare_dir / "postgres"
    account = account_for(home / "cluster")
    # Of the same account, so that PostgreSQL by itself would take it for a running server.
    with subprocess.Popen([*(account.prefix if account else ()), "cat"], stdin=subprocess.PIPE) as other:
        note = f"{other.pid}\n{home / 'cluster'}\n1700000000\n5432\n{home / 'socket'}\n\n  1234 5678\nready   \n"
        (home / "cluster" / "postmaster.pid").write_text(note, encoding="utf-8")
        (home / "socket" / ".s.PGSQL.5432.lock").write_text(note, encoding="utf-8")
        (home / "socket" / ".s.PGSQL.5432").touch()
        assert not server_status(spare_dir).running
        serve(spare_dir).start()
        assert pid(spare_dir) != other.pid
        assert other.poll() is None


def test_a_killed_creation_leaves_nothing_half_done(tmp_path: Path, serve: Serve) -> None:
    home = tmp_path / "postgres"
    with Holder(tmp_path) as killed:
        killed.begin()
        Patience().until(lambda: any(home.glob("new-cluster-*/base")))
        killed.kill()
    assert not (home / "cluster").exists()
    (home / "new-cluster-long-dead").mkdir()
    server = serve(tmp_path)
    server.start()
    assert not (home / "new-cluster-long-dead").exists()
    assert (home / "cluster" / "PG_VERSION").exists()
    assert server.stop()


def test_a_start_waits_for_a_shutdown_and_then_starts_anew(data_dir: Path, serve: Serve) -> None:
    present, coming = serve(data_dir), serve(data_dir)
    present.start()
    first = pid(data_dir)
    # A shutdown that refuses newcomers and lasts until those who are connected have left.
    os.kill(first, signal.SIGTERM)
    Patience().until(lambda: server_status(data_dir).state == "stopping")
    coming.start()
    second = pid(data_dir)
    assert second != first
    # Who was connected finds the new one.
    present.start()
    assert pid(data_dir) == second
    assert not coming.stop()
    assert present.stop()


def test_a_server_that_was_told_to_end_is_replaced_by_whoever_uses_it(data_dir: Path, serve: Serve) -> None:
    server = serve(data_dir)
    server.start()
    first = pid(data_dir)
    os.kill(first, signal.SIGTERM)
    Patience().until(lambda: server_status(data_dir).state == "stopping")
    server.start()
    assert pid(data_dir) != first


def test_a_frozen_server_holds_nobody_up_and_is_used_again_when_it_thaws(data_dir: Path, serve: Serve) -> None:
    server = serve(data_dir)
    server.start()
    running = psutil.Process(pid(data_dir))
    frozen = [running, *running.children()]
    with ThreadPoolExecutor(1) as pool:
        try:
            for process in frozen:
                process.suspend()
            # Without a limit it would wait until somebody thaws the server.
            assert pool.submit(server.stop).result(30) is False
        finally:
            for process in frozen:
                process.resume()
    server.start()
    assert pid(data_dir) == running.pid
    # The session that was given up may take a moment to notice.
    Patience().until(lambda: server.start() is not None and server.stop())


def test_a_copied_data_folder_has_a_server_of_its_own(data_dir: Path, tmp_path: Path, serve: Serve) -> None:
    serve(data_dir).start()
    subprocess.run(["cp", "-a", str(data_dir), str(tmp_path / "copy")], check=True)
    assert not server_status(tmp_path / "copy").running
    copy = serve(tmp_path / "copy")
    copy.start()
    assert pid(tmp_path / "copy") != pid(data_dir)
    assert copy.stop()
    assert server_status(data_dir).running
