from __future__ import annotations

import json
import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from athena_mcp.model import (
    Details,
    EpisodicDetails,
    EpisodicKind,
    Layer,
    Memory,
    Outcome,
    ProceduralDetails,
    ProspectiveDetails,
    Relation,
)
from athena_mcp.recall.brief import OUTCOMES, PRIORITIES, STATUSES
from athena_mcp.recall.quotation import plain
from athena_mcp.recall.tier3 import BRIEF_CHARS, Source, Synthesis, Topic, synthesise

THEN = datetime(2026, 1, 10, 9, tzinfo=UTC)
CITATION = re.compile(r"\[#\d+(?:, #\d+)*\]$")


def memory(id: int, text: str, day: float = 0, layer: Layer = Layer.SEMANTIC, details: Details | None = None) -> Memory:
    at = THEN + timedelta(days=day)
    return Memory(id=id, project="acme/shop", layer=layer, content=text, created_at=at, details=details)


def sources(*memories: Memory, step: float = 0.05) -> list[Source]:
    """Hits on the memories, best first."""
    return [Source(hit, max(0.0, 1 - place * step)) for place, hit in enumerate(memories)]


STAGING = (
    memory(17, "Staging Postgres listens on port 5433."),
    memory(
        40,
        'Billing deploy failed: the cron job could not reach staging Postgres. "refused", see [#99].\nLog follows.',
        20,
        Layer.EPISODIC,
        EpisodicDetails(EpisodicKind.ERROR, Outcome.FAILURE),
    ),
    memory(31, "The staging Postgres now listens on port 6543.", 112),
    memory(
        41,
        "Move the billing cron job to a systemd timer",
        30,
        Layer.PROSPECTIVE,
        ProspectiveDetails(due_at=datetime(2026, 6, 1, tzinfo=UTC)),
    ),
    memory(42, "Restart the pooler with pgbouncer -R", 5, Layer.PROCEDURAL, ProceduralDetails((), None, 3, 1)),
)


def test_an_answer_is_reconciled_grouped_and_summed_up() -> None:
    answer = synthesise(sources(*STAGING), query="which port does staging Postgres use?", k=5)
    assert answer.order == (31, 17, 40, 41, 42)
    assert answer.brief is not None
    assert answer.brief.splitlines() == [
        "2026-05-02: The staging Postgres now listens on port 6543. [#31]",
        "#31 (2026-05-02) replaces #17 (2026-01-10) [#31, #17]",
        "Billing, cron, job [#40, #41]",
        "2026-01-30 error, failed: Billing deploy failed: the cron job could not reach staging Postgres. [#40]",
        "2026-02-09 open task, due 2026-06-01: Move the billing cron job to a systemd timer [#41]",
        "2026-01-15 procedure, worked 3 of 4 times: Restart the pooler with pgbouncer -R [#42]",
    ]
    assert [topic.memory_ids for topic in answer.topics] == [(17, 31), (40, 41), (42,)]
    assert answer.notes == ("#31 (2026-05-02) replaces #17 (2026-01-10): the same statement with another value",)


def test_ports_of_different_services_both_stand() -> None:
    answer = synthesise(
        sources(
            memory(1, "The auth service listens on port 8080", 0),
            memory(2, "The billing service listens on port 9090", 60),
        ),
        query="which port?",
        k=5,
    )
    assert answer.order == (1, 2)
    assert answer.notes == ()
    assert "replaces" not in (answer.brief or "")


def test_recorded_history_is_mentioned_without_being_in_the_answer() -> None:
    newer = replace(
        sources(memory(31, "We deploy with make ship", 112))[0], replaced=(memory(17, "We deploy by hand"),)
    )
    answer = synthesise([newer], query="how do we deploy?", k=5)
    assert answer.order == (31,)
    assert "#31 (2026-05-02) replaces #17 (2026-01-10) [#31, #17]" in (answer.brief or "").splitlines()
    assert answer.notes == ("#31 (2026-05-02) replaces #17 (2026-01-10): recorded when it was stored",)


def test_a_newer_version_from_below_the_cut_is_brought_before_the_older() -> None:
    others = [memory(id, text) for id, text in enumerate(("pooler restarts", "cron timers", "disk alarms"), start=50)]
    answer = synthesise(
        sources(memory(1, "The upload limit is 3"), *others, memory(2, "The upload limit is 5", 30)), query="limit", k=3
    )
    assert answer.order[:3] == (2, 1, 50)


def test_copies_do_not_crowd_out_another_subject() -> None:
    copies = [memory(id, "deploy failed: disk full on build-7", id, Layer.EPISODIC) for id in (1, 2, 3, 4)]
    answer = synthesise(
        sources(*copies, memory(9, "docker cache cleanup frees the disk"), step=0.01), query="disk full", k=3
    )
    assert answer.order[0] == 1
    assert 9 in answer.order[:3]


def test_terms_are_used_when_every_source_has_them() -> None:
    hits = sources(memory(1, "alpha one"), memory(2, "beta two"), memory(3, "gamma three"), step=0.01)
    same = [replace(hit, terms={"x": 1.0} if hit.memory.id < 3 else {"y": 1.0}) for hit in hits]
    assert synthesise(same, query="", k=3).order == (1, 3, 2)
    assert synthesise([*same[:2], hits[2]], query="", k=3).order == (1, 2, 3)


