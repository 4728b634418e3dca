"""The synthetic memories of `athena-mcp bench`."""

from __future__ import annotations

import re
from collections import Counter

from athena_mcp.bench.synthetic import vocabulary
from athena_mcp.bench.synthetic.fill import spread
from athena_mcp.bench.synthetic.grammar import LAYERS, SESSION_MEMORIES, Grammar
from athena_mcp.model import Layer
from athena_mcp.remember.redact import Redactor
from athena_mcp.remember.request import check_request

MEMORIES = [Grammar().memory(number) for number in range(3_000)]


def words(text: str) -> set[str]:
    return set(re.findall(r"[a-z]+", text.lower()))


def test_the_same_seed_makes_the_same_memories_whatever_else_is_made() -> None:
    assert [Grammar(1).memory(number) for number in (7, 3)] == [MEMORIES[7], MEMORIES[3]]


def test_another_seed_makes_other_memories() -> None:
    assert all(Grammar(2).memory(number).content != MEMORIES[number].content for number in range(50))


def test_no_two_memories_are_the_same() -> None:
    assert len({(memory.layer, memory.content) for memory in MEMORIES}) == len(MEMORIES)


def test_one_word_is_in_about_three_tenths_of_all_memories() -> None:
    share = sum(vocabulary.COMMON_WORD in words(memory.content) for memory in MEMORIES) / len(MEMORIES)
    assert 0.25 < share < 0.35


def test_words_are_skewed_as_in_real_text_and_new_ones_keep_coming() -> None:
    seen: set[str] = set()
    sizes = []
    for memory in MEMORIES:
        seen |= set(re.findall(r"\w+", memory.content))
        sizes.append(len(seen))
    assert sizes[-1] > 1.5 * sizes[len(sizes) // 2]
    parts = Counter(word for memory in MEMORIES for word in words(memory.content) if word in vocabulary.COMPONENTS)
    (_, most), *_, (_, least) = parts.most_common()
    assert most > 10 * least


def test_the_five_layers_take_turns_and_twenty_memories_make_a_session() -> None:
    assert Counter(memory.layer for memory in MEMORIES) == dict.fromkeys(Layer, len(MEMORIES) // 5)
    sessions = Counter(memory.session_id for memory in MEMORIES)
    assert set(sessions.values()) == {SESSION_MEMORIES}
    times = [memory.occurred_at for memory in MEMORIES]
    assert times == sorted(times)


def test_a_question_shares_words_with_its_memory_but_does_not_repeat_it() -> None:
    for memory in MEMORIES[:200]:
        assert len(words(memory.question) & words(memory.content)) >= 3
        assert memory.question.rstrip("?") not in memory.content


def test_every_memory_is_accepted_by_remember_and_none_is_taken_for_a_secret() -> None:
    redactor = Redactor()
    for memory in MEMORIES[:500]:
        request = check_request(project="bench", **memory.to_arguments())
        assert request.layer == memory.layer
        assert redactor.redact(memory.content).counts == {}


def test_questions_are_spread_over_the_whole_store_and_all_layers() -> None:
    for stored in (10_000, 200, 12, 3):
        numbers = spread(stored, 50)
        assert len(numbers) == 50
        assert max(numbers) < stored
    numbers = spread(10_000, 200)
    assert len(set(numbers)) == 200
    assert Counter(LAYERS[number % 5] for number in numbers) == dict.fromkeys(Layer, 40)
    assert max(numbers) > 9_000
