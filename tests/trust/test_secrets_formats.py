"""Redaction on the formats that real keys have, and on what only looks like one."""

from __future__ import annotations

import pytest

from athena_mcp.remember.redact import Redactor
from tests.trust.secret_examples import BARE, LOOKALIKES, PLACED


@pytest.fixture(scope="module")
def redactor() -> Redactor:
    return Redactor()


@pytest.mark.parametrize("name", BARE)
def test_a_key_is_taken_out_whole_wherever_it_stands(redactor: Redactor, name: str) -> None:
    for frame in ("{}", "the new one is {}, rotated today", "X={}\n", '{{"value": "{}"}}', "`{}`", "({})"):
        found = redactor.redact(frame.format(BARE[name]))
        assert sum(found.counts.values()) == 1, frame
        before, after = frame.format("|").split("|")
        assert found.text.startswith(before + "[redacted:")
        assert found.text.endswith("]" + after)


@pytest.mark.parametrize("name", PLACED)
def test_a_secret_is_known_by_what_stands_around_it(redactor: Redactor, name: str) -> None:
    frame, secret = PLACED[name]
    found = redactor.redact(frame.format(secret))
    assert found.counts
    assert secret not in found.text
    # What is left of it is too short to be of use.
    pieces = [secret[start : start + 6] for start in range(len(secret) - 5)]
    assert not [piece for piece in pieces if piece in found.text.replace("[redacted:", "")]
    assert redactor.redact(found.text).text == found.text


@pytest.mark.parametrize("text", LOOKALIKES)
def test_what_only_looks_like_a_secret_stays(redactor: Redactor, text: str) -> None:
    found = redactor.redact(text)
    assert found.text == text
    assert found.counts == {}
