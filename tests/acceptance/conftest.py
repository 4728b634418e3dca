from __future__ import annotations

import os
import shutil
import stat
import sys
from pathlib import Path

import pytest

from tests.acceptance.command import ROOT


@pytest.fixture(scope="session")
def path(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A PATH on which `athena-mcp` is found, installed or not."""
    scripts = Path(sys.executable).parent
    if shutil.which("athena-mcp", path=str(scripts)) is None:
        if sys.platform == "win32":
            pytest.skip("athena-mcp is not installed")
        scripts = tmp_path_factory.mktemp("bin")
        script = scripts / "athena-mcp"
        script.write_text(f'#!/bin/sh\nPYTHONPATH="{ROOT}" exec "{sys.executable}" -m athena_mcp "$@"\n')
        script.chmod(script.stat().st_mode | stat.S_IXUSR)
    return os.pathsep.join([str(scripts), os.environ["PATH"]])
