"""The two resources and their notifications."""

from __future__ import annotations

import json
from itertools import pairwise
from typing import Any

import anyio
import pytest
from mcp import Client, MCPError
from mcp.types import ResourceUpdatedNotification, TextResourceContents

from athena_mcp.errors import DatabaseUnavailable
from athena_mcp.server.notify import announce_changes
from tests.server.connect import ERAS, connect
from tests.server.double import Counter, Opener, Switches

pytestmark = pytest.mark.anyio
both_eras = pytest.mark.parametrize("era", ERAS)


async def read(client: Client, uri: str) -> Any:
    [content] = (await client.read_resource(uri)).contents
    assert isinstance(content, TextResourceContents)
    assert content.mime_type == "application/json"
    value = json.loads(content.text)
    assert content.text == json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return value


@both_eras
async def test_the_statistics_are_listed_and_memories_are_a_template(era: str) -> None:
    async with connect(Opener(), era) as client:
        [statistics] = (await client.list_resources()).resources
        [memory] = (await client.list_resource_templates()).resource_templates
        assert (str(statistics.uri), statistics.mime_type) == ("athena://stats", "application/json")
        assert memory.uri_template == "athena://memories/{id}"
        assert await read(client, "athena://stats") == (await client.call_tool("stats")).structured_content


@both_eras
async def test_a_memory_is_read_whole(era: str) -> None:
    async with connect(Opener(), era) as client:
        await client.call_tool("remember", {"content": "grün", "tags": ["a"], "key": "commit-1"})
        await client.call_tool("remember", {"content": "blue", "replaces": 1, "about": 1})
        assert await read(client, "athena://memories/1") == {
            "id": 1,
            "layer": "semantic",
            "content": "grün",
            "created_at": "2026-03-01T12:00:00Z",
            "tags": ["a"],
            "project": "owner/name",
            "importance": 0.5,
            "key": "commit-1",
            "superseded_by": 2,
            "superseded_at": "2026-03-01T12:00:00Z",
        }
        assert (await read(client, "athena://memories/2"))["about"] == 1


@both_eras
@pytest.mark.parametrize(
    ("uri", "problem"),
    [
        ("athena://memories/99", "there is no memory 99"),
        ("athena://memories/one", "the id of a memory is a whole number"),
        ("athena://memories/-1", "the id of a memory is a whole number"),
        ("athena://memories/" + "9" * 30, "the id of a memory is a whole number"),
        ("athena://memories/1/2", "Known: athena://stats"),
        ("athena://other", "Known: athena://stats"),
    ],
)
async def test_what_is_not_there_is_not_found(era: str, uri: str, problem: str) -> None:
    async with connect(Opener(), era) as client:
        with pytest.raises(MCPError) as caught:
            await client.read_resource(uri)
    assert caught.value.error.code == -32602
    assert caught.value.error.data == {"uri": uri}
    assert problem in caught.value.error.message


@both_eras
async def test_a_failure_behind_a_resource_is_explained_like_a_tools(era: str) -> None:
    async with connect(Opener(Switches(manager_raises=DatabaseUnavailable("No database."))), era) as client:
        with pytest.raises(MCPError, match="No database"):
            await client.read_resource("athena://stats")
    async with connect(Opener(Switches(raises=RuntimeError("SELECT secret"))), era) as client:
        with pytest.raises(MCPError, match="logged on the server's stderr") as caught:
            await client.read_resource("athena://stats")
    assert "secret" not in caught.value.error.message


async def test_the_older_era_is_told_of_changes_unasked() -> None:
    opener = Opener()
    told = anyio.Event()

    async def on_message(message: object) -> None:
        if isinstance(message, ResourceUpdatedNotification):
            assert message.params.uri == "athena://stats"
            told.set()

    async with connect(opener, "legacy", message_handler=on_message) as client:
        await client.list_tools()
        opener.statistics.touch()
        with anyio.fail_after(5):
            await told.wait()


@pytest.mark.filterwarnings("ignore::mcp.MCPDeprecationWarning")  # the older era still has it
async def test_the_older_era_may_subscribe_to_the_statistics_alone() -> None:
    async with connect(Opener(), "legacy") as client:
        assert client.server_capabilities.resources is not None
        assert client.server_capabilities.resources.subscribe
        await client.subscribe_resource("athena://stats")
        with pytest.raises(MCPError, match="Only athena://stats"):
            await client.subscribe_resource("athena://memories/1")
        await client.unsubscribe_resource("athena://stats")


async def test_the_newer_era_is_told_of_changes_it_listens_to() -> None:
    opener = Opener()
    async with connect(opener, "2026-07-28", hold_off_s=0.0) as client:
        async with client.listen(resource_subscriptions=["athena://stats"]) as events:
            with anyio.fail_after(5):
                opener.statistics.touch()
                event = await anext(aiter(events))
        assert "athena://stats" in repr(event)


async def test_changes_in_the_hold_off_are_told_once() -> None:
    counter = Counter()
    published: list[float] = []
    enough = anyio.Event()

    async def publish() -> None:
        published.append(anyio.current_time())
        if len(published) == 3:
            enough.set()

    async def change() -> None:
        while True:
            counter.touch()
            await anyio.sleep(0.005)  # the pace of the changes that are told of

    async def announce() -> None:
        await announce_changes(counter, publish, hold_off_s=0.1)

    with anyio.fail_after(5):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(announce)
            tasks.start_soon(change)
            await enough.wait()
            tasks.cancel_scope.cancel()
    assert all(later - earlier >= 0.1 for earlier, later in pairwise(published))


@both_eras
async def test_a_failing_announcer_does_not_take_the_server_with_it(era: str, caplog: pytest.LogCaptureFixture) -> None:
    class Broken(Counter):
        async def wait_for_change(self, since: int) -> int:
            raise RuntimeError("private")

    async with connect(Opener(statistics=Broken()), era) as client:
        assert (await client.list_tools()).tools
    assert "statistics notifications stopped: builtins.RuntimeError" in caplog.text
    assert "private" not in caplog.text
