from __future__ import annotations

import gzip
import io
import json
from pathlib import Path

import pytest

from athena_mcp.errors import TransferError
from athena_mcp.remember.record import MemoryRecord
from athena_mcp.transfer.jsonl import MAX_LINE_BYTES, BadLine, Source, open_source, parse_line

HEADER = b'{"athena_export":1,"version":"0","exported_at":"2026-01-01T00:00:00Z","projects":[]}\n'


def read(raw: bytes) -> list[MemoryRecord | BadLine]:
    return list(Source(io.BytesIO(raw)).records("mine"))


def test_a_line_with_only_content_goes_to_the_default_project() -> None:
    assert read(b'{"content": "x"}\n') == [MemoryRecord(content="x", project="mine", line=1)]


def test_a_line_with_a_project_keeps_it() -> None:
    assert read(b'{"content": "x", "project": "theirs"}') == [MemoryRecord(content="x", project="theirs", line=1)]


def test_header_blank_lines_and_byte_order_mark_are_no_memories() -> None:
    assert read(b"\xef\xbb\xbf" + HEADER + b"\n  \r\n" + b'{"content":"x"}\r\n') == [
        MemoryRecord(content="x", project="mine", line=4, exported=True)
    ]


def test_null_fields_are_absent_fields() -> None:
    assert read(b'{"content":"x","layer":null,"project":null}') == [MemoryRecord(content="x", project="mine", line=1)]


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ('{"layer":"semantic"}', "content: missing"),
        ('{"content":5}', "content: must be text"),
        ('{"content":"x","importance":"high"}', "importance: must be a number"),
        ('{"content":"x","importance":true}', "importance: must be a number"),
        ('{"content":"x","tags":"ci"}', "tags: must be a list of texts"),
        ('{"content":"x","tags":[1]}', "tags: must be a list of texts"),
        ('{"content":"x","id":0}', "id: must be a whole number above 0"),
        ('{"content":"x","id":1.5}', "id: must be a whole number"),
        ('{"content":"x","details":[]}', "details: must be an object"),
        ('{"content":"x","relations":[{"subject":1}]}', "relations: must be a list"),
        ('{"content":"x","layr":"semantic"}', "layr: no such field; did you mean layer?"),
        ('["x"]', "not an object"),
        ('{"content":', "not JSON"),
        ("[" * 100_000, "not JSON"),
        ('{"athena_export":1}', "second header"),
    ],
)
def test_a_bad_line_names_its_number_and_field(line: str, problem: str) -> None:
    items = read(b'{"content":"good"}\n' + line.encode() + b"\n" + b'{"content":"also good"}\n')
    assert isinstance(items[0], MemoryRecord)
    assert isinstance(items[1], BadLine)
    assert items[1].line == 2
    assert problem in items[1].problem
    assert items[2] == MemoryRecord(content="also good", project="mine", line=3)


def test_bytes_that_are_no_text_are_a_bad_line() -> None:
    assert read(b'{"content":"\xff"}') == [BadLine(1, "not UTF-8 text")]


def test_an_endless_line_is_refused_and_the_next_one_read() -> None:
    endless = b'{"content":"' + b"x" * (2 * MAX_LINE_BYTES) + b'"}\n'
    first, second = read(endless + b'{"content":"y"}\n')
    assert isinstance(first, BadLine)
    assert "longer than" in first.problem
    assert second == MemoryRecord(content="y", project="mine", line=2)


def test_an_export_of_a_later_format_is_refused_whole() -> None:
    with pytest.raises(TransferError, match="format 2"):
        read(HEADER.replace(b":1,", b":2,", 1))


def test_a_compressed_file_is_read_and_its_position_moves(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl.gz"
    path.write_bytes(gzip.compress(HEADER + b'{"content":"x"}\n'))
    with open_source(path) as source:
        assert [item.content for item in source.records("p") if isinstance(item, MemoryRecord)] == ["x"]
        assert source.position == path.stat().st_size


@pytest.mark.parametrize("damage", [slice(0, -6), slice(6, None)])
def test_a_damaged_compressed_file_is_a_clear_error(tmp_path: Path, damage: slice) -> None:
    path = tmp_path / "a.jsonl.gz"
    lines = b"".join(json.dumps({"content": f"number {i}"}).encode() + b"\n" for i in range(500))
    path.write_bytes(gzip.compress(lines)[damage])
    with open_source(path) as source, pytest.raises(TransferError, match=r"Cannot read .* to its end"):
        list(source.records("p"))


def test_a_file_that_is_not_there_is_a_clear_error(tmp_path: Path) -> None:
    with pytest.raises(TransferError, match="Cannot read"), open_source(tmp_path / "none"):
        pass


def test_a_hostile_field_name_is_shown_harmless() -> None:
    bad = parse_line(json.dumps({"\x1b[2J" + "x" * 500: 1}).encode(), 1, "p")
    assert isinstance(bad, BadLine)
    assert len(bad.problem) < 300


def test_what_stands_in_the_place_of_a_field_is_shown_short_and_without_control_characters() -> None:
    (bad,) = read(b'{"content": "x", "ghp_Zx9Qw3Rt7Yu1Pa5Sd8\\u001b[31m": "y"}')
    assert isinstance(bad, BadLine)
    assert "ghp_Zx9Qw3Rt7Yu1" in bad.problem
    assert "Pa5Sd8" not in bad.problem
    (escape,) = read(b'{"content": "x", "lay\\u001b[31mer": "y"}')
    assert isinstance(escape, BadLine)
    assert escape.problem.isprintable()
