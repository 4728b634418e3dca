"""The confidences of hits beside that of the answer that holds them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from athena_mcp.recall.confidence import BEHIND, of_hits

PROBABILITY = st.floats(0.001, 0.999)


@given(st.lists(PROBABILITY, min_size=1, max_size=20), PROBABILITY)
def test_hits_do_not_deny_the_answer(sure: list[float], answer: float) -> None:
    agreed = of_hits(sure, answer)
    assert all(probability <= answer for probability in agreed)
    assert agreed == sorted(agreed, reverse=True)
    assert sum(agreed[:BEHIND]) >= answer * (1 - 1e-9) or agreed[0] == answer


def test_a_single_hit_is_as_likely_as_the_answer_and_enough_hits_stay_as_they_are() -> None:
    assert of_hits([0.2], 0.9) == [0.9]
    assert of_hits([0.5, 0.3, 0.2], 0.6) == [0.5, 0.3, 0.2]
    assert of_hits([0.05, 0.05], 0.4) == pytest.approx([0.2, 0.2])
    assert of_hits([0.3, 0.5], 0.4) == [0.3, 0.3]
    assert of_hits([0.1, 0.9], 0.8) == pytest.approx([0.4, 0.4])
    assert of_hits([], 0.4) == []
    assert of_hits([0.0], 0.4) == [0.0]
