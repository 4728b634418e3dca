"""All tools, called with generated arguments over the protocol, against a model of what the store must hold then."""

from __future__ import annotations

import itertools
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from anyio.from_thread import BlockingPortal, start_blocking_portal
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test
from mcp import Client, MCPError
from mcp.types import TextContent

from athena_mcp.app import open_app
from athena_mcp.config import Settings
from athena_mcp.embed.embedder import EmbedderHandle
from athena_mcp.embed.static import DIMENSION, NAME, StaticEmbedder
from athena_mcp.server import build_server
from tests.db.invariants import check_store
from tests.db.stores import ask, new_database

EXAMPLES = int(os.environ.get("ATHENA_TEST_EXAMPLES", "8"))
"""How many lives of a store are drawn; CONTRIBUTING.md says when to draw more."""
STEPS = 50
TEXTS = ("Staging listens on port 8443.", "Renew the certificate of the gateway.")
"""Few, so that one is often told again."""
LAYERS = ("episodic", "semantic", "procedural", "prospective", "graph")
WHICH = st.sampled_from((0, 0, 0, 1))
"""Mostly the first project; the second is there to be out of scope."""
TIMES = ("2026-01-01T08:00:00Z", "2026-02-02T08:00:00Z")
OPEN, FINISHED = ("pending", "in_progress", "blocked"), ("completed", "cancelled")
BAD: tuple[tuple[str, dict[str, Any]], ...] = (
    ("remember", {}),
    ("remember", {"content": " "}),
    ("remember", {"content": "x", "layer": "dreams"}),
    ("remember", {"content": "x", "importance": 2}),
    ("remember", {"content": "x", "details": {"status": "done"}, "layer": "prospective"}),
    ("remember", {"content": "x", "replaces": 1, "about": 1}),
    ("remember", {"content": "x", "unheard": "of"}),
    ("remember", {"content": "\x00"}),
    ("recall", {"query": ""}),
    ("recall", {"query": "x", "layers": []}),
    ("recall", {"query": "x", "k": 51}),
    ("forget", {"id": "one"}),
    ("forget", {"id": -1}),
    ("stats", {"section": "weather"}),
)


class Conversation:
    """A client and its server, running on a loop of their own."""

    def __init__(self, portal: BlockingPortal, client: Client) -> None:
        self._portal = portal
        self._client = client

    def call(self, tool: str, **arguments: Any) -> dict[str, Any] | None:
        """The answer, or None when the tool refused."""
        result = self._portal.call(partial(self._client.call_tool, tool, arguments))
        assert isinstance(result.content[0], TextContent)
        if result.is_error:
            assert "failed for a reason of our own" not in result.content[0].text
            return None
        assert isinstance(result.structured_content, dict)
        return result.structured_content

    def read(self, memory_id: int) -> dict[str, Any] | None:
        """The resource of a memory, or None when there is none."""
        try:
            found = self._portal.call(self._client.read_resource, f"athena://memories/{memory_id}")
        except MCPError:
            return None
        return dict(json.loads(found.contents[0].text))  # type: ignore[union-attr]  # it is text


@dataclass
class Known:
    """A memory as the model has it."""

    id: int
    project: str
    layer: str
    text: str
    key: str | None = None
    occurred_at: str | None = None
    about: int | None = None
    status: str | None = None
    superseded: bool = False
    by: int | None = None