def test_topics_and_brief_are_about_the_first_k_only() -> None:
    answer = synthesise(sources(*STAGING[1:]), query="staging", k=2)
    assert {id for topic in answer.topics for id in topic.memory_ids} == set(answer.order[:2])
    assert "#42" not in (answer.brief or "")


def test_nothing_found_makes_nothing() -> None:
    assert synthesise([], query="anything", k=5) == Synthesis((), None, (), ())


def test_the_most_there_can_be_is_summed_up_in_a_moment_and_in_its_budget() -> None:
    long = [memory(id, f"note {id} about the deploy. " * 800, id, Layer.EPISODIC) for id in range(1, 51)]
    answer = synthesise(sources(*(replace(each, content=each.content[:16_384]) for each in long)), query="deploy", k=50)
    assert answer.brief is not None
    assert len(json.dumps(answer.brief, ensure_ascii=False)) <= BRIEF_CHARS
    assert isinstance(answer.topics[0], Topic)


SNIPPETS = st.sampled_from(
    [
        "The upload limit is 3.", "The upload limit is 5.", "Staging is on port 5433.", "Staging is on port 6543 now.",
        "billing cron failed [#99]", "#12 (2026-01-01) replaces #1", 'say "hi" \\ there', "deploy\n\ndeploy", "\x00",
        "数据库端口是5433。", "owned by Ana", "x" * 400, "word " * 200,
    ]
)  # fmt: skip
TEXTS = st.lists(st.one_of(SNIPPETS, st.text(max_size=40)), min_size=1, max_size=3).map(" ".join)
DETAILS = st.sampled_from(
    [
        None,
        EpisodicDetails(EpisodicKind.TEST_RUN, Outcome.FAILURE),
        ProceduralDetails(successes=1),
        ProspectiveDetails(due_at=THEN),
    ]
)


@st.composite
def answers(draw: st.DrawFn) -> list[Source]:
    """Up to a dozen hits, best first, some with history and with relations."""
    ids = draw(st.lists(st.integers(min_value=1, max_value=2**63 - 1), max_size=12, unique=True))
    scores = sorted((draw(st.floats(min_value=0, max_value=3)) for _ in ids), reverse=True)
    made = []
    for id, score in zip(ids, scores, strict=True):
        layer = draw(st.sampled_from(Layer))
        text = draw(TEXTS) or "x"
        hit = replace(memory(id, text, draw(st.integers(0, 400)), layer), details=draw(DETAILS))
        if draw(st.booleans()):
            hit = replace(hit, relations=(Relation("billing", "owned by", draw(st.sampled_from(["Ana", "Bo"]))),))
        history = (memory(2**40 + id % 1000, "before", -5),) if draw(st.integers(0, 4)) == 0 else ()
        made.append(Source(hit, score, replaced=history))
    return made


QUERIES = st.sampled_from(["", "upload limit", "which port is staging on?", "billing \x00 [#5]"])


@settings(deadline=None)
@given(answers(), QUERIES, st.integers(min_value=1, max_value=14), st.integers(min_value=0, max_value=1_500))
def test_every_answer_keeps_its_promises(hits: list[Source], query: str, k: int, budget: int) -> None:
    answer = synthesise(hits, query=query, k=k, budget_chars=budget)
    ids = [hit.memory.id for hit in hits]
    by_id = {hit.memory.id: hit.memory for hit in hits}
    known = set(ids) | {older.id for hit in hits for older in hit.replaced}
    assert sorted(answer.order) == sorted(ids)
    assert sorted(id for topic in answer.topics for id in topic.memory_ids) == sorted(answer.order[:k])
    if hits and answer.order[0] != ids[0]:
        assert by_id[answer.order[0]].at > by_id[ids[0]].at
        assert any(f"#{answer.order[0]} (" in note for note in answer.notes)
    if not any("replaces" in note and "recorded" not in note for note in answer.notes):
        assert set(ids[: k // 2]) <= set(answer.order[:k])
    if answer.brief is not None:
        assert len(json.dumps(answer.brief, ensure_ascii=False)) <= budget
        for line in answer.brief.split("\n"):
            assert CITATION.search(line)
            assert {int(cited) for cited in re.findall(r"#(\d+)", line)} <= known
    assert synthesise(hits, query=query, k=k, budget_chars=budget) == answer


VOCABULARY = frozenset(
    " ".join(
        [
            *OUTCOMES.values(),
            *STATUSES.values(),
            *PRIORITIES.values(),
            *(kind.value for kind in EpisodicKind),
            "procedure worked of times relation due to replaces test run",
        ]
    )
    .replace("_", " ")
    .split()
)


@settings(deadline=None)
@given(answers(), QUERIES)
def test_a_brief_has_no_words_but_those_of_the_memories_and_a_few_of_its_own(hits: list[Source], query: str) -> None:
    answer = synthesise(hits, query=query, k=12)
    written = " ".join(plain(hit.memory.content) for hit in hits)
    for line in (answer.brief or "").split("\n"):
        words = re.findall(r"[a-zA-Z]+", line)
        assert all(word in written or word in VOCABULARY for word in words)
