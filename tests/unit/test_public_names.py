from __future__ import annotations

import subprocess
import sys

import pytest

import athena_mcp


def test_every_public_name_can_be_imported_and_no_other() -> None:
    assert athena_mcp.__all__ == sorted(athena_mcp.__all__)
    for name in athena_mcp.__all__:
        found = getattr(athena_mcp, name)
        assert found.__name__ == name
        assert found.__doc__
    with pytest.raises(AttributeError, match="no attribute 'Nothing'"):
        _ = athena_mcp.Nothing
    with pytest.raises(ImportError):
        exec("from athena_mcp import Nothing")
    namespace: dict[str, object] = {}
    exec("from athena_mcp import *", namespace)
    assert set(athena_mcp.__all__) <= set(namespace)


def test_importing_the_package_imports_nothing_heavy() -> None:
    code = (
        "import sys, athena_mcp; heavy = {'psycopg', 'numpy', 'wordllama', 'mcp', 'anyio', 'pydantic'};"
        " print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.strip() == "[]"
