from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone

from athena_mcp.jsonable import isoformat
from athena_mcp.model import (
    DueTask,
    EpisodicDetails,
    EpisodicKind,
    GraphDetails,
    Hit,
    Layer,
    LayerOutcome,
    Memory,
    Outcome,
    Priority,
    ProceduralDetails,
    ProspectiveDetails,
    RecallResult,
    Relation,
    SemanticDetails,
    SemanticKind,
    TaskStatus,
    Trigger,
    TriggerKind,
    details_row,
)
from athena_mcp.receipt import Forgotten, Receipt

AT = datetime(2026, 1, 31, 9, 30, tzinfo=UTC)
BARE = Memory(id=17, project="owner/project", layer=Layer.SEMANTIC, content="Port 5433.", created_at=AT)


def test_a_memory_without_anything_optional_has_four_fields() -> None:
    assert Hit(BARE, 1.0).to_dict() == {
        "id": 17,
        "layer": "semantic",
        "content": "Port 5433.",
        "created_at": "2026-01-31T09:30:00Z",
    }


def test_a_whole_memory_has_the_fields_of_the_contract_in_their_order() -> None:
    memory = Memory(
        id=18,
        project="owner/project",
        layer=Layer.EPISODIC,
        content="The build failed.",
        created_at=AT,
        occurred_at=datetime(2026, 1, 30, 23, 59, 59, 123456, tzinfo=UTC),
        session_id="s-1",
        tags=("ci",),
        details=EpisodicDetails(EpisodicKind.ERROR, Outcome.FAILURE, ("src/app.py",)),
        relations=(Relation("CI", "runs on", "Linux"),),
    )
    row = Hit(memory, 2.0, confidence=0.87654, text="The build…").to_dict()
    assert list(row) == [
        "id", "layer", "content", "occurred_at", "created_at", "session_id", "tags", "details", "truncated",
        "confidence",
    ]  # fmt: skip
    assert row["occurred_at"] == "2026-01-30T23:59:59.123Z"
    assert row["content"] == "The build…"
    assert row["truncated"] is True
    assert row["confidence"] == 0.877
    assert row["details"] == {
        "kind": "error",
        "outcome": "failure",
        "files": ["src/app.py"],
        "relations": [{"subject": "CI", "relation": "runs on", "object": "Linux"}],
    }
    assert "confidence" not in Hit(memory, 2.0, confidence=0.9).to_dict(include_scores=False)


def test_details_leave_out_what_says_nothing_but_never_a_tasks_status() -> None:
    assert details_row(EpisodicDetails()) == {}
    assert details_row(SemanticDetails()) == {}
    assert details_row(ProceduralDetails()) == {}
    assert details_row(GraphDetails()) == {}
    assert details_row(None) == {}
    assert details_row(ProspectiveDetails()) == {"status": "pending", "priority": "medium"}
    assert details_row(SemanticDetails(SemanticKind.DECISION, 0.9, "ADR 4")) == {
        "kind": "decision",
        "confidence": 0.9,
        "source": "ADR 4",
    }
    assert details_row(ProceduralDetails(("build", "push"), "releasing", 3, 1)) == {
        "steps": ["build", "push"],
        "applies_when": "releasing",
        "successes": 3,
        "failures": 1,
    }
    trigger = Trigger(TriggerKind.FILE, "src/*.py")
    assert details_row(ProspectiveDetails(TaskStatus.BLOCKED, Priority.HIGH, AT, (trigger,))) == {
        "status": "blocked",
        "priority": "high",
        "due_at": "2026-01-31T09:30:00Z",
        "triggers": [{"on": "file", "value": "src/*.py"}],
    }


def test_a_confidence_of_nought_is_not_left_out() -> None:
    assert details_row(SemanticDetails(confidence=0.0)) == {"confidence": 0.0}


def outcomes() -> dict[Layer, LayerOutcome]:
    return {
        Layer.GRAPH: LayerOutcome("skipped", reason="not asked"),
        Layer.EPISODIC: LayerOutcome("ok", 2, 1.23456),
        Layer.SEMANTIC: LayerOutcome("empty", 0, 0.5),
        Layer.PROCEDURAL: LayerOutcome("timeout", 0, 10_000.0, "no answer within 10 s"),
        Layer.PROSPECTIVE: LayerOutcome("error", 0, 1.0, "StorageError"),
    }


