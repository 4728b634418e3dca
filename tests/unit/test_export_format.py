from __future__ import annotations

import gzip
import io
import json
import os
import stat
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from athena_mcp.errors import TransferError
from athena_mcp.model import (
    EpisodicDetails,
    EpisodicKind,
    Layer,
    Memory,
    Outcome,
    ProceduralDetails,
    Relation,
)
from athena_mcp.remember.record import MemoryRecord
from athena_mcp.transfer.export import open_target
from athena_mcp.transfer.jsonl import parse_line
from athena_mcp.transfer.rows import Header, exact_time, memory_to_row, to_line

STORED_AT = datetime(2026, 11, 23, 7, 0, 0, 123456, tzinfo=UTC)

WHOLE = Memory(
    id=7,
    project="owner/name",
    layer=Layer.EPISODIC,
    content="The build failed.",
    created_at=STORED_AT,
    occurred_at=STORED_AT - timedelta(days=1),
    session_id="s-1",
    tags=("ci", "build"),
    importance=0.75,
    details=EpisodicDetails(EpisodicKind.ERROR, Outcome.FAILURE, ("a.py",)),
    relations=(Relation("build", "uses", "a.py"),),
    key="k",
    about=3,
    superseded_by=9,
    superseded_at=STORED_AT + timedelta(hours=1),
)


def test_a_memory_is_written_with_its_keys_in_one_order() -> None:
    assert list(memory_to_row(WHOLE)) == [
        "id",
        "project",
        "layer",
        "content",
        "occurred_at",
        "created_at",
        "session_id",
        "tags",
        "importance",
        "details",
        "relations",
        "key",
        "about",
        "superseded_by",
        "superseded_at",
    ]


def test_empty_fields_are_left_out() -> None:
    row = memory_to_row(Memory(id=1, project="p", layer=Layer.SEMANTIC, content="x", created_at=STORED_AT))
    assert set(row) == {"id", "project", "layer", "content", "created_at", "importance"}


def test_what_is_written_reads_back_as_the_same_record() -> None:
    record = parse_line(to_line(memory_to_row(WHOLE)).encode(), 1, "other")
    assert record == MemoryRecord(
        content="The build failed.",
        project="owner/name",
        layer="episodic",
        tags=["ci", "build"],
        importance=0.75,
        occurred_at="2026-11-22T07:00:00.123456Z",
        created_at="2026-11-23T07:00:00.123456Z",
        session_id="s-1",
        details={"kind": "error", "outcome": "failure", "files": ["a.py"]},
        relations=[{"subject": "build", "relation": "uses", "object": "a.py"}],
        key="k",
        id=7,
        about=3,
        superseded_by=9,
        superseded_at="2026-11-23T08:00:00.123456Z",
        line=1,
    )


def test_a_procedures_counts_are_written() -> None:
    memory = Memory(
        id=1,
        project="p",
        layer=Layer.PROCEDURAL,
        content="x",
        created_at=STORED_AT,
        details=ProceduralDetails(steps=("a",), successes=3, failures=1),
    )
    assert memory_to_row(memory)["details"] == {"steps": ["a"], "successes": 3, "failures": 1}


@given(st.text(alphabet=st.characters(exclude_categories=["Cs"]), min_size=1).filter(str.strip))
def test_any_text_stays_on_one_line_and_comes_back(content: str) -> None:
    line = to_line(
        memory_to_row(Memory(id=1, project="p", layer=Layer.SEMANTIC, content=content, created_at=STORED_AT))
    )
    assert line.count("\n") == 1
    record = parse_line(line.encode(), 1, "p")
    assert isinstance(record, MemoryRecord)
    assert record.content == content


def test_times_keep_their_microseconds() -> None:
    assert datetime.fromisoformat(exact_time(STORED_AT)) == STORED_AT


def test_the_header_says_what_it_is() -> None:
    row = json.loads(to_line(Header("1.2.3", STORED_AT, ["a", "b"]).to_row()))
    assert row == {
        "athena_export": 1,
        "version": "1.2.3",
        "exported_at": "2026-11-23T07:00:00.123456Z",
        "projects": ["a", "b"],
    }


def test_a_file_appears_only_when_it_is_complete(tmp_path: Path) -> None:
    path = tmp_path / "out.jsonl"
    path.write_text("old\n")

    def break_off() -> None:
        with open_target(path) as stream:
            stream.write("half")
            stream.flush()
            assert path.read_text() == "old\n"
            raise RuntimeError

    with pytest.raises(RuntimeError):
        break_off()
    assert path.read_text() == "old\n"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.skipif(sys.platform == "win32", reason="modes are POSIX")
def test_a_file_is_for_its_owner_only(tmp_path: Path) -> None:
    with open_target(tmp_path / "out.jsonl") as stream:
        stream.write("x\n")
    assert stat.S_IMODE((tmp_path / "out.jsonl").stat().st_mode) == 0o600


def test_the_same_memories_give_the_same_compressed_bytes(tmp_path: Path) -> None:
    for name in ("a.jsonl.gz", "b.jsonl.gz"):
        with open_target(tmp_path / name) as stream:
            stream.write("x é\n")
    assert (tmp_path / "a.jsonl.gz").read_bytes() == (tmp_path / "b.jsonl.gz").read_bytes()
    assert gzip.decompress((tmp_path / "a.jsonl.gz").read_bytes()).decode() == "x é\n"


@pytest.mark.skipif(sys.platform == "win32", reason="links need rights there")
def test_a_link_stays_and_the_file_behind_it_is_replaced(tmp_path: Path) -> None:
    real = tmp_path / "real"
    real.write_text("old")
    link = tmp_path / "link"
    link.symlink_to(real)
    with open_target(link) as stream:
        stream.write("new")
    assert link.is_symlink()
    assert real.read_text() == "new"


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="named pipes are POSIX")
def test_a_device_is_written_and_not_replaced() -> None:
    with open_target(Path(os.devnull)) as stream:
        stream.write("x")
    assert stat.S_ISCHR(Path(os.devnull).stat().st_mode)


def test_a_folder_that_is_not_there_is_a_clear_error(tmp_path: Path) -> None:
    with pytest.raises(TransferError, match="Cannot write "), open_target(tmp_path / "no" / "out") as stream:
        stream.write("x")


def test_text_is_written_as_utf_8_whatever_the_locale(tmp_path: Path) -> None:
    with open_target(tmp_path / "out") as stream:
        stream.write("日本\n")
    assert (tmp_path / "out").read_bytes() == "日本\n".encode()
    assert isinstance(stream, io.TextIOBase)