class Lives(RuleBasedStateMachine):
    """Two projects of one store, from the first memory on; `conversation` and `url` are set by the test."""

    conversation: Conversation
    url: str
    home: str
    numbers = itertools.count()

    def __init__(self) -> None:
        super().__init__()
        number = next(self.numbers)
        # The first project is the server's own, which the resources are read from; each life needs one without a past.
        self.projects = (f"life/{number}", f"other/{number}")
        self.known: dict[int, Known] = {}

    def _twin(self, new: Known) -> Known | None:
        mine = [one for one in self.known.values() if one.project == new.project]
        for one in mine:
            if new.key is not None and one.key == new.key:
                return one
        for one in mine:
            same_event = one.layer != "episodic" or (one.about, one.occurred_at) == (new.about, new.occurred_at)
            if not one.superseded and (one.layer, one.text) == (new.layer, new.text) and same_event:
                return one
        return None

    def _in_scope(self, memory_id: int, project: str) -> Known | None:
        found = self.known.get(memory_id)
        return found if found is not None and found.project == project else None

    def _keep(self, new: Known, receipt: dict[str, Any]) -> None:
        new.id = receipt["id"]
        assert new.id not in self.known
        self.known[new.id] = new

    def _target(self, data: st.DataObject) -> int:
        return data.draw(st.sampled_from([*self.known, 10**12]), label="id")

    @rule(
        text=st.sampled_from(TEXTS),
        layer=st.sampled_from(LAYERS),
        at=st.sampled_from(TIMES),
        status=st.sampled_from((*OPEN, *FINISHED)),
        key=st.none() | st.sampled_from(("k1", "k2")),
        which=WHICH,
    )
    def remember(self, text: str, layer: str, at: str, status: str, key: str | None, which: int) -> None:
        self._remember(text, layer, at, status, key, which)

    @rule(status=st.sampled_from(("pending", "completed")))
    def remember_the_same_task(self, status: str) -> None:
        self._remember(TEXTS[1], "prospective", TIMES[0], status, None, 0)

    def _remember(self, text: str, layer: str, at: str, status: str, key: str | None, which: int) -> None:
        new = Known(0, self.projects[which], layer, text, key, at if layer == "episodic" else None)
        new.status = status if layer == "prospective" else None
        twin = self._twin(new)
        recurs = twin is not None and layer == "prospective" and status in OPEN and twin.status in FINISHED
        recurs = recurs and twin is not None and not twin.superseded and (key is None or twin.key != key)
        receipt = self.conversation.call(
            "remember",
            content=f" {text.replace(' ', '  ', 1)} ",
            layer=layer,
            project=new.project,
            key=key,
            occurred_at=new.occurred_at,
            details={"status": status} if new.status else None,
        )
        assert receipt is not None
        if twin is not None and not recurs:
            assert (receipt["status"], receipt["id"]) == ("duplicate", twin.id)
            if key is not None and twin.key is None:
                assert receipt["updated"] == {"id": twin.id, "key": key}
                twin.key = key
            return
        assert receipt["status"] == "stored"
        self._keep(new, receipt)
        if twin is not None:
            assert receipt["supersedes"] == [twin.id]
            twin.superseded, twin.by = True, new.id

    @rule(text=st.sampled_from(TEXTS), which=WHICH, data=st.data())
    def replace(self, text: str, which: int, data: st.DataObject) -> None:
        project = self.projects[which]
        target = self._in_scope(wanted := self._target(data), project)
        new = Known(0, project, "semantic", text)
        twin = self._twin(new)
        receipt = self.conversation.call("remember", content=text, layer="semantic", project=project, replaces=wanted)
        if target is None or (twin is None and target.superseded):
            assert receipt is None
            return
        assert receipt is not None
        takes = not target.superseded and target is not twin
        assert receipt.get("supersedes", []) == ([target.id] if takes else [])
        assert receipt["status"] == ("stored" if twin is None else "duplicate")
        if twin is None:
            self._keep(new, receipt)
        if takes:
            target.superseded, target.by = True, receipt["id"]

    @rule(
        text=st.sampled_from(TEXTS),
        at=st.sampled_from(TIMES),
        status=st.sampled_from((*OPEN, *FINISHED)),
        which=WHICH,
        data=st.data(),
    )
    def report(self, text: str, at: str, status: str, which: int, data: st.DataObject) -> None:
        project = self.projects[which]
        target = self._in_scope(wanted := self._target(data), project)
        new = Known(0, project, "episodic", text, occurred_at=at, about=wanted)
        twin = self._twin(new)
        receipt = self.conversation.call(
            "remember", content=text, about=wanted, details={"status": status}, occurred_at=at, project=project
        )
        replaced = target is not None and target.by is not None and target.layer in ("prospective", "procedural")
        if target is None or replaced or (twin is None and target.layer != "prospective"):
            assert receipt is None
            return
        assert receipt is not None
        if twin is not None:
            assert (receipt["status"], receipt["id"]) == ("duplicate", twin.id)
            return
        assert receipt["updated"] == {"id": target.id, "status": status}
        self._keep(new, receipt)
        target.status = status

    @rule(which=WHICH, data=st.data())
    def forget(self, which: int, data: st.DataObject) -> None:
        target = self._in_scope(wanted := self._target(data), self.projects[which])
        answer = self.conversation.call("forget", id=wanted, project=self.projects[which])
        if target is None:
            assert answer is None
            return
        assert answer is not None
        assert answer["forgotten"] == [target.id]
        del self.known[target.id]
        for one in self.known.values():
            one.by = None if one.by == target.id else one.by
            one.about = None if one.about == target.id else one.about

    @rule(
        text=st.sampled_from(TEXTS),
        layer=st.sampled_from(LAYERS),
        depth=st.none() | st.integers(1, 3),
        use_cache=st.booleans(),
        which=WHICH,
    )
    def recall(self, text: str, layer: str, depth: int | None, use_cache: bool, which: int) -> None:
        project = self.projects[which]
        answer = self.conversation.call(
            "recall", query=text, layers=[layer], k=50, cascade_depth=depth, use_cache=use_cache, project=project
        )
        assert answer is not None
        assert answer["scope"] == {"project": project, "with": ["global"]}
        live = {
            one.id: one
            for one in self.known.values()
            if one.project == project and one.layer == layer and not one.superseded
        }
        found = [row["id"] for row in answer["memories"]]
        assert len(found) == len(set(found))
        assert set(found) <= set(live)
        assert {one.id for one in live.values() if one.text == text} <= set(found)

    @rule(bad=st.sampled_from(BAD))
    def refuse(self, bad: tuple[str, dict[str, Any]]) -> None:
        tool, arguments = bad
        assert self.conversation.call(tool, **arguments) is None

    @rule(data=st.data())
    def read(self, data: st.DataObject) -> None:
        # The server's own project is none of ours: whatever is asked for is out of scope.
        assert self.conversation.read(self._target(data)) is None

    @rule()
    def count(self) -> None:
        answer = self.conversation.call("stats", section="store")
        assert answer is not None
        rows = ask(self.url, "SELECT count(*) FROM athena.memories WHERE superseded_at IS NULL")
        assert answer["store"]["memories"] == rows[0][0]

    @invariant()
    def the_store_holds_what_the_model_holds(self) -> None:
        rows = ask(
            self.url,
            "SELECT m.id, p.name, m.layer::text, m.content, m.key, m.about_id, d.status::text,"
            " m.superseded_at IS NOT NULL, m.superseded_by FROM athena.memories m"
            " JOIN athena.projects p ON p.id = m.project_id LEFT JOIN athena.prospective_details d"
            " ON d.project_id = m.project_id AND d.memory_id = m.id WHERE p.name = ANY (%s) ORDER BY m.id",
            list(self.projects),
        )
        held = [(*row[:3], " ".join(row[3].split()), *row[4:]) for row in rows]
        assert held == [
            (one.id, one.project, one.layer, one.text, one.key, one.about, one.status, one.superseded, one.by)
            for one in sorted(self.known.values(), key=lambda one: one.id)
        ]


@pytest.fixture
def url(admin_url: str, template: str) -> Iterator[str]:
    with new_database(admin_url, template) as address:
        yield address


@pytest.mark.timeout(110 + 4 * EXAMPLES)
def test_the_tools_do_to_the_store_what_they_say(url: str, static_embedder: StaticEmbedder, tmp_path: Path) -> None:
    handle = EmbedderHandle(lambda: static_embedder, name=NAME, dimension=DIMENSION)
    given = Settings(data_dir=tmp_path, project="nobody/uses", database_url=url)
    with start_blocking_portal() as portal:
        server = build_server(given, open_app=partial(open_app, embedder=lambda: handle))
        with portal.wrap_async_context_manager(Client(server, mode="legacy")) as client:
            bound: type[Lives] = type(
                "Bound", (Lives,), {"conversation": Conversation(portal, client), "url": url, "home": given.project}
            )
            run_state_machine_as_test(
                bound,
                settings=settings(
                    max_examples=EXAMPLES,
                    stateful_step_count=STEPS,
                    deadline=None,
                    derandomize="ATHENA_TEST_EXAMPLES" not in os.environ,
                    database=None,
                    suppress_health_check=list(HealthCheck),
                ),
            )
    check_store(url)
