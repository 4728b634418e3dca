"""Secrets are taken out of a memory before it is stored."""

from __future__ import annotations

import dataclasses
import threading
from typing import Any

import anyio
import anyio.to_thread
import pytest

from athena_mcp.app import App
from athena_mcp.errors import InvalidArgument
from athena_mcp.manager import MemoryManager
from athena_mcp.remember.redact import Hints, Redacted, Redactor
from athena_mcp.remember.request import check_request
from tests.conftest import PROJECT
from tests.db.edges import edge
from tests.db.stores import row_counts, whole_text

pytestmark = pytest.mark.anyio

SECRETS = {
    "aws": "AKIAIOSFODNN7EXAMPLF",
    "github": "ghp_" + "aB3dE5fG7hJ9kL1mN3pQ5rS7tU9vW1xY3zA5",
    "password": "s3cr3t-Tr0ub4dor",
}


async def test_no_secret_reaches_any_table(manager: MemoryManager, database_url: str) -> None:
    aws, github = SECRETS["aws"], SECRETS["github"]
    receipts = [
        await manager.remember(
            f"The key is {aws} and the URL postgresql://ada:{SECRETS['password']}@db/app.",
            layer="semantic",
            tags=[f"t {aws}"],
            details={"source": f"mail with {github}"},
            relations=[edge(f"key {aws}", "belongs to", f"token {github}")],
        ),
        await manager.remember(
            "A run.", layer="episodic", details={"files": [f"dump-{github}.txt"]},
        ),
        await manager.remember(
            "A way.", layer="procedural", details={"steps": [f"export TOKEN={github}"], "applies_when": aws},
        ),
        await manager.remember(
            "A task.", layer="prospective", details={"triggers": [{"on": "phrase", "value": f"use {github}"}]},
        ),
    ]  # fmt: skip
    stored = whole_text(database_url)
    for name, secret in SECRETS.items():
        assert secret not in stored, name
        assert secret.lower() not in stored.lower(), name
    assert "[redacted:" in stored
    for receipt in receipts:
        assert sum(receipt.redactions.values()) > 0
    assert sum(receipts[0].redactions.values()) >= 5
    assert sum(receipts[0].to_dict()["redactions"].values()) >= 5
    again = await manager.remember("A run.", layer="episodic", details={"files": [f"dump-{github}.txt"]})
    assert again.status == "duplicate"
    assert again.redactions
    names: tuple[dict[str, Any], ...] = ({"key": github}, {"session_id": github}, {"project": github})
    for name_given in names:
        (argument,) = name_given
        with pytest.raises(InvalidArgument) as raised:
            await manager.remember("Named.", **name_given)
        assert raised.value.argument == argument
        assert github not in str(raised.value)
    assert github not in whole_text(database_url)


async def test_a_marker_longer_than_its_secret_breaks_no_limit(manager: MemoryManager, database_url: str) -> None:
    before = row_counts(database_url)
    secret = "password=hunter2x"
    filler = "x" * (200 - len(secret) - 1)
    cases: tuple[tuple[dict[str, Any], str], ...] = (
        ({"content": "x" * (16_384 - len(secret) - 1) + " " + secret}, "content"),
        ({"content": "c", "tags": ["x" * (64 - len(secret) - 1) + " " + secret]}, "tags"),
        ({"content": "c", "relations": [edge(f"{filler} {secret}", "is", "b")]}, "relations"),
        ({"content": "c", "relations": [edge("a", "is", f"{filler} {secret}")]}, "relations"),
        ({"content": "c", "details": {"source": "x" * 1_980 + " " + secret}}, "details.source"),
    )
    for arguments, argument in cases:
        try:
            await manager.remember(layer="semantic", **arguments)
        except InvalidArgument as error:
            assert error.argument.startswith(argument)  # noqa: PT017  # either is fine, an accident is not
            assert row_counts(database_url)["memories"] == before["memories"]
        else:
            await manager.forget((await manager.list_memories())[0].id)


async def test_a_long_text_is_searched_for_secrets_beside_the_event_loop(app: App) -> None:
    manager = await app.manager()
    called, went_on = threading.Event(), threading.Event()

    class Waiting(Redactor):
        def redact(self, text: str, hints: Hints | None = None) -> Redacted:
            called.set()
            assert went_on.wait(30), "the event loop waits for it"
            return super().redact(text, hints)

    slow = dataclasses.replace(manager._pipeline, redactor=Waiting())
    request = check_request("A long story. " * 600, project=PROJECT, layer="semantic")

    async def others() -> None:
        await anyio.to_thread.run_sync(called.wait, 30)
        went_on.set()

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(others)
        receipt = await slow.remember(request, session_id="s")
    assert receipt.status == "stored"
