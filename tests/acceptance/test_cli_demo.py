from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from tests.acceptance.command import Athena


def processes_in(folder: Path) -> list[int]:
    """Processes that have `folder` in their command line."""
    return [
        process.pid
        for process in psutil.process_iter(["cmdline"])
        if process.pid != os.getpid() and any(str(folder) in word for word in process.info["cmdline"] or ())
    ]


@pytest.fixture
def athena(tmp_path: Path) -> Athena:
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    return Athena(tmp_path / "mine", env={"TMPDIR": str(temporary), "TEMP": str(temporary), "TMP": str(temporary)})


def test_the_demo_shows_all_five_layers_and_leaves_nothing_behind(athena: Athena, tmp_path: Path) -> None:
    done = athena("demo")
    assert done.code == 0, done.err
    for shown in (
        *("episodic", "semantic", "procedural", "prospective", "graph"),
        "redacted before storing: aws-key",
        "[redacted:aws-key]",
        "successes so far: 1",
        "due: Renew the certificate",
        "checkout service depends on auth service",
        "It is stopped. Second process",
        "recall\n",
        "memories 8",
    ):
        assert shown in done.out
    assert "degraded" not in done.out.split("What `athena-mcp stats`")[0]
    assert list((tmp_path / "tmp").iterdir()) == []
    assert processes_in(tmp_path) == []
    assert not (tmp_path / "mine").exists()


@pytest.mark.skipif(sys.platform == "win32", reason="signals are POSIX")
def test_an_interrupted_demo_leaves_nothing_behind_either(athena: Athena, tmp_path: Path) -> None:
    process = athena.start("demo", stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True)
    assert process.stdout is not None
    # In the middle: the first memory is stored, so server and PostgreSQL are up.
    for line in process.stdout:
        if b"#1" in line:
            break
    # To the whole group, as a terminal does it.
    os.killpg(process.pid, signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert b"Traceback" not in err
    assert list((tmp_path / "tmp").iterdir()) == []
    assert processes_in(tmp_path) == []
