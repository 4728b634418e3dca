"""A password in a database's address is in no output, however the address is wrong."""

from __future__ import annotations

import itertools
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from athena_mcp.config import check_database_url
from athena_mcp.errors import ConfigurationError
from tests.acceptance.command import Athena, Done

SECRET = "hun" + "ter2"
MISREAD = [
    f"postgresql://app:s/{SECRET}@127.0.0.1:1/app",
    f"postgresql://app:{SECRET}/x@127.0.0.1:1/app",
    f"postgresql://app:{SECRET}#x@127.0.0.1:1/app",
    f"postgresql://app:{SECRET}?x@127.0.0.1:1/app",
    f"postgresql://app:12345?{SECRET}@127.0.0.1:1/app",
    f"postgresql://app:x@{SECRET}@127.0.0.1:1/app",
    f"postgresql://app:x@127.0.0.1:{SECRET}/app",
    f"postgresql://app:{SECRET}%@127.0.0.1:1/app",
    f"postgresql://app:{SECRET}%zz@127.0.0.1:1/app",
]
READABLE = [
    f"postgresql://app:{SECRET}@127.0.0.1:1/app",
    f"postgresql://app:%2F{SECRET}%40@127.0.0.1:1/app",
    f"postgres://app:{SECRET}@/app?host=%2Fno%2Fsocket&port=1",
    f"postgresql://127.0.0.1:1/app?user=app&password={SECRET}&application_name=a@b",
    f"postgresql://app:{SECRET}@127.0.0.1:1,127.0.0.1:2/app",
    f"postgresql://app:{SECRET}@[::1]:1/app",
]


UNREADABLE = [
    f"postgresql://app:x {SECRET}@127.0.0.1:1/app",
    f"postgresql://app:{SECRET}%00@127.0.0.1:1/app",
    f"postgresql://127.0.0.1:1/app?user=app&password=x {SECRET}",
    f"postgresql://127.0.0.1:1/app?user=app&password=x&{SECRET}=1",
    f"postgresql://app:{SECRET}@[::1]x/app",
]
"""Only libpq finds that these are wrong, and repeats what it could not read."""


@pytest.mark.parametrize("url", MISREAD)
def test_an_address_that_would_be_misread_is_refused_without_repeating_it(url: str) -> None:
    with pytest.raises(ConfigurationError, match="write / as %2F") as raised:
        check_database_url(url)
    assert SECRET not in str(raised.value)


@pytest.mark.parametrize("url", READABLE)
def test_an_address_that_can_be_read_is_accepted(url: str) -> None:
    check_database_url(url)


def test_no_command_prints_a_password(tmp_path: Path) -> None:
    urls = (READABLE[1], READABLE[3], *UNREADABLE)
    commands = (("doctor",), ("doctor", "--json"), ("stats",), ("recall", "x"))

    def run(given: tuple[str, tuple[str, ...]]) -> Done:
        url, command = given
        return Athena(tmp_path / "data", env={"ATHENA_DATABASE_URL": url, "ATHENA_LOG_LEVEL": "DEBUG"})(*command)

    with ThreadPoolExecutor(4) as pool:  # they have nothing in common but a folder that none of them makes
        for done in pool.map(run, itertools.product(urls, commands)):
            assert done.code == 1
            assert SECRET not in done.out + done.err


def test_no_command_prints_a_secret_given_as_the_project(tmp_path: Path) -> None:
    secret = "ghp_" + "Zx9Qw3Rt7Yu1Pa5Sd8Fg2Hj4Kl6Mn0Bv3Cx7"
    athena = Athena(tmp_path / "data")
    for command in (
        ("recall", "x"),
        ("recall", "x", "--json"),
        ("forget", "1"),
        ("list",),
        ("export",),
        ("config", "codex"),
    ):
        done = athena(*command, "--project", f"acme/{secret}")
        assert done.code == 1
        assert "project" in done.err
        assert "looks like a secret" in done.err
        assert secret not in done.out + done.err
