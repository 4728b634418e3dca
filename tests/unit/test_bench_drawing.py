"""What `--plot` refuses before any work is done."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from athena_mcp.bench.drawing import check_plot
from athena_mcp.bench.failure import BenchFailed


def test_another_kind_of_file_is_refused_by_name() -> None:
    with pytest.raises(BenchFailed, match=r"--plot: figures\.pdf must end in \.svg or \.png"):
        check_plot(Path("figures.pdf"))


def test_without_the_library_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    # What the import system finds there says that there is no such module.
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(BenchFailed, match=r"pip install 'athena-mcp\[bench\]'"):
        check_plot(Path("figures.svg"))
