"""The workload itself: large enough, in order, and its paraphrases are paraphrases."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from athena_mcp.bench.quality.case import read_case
from athena_mcp.bench.quality.words import english_stemmer, terms_of
from athena_mcp.model import Layer
from tests.quality.as_case import main
from tests.quality.workload import KINDS, Question, Workload, read_workload

MIN_MEMORIES = 80
MIN_QUESTIONS = {
    Layer.EPISODIC: 40,
    Layer.SEMANTIC: 40,
    Layer.PROCEDURAL: 60,
    Layer.PROSPECTIVE: 60,
    Layer.GRAPH: 60,
}
MIN_UNANSWERABLE = 60
MAX_SHARED = 1
"""Stems that a good paraphrase has in common with what answers it."""
MIN_GOOD = 0.8
"""The share of the paraphrases that are good."""


@pytest.fixture(scope="module")
def workload() -> Workload:
    return read_workload()


@pytest.mark.parametrize("layer", Layer)
def test_a_layer_has_enough_memories_and_questions_half_of_them_paraphrases(workload: Workload, layer: Layer) -> None:
    kinds = Counter(question.kind for question in workload.questions if question.layer is layer)
    assert sum(item.layer is layer for item in workload.items) >= MIN_MEMORIES
    assert kinds.total() >= MIN_QUESTIONS[layer]
    assert set(kinds) == set(KINDS)
    assert 0.45 <= kinds["paraphrase"] / kinds.total() <= 0.55


def test_every_id_is_used_once_and_every_question_is_answered_by_known_ones(workload: Workload) -> None:
    layer_of = {item.id: item.layer for item in workload.items}
    assert len(layer_of) == len(workload.items)
    for question in workload.questions:
        assert question.relevant, question.text
        assert question.relevant <= set(layer_of), question.text
        assert any(layer_of[id] is question.layer for id in question.relevant), question.text


def test_no_text_is_there_twice(workload: Workload) -> None:
    texts = [item.content for item in workload.items]
    asked = [question.text for question in workload.questions] + list(workload.unanswerable)
    assert len(set(texts)) == len(texts)
    assert len(set(asked)) == len(asked)
    assert len(workload.unanswerable) >= MIN_UNANSWERABLE


@pytest.mark.parametrize("layer", Layer)
def test_paraphrases_share_few_words_with_their_answers(workload: Workload, layer: Layer) -> None:
    shared = {
        question.text: shared_stems(workload, question)
        for question in workload.questions
        if question.layer is layer and question.kind == "paraphrase"
    }
    poor = {text: stems for text, stems in shared.items() if len(stems) > MAX_SHARED}
    assert len(poor) <= (1 - MIN_GOOD) * len(shared), poor


def test_direct_questions_share_words_with_their_answers(workload: Workload) -> None:
    poor = [q.text for q in workload.questions if q.kind == "direct" and len(shared_stems(workload, q)) < 2]
    assert len(poor) <= 0.1 * len(workload.questions) / 2, poor


def shared_stems(workload: Workload, question: Question) -> set[str]:
    """The stems besides stop words that a question has in common with the answer that is closest to its words."""
    stem = english_stemmer()
    asked = set(terms_of(question.text, stem))
    answers = [item for item in workload.items if item.id in question.relevant]
    return max((asked & set(terms_of(item.whole, stem)) for item in answers), key=len)


@pytest.mark.parametrize("plain", [False, True])
def test_the_bench_reads_the_workload_as_a_case(workload: Workload, tmp_path: Path, plain: bool) -> None:
    path = tmp_path / "case.json"
    main([*(["--plain"] if plain else []), str(path)])
    case = read_case(path)
    assert [memory.id for memory in case.memories] == [item.id for item in workload.items]
    assert [query.relevant for query in case.queries] == [question.relevant for question in workload.questions]
    hotfix = next(memory.text for memory in case.memories if memory.id == "p04")
    assert ("cherry-pick -x" in hotfix) is plain
