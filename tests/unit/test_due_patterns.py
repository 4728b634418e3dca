from __future__ import annotations

import pytest

from athena_mcp.layers.due import file_matches


@pytest.mark.parametrize(
    ("file", "pattern"),
    [
        ("src/app.py", "src/app.py"),
        ("src/app.py", "app.py"),
        ("src/app.py", "*.py"),
        ("src/app.py", "src/*.py"),
        ("src/app.py", "src"),
        ("src/app.py", "src/"),
        ("src/deep/app.py", "src"),
        ("lib/src/app.py", "src/"),
        ("src/app.py", "src/**/*.py"),
        ("src/a/b/app.py", "src/**/*.py"),
        ("app.py", "**/*.py"),
        ("a/b/app.py", "**/app.py"),
        ("src/a/b.py", "src/**"),
        ("./src/app.py", "src/app.py"),
        ("src/app.py", "./src/app.py"),
        ("/home/me/repo/src/app.py", "src/app.py"),
        ("/home/me/repo/src/app.py", "/home/me/repo/src/app.py"),
        ("/home/me/repo/src/app.py", "/home/me/repo"),
        ("src\\app.py", "src/*.py"),
        ("src/app.py", "src\\app.py"),
        (".env", ".env"),
        ("config/.env", ".env"),
        (".github/workflows/ci.yml", ".github/workflows/*.yml"),
        (".github/workflows/ci.yml", ".github"),
        ("../shared/notes.md", "shared/notes.md"),
        ("app/[id]/page.tsx", "app/[id]/page.tsx"),
        ("app/[id]/page.tsx", "[id]/page.tsx"),
        ("Makefile", "Makefile"),
    ],
)
def test_a_file_is_meant_by_its_path_its_end_its_folder_or_a_glob(file: str, pattern: str) -> None:
    assert file_matches(file, pattern)


@pytest.mark.parametrize(
    ("file", "pattern"),
    [
        ("src/app.py", "pp.py"),
        ("src/app.py", "src/app"),
        ("src/app.py", "*.js"),
        ("src2/app.py", "src"),
        ("src/app.py", "tests/*.py"),
        ("src/app.pyc", "*.py"),
        ("env", ".env"),
        ("github/workflows/ci.yml", ".github"),
        ("src/app.py", "other/**/*.py"),
        ("src/app.py", "/"),
        ("src/app.py", "."),
    ],
)
def test_another_file_is_not_meant(file: str, pattern: str) -> None:
    assert not file_matches(file, pattern)