def test_a_recall_without_anything_optional_has_the_fields_of_the_contract() -> None:
    answer = RecallResult(
        memories=(), due=(), layers=outcomes(), project="owner/project", scope_with=("global",), cascade_depth=1,
        elapsed_ms=12.3456,
    ).to_dict()  # fmt: skip
    assert answer == {
        "memories": [],
        "due": [],
        "layers": {
            "episodic": {"status": "ok", "hits": 2, "elapsed_ms": 1.23},
            "semantic": {"status": "empty", "hits": 0, "elapsed_ms": 0.5},
            "procedural": {"status": "timeout", "hits": 0, "elapsed_ms": 10_000.0, "reason": "no answer within 10 s"},
            "prospective": {"status": "error", "hits": 0, "elapsed_ms": 1.0, "reason": "StorageError"},
            "graph": {"status": "skipped", "hits": 0, "elapsed_ms": 0.0, "reason": "not asked"},
        },
        "degraded": [],
        "cascade_depth": 1,
        "cache_hit": False,
        "elapsed_ms": 12.35,
        "scope": {"project": "owner/project", "with": ["global"]},
    }
    assert list(answer["layers"]) == [layer.value for layer in Layer]


def test_a_recall_with_everything_has_it_and_can_leave_out_both_confidences() -> None:
    task = Memory(
        id=4, project="p", layer=Layer.PROSPECTIVE, content="Rotate it.", created_at=AT, details=ProspectiveDetails()
    )

    def answered(include_scores: bool) -> RecallResult:
        return RecallResult(
            memories=(Hit(BARE, 1.0, 0.75),), due=(DueTask(task, "phrase: rotate"),), layers=outcomes(), project="p",
            scope_with=(), cascade_depth=3, elapsed_ms=1.0, degraded=("vector: embedder warming",), cache_hit=True,
            confidence=0.7, nothing_relevant=True, include_scores=include_scores, brief="In short.",
            explanation={"terms": {}},
        )  # fmt: skip

    full = answered(True).to_dict()
    assert full["confidence"] == 0.7
    assert full["memories"][0]["confidence"] == 0.75
    assert full["due"][0] == {
        "id": 4,
        "layer": "prospective",
        "content": "Rotate it.",
        "created_at": "2026-01-31T09:30:00Z",
        "details": {"status": "pending", "priority": "medium"},
        "because": "phrase: rotate",
    }
    assert (full["nothing_relevant"], full["brief"], full["explanation"]) == (True, "In short.", {"terms": {}})
    assert full["degraded"] == ["vector: embedder warming"]
    plain = answered(False).to_dict()
    assert set(full) - set(plain) == {"confidence"}
    assert "confidence" not in plain["memories"][0]
    json.dumps(full, allow_nan=False)


def test_a_receipt_says_only_what_happened() -> None:
    assert Receipt(17, Layer.SEMANTIC, "stored", "p").to_dict() == {
        "id": 17,
        "layer": "semantic",
        "status": "stored",
        "project": "p",
        "indexed": {"lexical": True, "vector": True},
    }
    full = Receipt(
        18, Layer.EPISODIC, "duplicate", "p", vector=False, layer_reason="an event", supersedes=(3, 4),
        updated={"id": 9, "status": "completed"}, near_duplicates=(5,), redactions={"aws-key": 1}, content_differs=True,
    ).to_dict()  # fmt: skip
    assert list(full) == [
        "id", "layer", "status", "project", "layer_reason", "supersedes", "updated", "near_duplicates", "redactions",
        "content_differs", "indexed",
    ]  # fmt: skip
    assert full["supersedes"] == [3, 4]
    assert full["indexed"] == {"lexical": True, "vector": False}


def test_forgetting_says_what_is_gone() -> None:
    assert Forgotten((17,), 2).to_dict() == {"forgotten": [17], "relations_removed": 2}


def test_times_are_utc_with_a_z() -> None:
    assert isoformat(datetime(2026, 1, 31, 11, tzinfo=timezone(timedelta(hours=2)))) == "2026-01-31T09:00:00Z"
    assert isoformat(datetime(1, 1, 1, tzinfo=UTC)) == "0001-01-01T00:00:00Z"
    assert BARE.at == AT
