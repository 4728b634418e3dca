from __future__ import annotations

import pytest

from athena_mcp.layers.conditions import Paths, Words


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
    assert Paths.of((file,)).first_of(pattern) == file


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
    assert Paths.of((file,)).first_of(pattern) is None


@pytest.mark.parametrize(
    ("words", "phrase"),
    [
        ("raise the rate limit", "rate limit"),
        ("RATE LIMIT", "rate limit"),
        ("all rate limits", "rate limit"),
        ("(rate limit)", "rate limit"),
        ("wir reden über Größe.", "Über größe"),
        ("我们的数据库连接满了", "数据库"),
        ("call foo()", "foo()"),
        ("is C++ fine?", "C++"),
        ("see #42", "#42"),
        ("100% sure", "100%"),
        ("istanbul office", "İstanbul"),
        ("İSTANBUL OFFICE", "istanbul"),
        ("the İzmir server", "İZMİR"),
        ("η οδος είναι κλειστή", "ΟΔΟΣ"),
        ("ΟΔΌΣ", "οδός"),
        ("die STRASSE ist zu", "Straße"),
        ("die Straße ist zu", "STRASSE"),
        ("cafe\u0301 closed", "CAFÉ"),
        ("the con\ufb01g \ufb01le", "config file"),
        ("\uff32\uff21\uff34\uff25 limit", "rate limit"),
    ],
)
def test_a_phrase_is_heard_as_whole_words(words: str, phrase: str) -> None:
    assert Words.of(words).say(phrase)


@pytest.mark.parametrize(
    ("words", "phrase"),
    [
        ("how does it start", "art"),
        ("an article", "art"),
        ("generate limits", "rate limit"),
        ("see #421", "#42"),
        ("über", "be"),
        ("die Straßen", "Stra"),
        ("Größenordnung", "GRÖSSE"),
    ],
)
def test_a_phrase_inside_of_words_is_not_heard(words: str, phrase: str) -> None:
    assert not Words.of(words).say(phrase)
