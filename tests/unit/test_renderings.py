"""The answers of `recall` on the wire: a kept one is rendered once, and says what a rendering of its own would."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from mcp.types import CallToolResult, TextContent

from athena_mcp.model import Hit, Layer, LayerOutcome, Memory, RecallResult
from athena_mcp.server.answers import Renderings

AT = datetime(2026, 1, 31, 9, 30, tzinfo=UTC)


def answer(text: str = "Staging listens on port 5433.", **values: Any) -> RecallResult:
    """A kept answer of one memory."""
    memory = Memory(id=1, project="owner/project", layer=Layer.SEMANTIC, content=text, created_at=AT)
    given = {"cache_hit": True, "computation": 1, "elapsed_ms": 0.4567, **values}
    return RecallResult(
        memories=(Hit(memory, 1.0, 0.75),), due=(), layers={layer: LayerOutcome("ok", 1, 2.5) for layer in Layer},
        project="owner/project", scope_with=("global",), cascade_depth=1, confidence=0.75, **given,
    )  # fmt: skip


def told(result: CallToolResult) -> Any:
    """What the answer says, in both of its halves."""
    content = result.content[0]
    assert isinstance(content, TextContent)
    assert json.loads(content.text) == result.structured_content
    return result.structured_content


@pytest.mark.parametrize("text", ["plain", 'a "quoted" one', "with \x1b[31mcolour\x1b[0m and \ud800 half a pair", "雪"])
def test_each_time_it_is_given_an_answer_says_the_same_but_for_its_time(text: str) -> None:
    renderings = Renderings()
    kept = answer(text)
    fresh = told(Renderings().answer(replace(kept, computation=None)))
    assert fresh["cache_hit"] is True
    for elapsed_ms in (0.4567, 1.25):
        assert told(renderings.answer(replace(kept, elapsed_ms=elapsed_ms))) == {
            **fresh,
            "elapsed_ms": round(elapsed_ms, 2),
        }


def test_an_answer_is_written_once_while_it_is_among_the_last(monkeypatch: pytest.MonkeyPatch) -> None:
    written: list[int | None] = []
    write = RecallResult.lasting_dict

    def noted(self: RecallResult) -> dict[str, Any]:
        written.append(self.computation)
        return write(self)

    monkeypatch.setattr(RecallResult, "lasting_dict", noted)
    renderings = Renderings(capacity=2)
    for computation in (1, 2, 1, 3, 1, 2):
        renderings.answer(answer(computation=computation))
    assert written == [1, 2, 3, 2]
    assert len(renderings) == 2


def test_with_and_without_confidence_are_told_apart() -> None:
    renderings = Renderings()
    for include_scores in (True, False, True):
        row = told(renderings.answer(answer(include_scores=include_scores)))
        assert ("confidence" in row) == ("confidence" in row["memories"][0]) == include_scores


def test_answers_of_other_computations_are_told_apart_however_many_there_were() -> None:
    renderings = Renderings(capacity=2)
    for computation in (1, 2, 3, 1, 3, 2):
        row = told(renderings.answer(answer(f"memory {computation}", computation=computation)))
        assert row["memories"][0]["content"] == f"memory {computation}"
