from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from athena_mcp.model import (
    MAX_CONTENT_CHARS,
    MAX_K,
    Details,
    DueTask,
    EpisodicDetails,
    Hit,
    Layer,
    LayerOutcome,
    Memory,
    Priority,
    ProceduralDetails,
    ProspectiveDetails,
    RecallResult,
    Relation,
    SemanticDetails,
    TaskStatus,
    Trigger,
    TriggerKind,
)
from athena_mcp.recall.excerpt import (
    ANSWER_CHARS,
    DETAIL_CUTS,
    DETAIL_SHARE,
    DUE_CHARS,
    LEAST_CHARS,
    cut,
    fair_share,
    fit,
    shorten_details,
)

AT = datetime(2026, 1, 31, 9, 30, 0, 123456, tzinfo=UTC)
WORDS = "The staging database listens on port 5433 because the default one is taken by the old billing job. "


def hit(text: str, id: int = 2**53, layer: Layer = Layer.SEMANTIC, details: Details | None = None) -> Hit:
    """A hit on a memory with this text."""
    return Hit(
        Memory(
            id=id, project="owner/project", layer=layer, content=text, created_at=AT, occurred_at=AT,
            session_id="2026-01-31-0123abcd", details=details,
        ),
        1.0,
        0.5,
    )  # fmt: skip


def loaded(text: str, filler: str, details: Details) -> Hit:
    """A hit on a memory that has as much of everything as a memory may have."""
    bare = hit(text, 2**63 - 1, Layer.PROSPECTIVE, details)
    memory = replace(
        bare.memory,
        session_id='"' * 200,
        tags=(filler * 64,) * 32,
        relations=(Relation('"' * 200, '"' * 200, '"' * 200),) * 100,
    )
    return replace(bare, memory=memory)


def everything(filler: str) -> list[Details]:
    """The details of each layer, as long as they may be."""
    item = filler * 2_000
    return [
        EpisodicDetails(files=(item,) * 100),
        SemanticDetails(source=item, confidence=0.123),
        ProceduralDetails((item,) * 100, item, 2**31 - 1, 2**31 - 1),
        ProspectiveDetails(TaskStatus.IN_PROGRESS, Priority.CRITICAL, AT, (Trigger(TriggerKind.PHRASE, item),) * 100),
    ]


def answer_size(hits: tuple[Hit, ...], due: tuple[Hit, ...] = ()) -> int:
    """The characters of a whole answer as the server writes it."""
    outcome = LayerOutcome("error", 0, 10_000.0, "The database refused a statement (42P01).")
    answer = RecallResult(
        memories=hits,
        due=tuple(DueTask(row.memory, "phrase: " + "x" * 120, row.text) for row in due),
        layers=dict.fromkeys(Layer, outcome), project="x" * 200, scope_with=("global",), cascade_depth=1,
        elapsed_ms=10_000.0, confidence=0.123, degraded=tuple(f"{layer}: {outcome.reason}" for layer in Layer),
    ).to_dict()  # fmt: skip
    return len(json.dumps(answer, ensure_ascii=False, separators=(",", ":")))


def test_short_memories_are_shown_whole() -> None:
    hits = [hit("Port 5433."), hit("Größe: 尺寸 🦉")]
    assert fit(hits) == tuple(hits)
    assert fit([]) == ()


def test_what_is_cut_says_so_and_begins_as_the_memory_does() -> None:
    (shown,) = fit([hit(WORDS * 300)])
    assert shown.text is not None
    assert shown.to_dict()["truncated"] is True
    assert shown.text.endswith("…")
    assert (WORDS * 300).startswith(shown.text[:-1])
    assert shown.memory.content == WORDS * 300


def test_a_short_memory_leaves_its_share_to_a_long_one() -> None:
    long = WORDS * 160
    alone = fit([hit(long), *[hit("short")] * 9])[0]
    assert alone.text is None
    crowded = fit([hit(long)] * 10)[0]
    assert crowded.text is not None
    assert len(crowded.text) <= ANSWER_CHARS // 10


def test_cut_details_make_a_memory_truncated_too() -> None:
    many = EpisodicDetails(files=tuple(f"src/module_{i}.py" for i in range(100)))
    shown = fit([hit("A sweeping change.", layer=Layer.EPISODIC, details=many)])[0].to_dict()
    assert shown["truncated"] is True
    assert shown["content"] == "A sweeping change."
    assert 0 < len(shown["details"]["files"]) < 100


def test_a_task_never_loses_its_status() -> None:
    for filler in ("x", "\x01"):
        hits = [loaded("x" * MAX_CONTENT_CHARS, filler, everything(filler)[3])] * MAX_K
        for shown in fit(hits):
            assert shown.to_dict()["details"]["status"] == "in_progress"


def test_ten_memories_of_up_to_500_characters_take_less_than_8000() -> None:
    text = (WORDS * 6)[:500]
    hits = [hit(text, id) for id in range(10)]
    assert all(shown.text is None for shown in fit(hits))
    assert answer_size(fit(hits)) < 8_000


def test_no_answer_takes_60000_characters_whatever_is_in_it() -> None:
    for filler in ("x", "\x01", '"', "\n", "尺", "🦉", "\u2028"):
        text = filler * MAX_CONTENT_CHARS
        bare = [hit(text)] * MAX_K
        assert answer_size(fit(bare), fit(bare[:10], DUE_CHARS)) < 60_000
        for details in everything(filler):
            hits = [loaded(text, filler, details)] * MAX_K
            assert answer_size(fit(hits), fit(hits[:10], DUE_CHARS)) < 60_000


sizes = st.lists(st.integers(0, 3 * MAX_CONTENT_CHARS), max_size=MAX_K)


@given(sizes, st.integers(1, 60_000))
def test_shares_stay_within_the_budget_unless_everyone_has_the_least(given_sizes: list[int], budget: int) -> None:
    share = fair_share(given_sizes, budget)
    assert share >= LEAST_CHARS
    assert share == LEAST_CHARS or sum(min(size, share) for size in given_sizes) <= budget


@given(sizes, st.integers(1, 60_000))
def test_nobody_is_cut_while_there_is_room(given_sizes: list[int], budget: int) -> None:
    share = fair_share(given_sizes, budget)
    left = budget - sum(min(size, share) for size in given_sizes)
    cut_ones = [size for size in given_sizes if size > share]
    # What is left over could not have given every cut one another character.
    assert not cut_ones or left < len(cut_ones)


@given(st.text(min_size=LEAST_CHARS, max_size=2_000), st.integers(LEAST_CHARS, 1_000))
def test_a_cut_text_fits_its_share_as_json(text: str, share: int) -> None:
    kept = cut(text, share)
    assert len(json.dumps(kept, ensure_ascii=False)) - 2 <= share
    assert kept.endswith("…")
    assert text.startswith(kept[:-1])


@st.composite
def details_around_the_limit(draw: st.DrawFn) -> Details | None:
    """Details of any layer whose lists and texts are a little longer or shorter than what is shown."""
    items, chars = DETAIL_CUTS[0]
    texts = st.integers(chars - 1, chars + 1).map("x".__mul__)
    listed = st.lists(st.one_of(texts, st.just("short")), min_size=0, max_size=items + 1).map(tuple)
    return draw(
        st.one_of(
            st.none(),
            st.builds(EpisodicDetails, files=listed),
            st.builds(SemanticDetails, source=st.none() | texts),
            st.builds(ProceduralDetails, steps=listed, applies_when=st.none() | texts),
            st.builds(
                ProspectiveDetails,
                triggers=listed.map(lambda values: tuple(Trigger(TriggerKind.PHRASE, value) for value in values)),
            ),
        )
    )


@given(
    details_around_the_limit(),
    st.integers(11, 13),
    st.tuples(*[st.integers(159, 161)] * 3),
    st.integers(0, 13),
    st.integers(1, 20),
    st.sampled_from([0, 100, 1_000, 20_000]),
)
def test_details_are_shortened_where_they_are_too_long_and_left_alone_where_not(
    details: Details | None, tags: int, chars: tuple[int, int, int], edges: int, hits: int, budget: int
) -> None:
    subject, relation, to = ("x" * count for count in chars)
    memory = replace(
        hit("A short text.", details=details).memory,
        tags=("tag",) * tags,
        relations=(Relation(subject, relation, to),) * edges,
    )
    # Beside others the share may be less than what short details take.
    for shown in fit([Hit(memory, 1.0)] * hits, DETAIL_SHARE * hits * budget):
        expected = shorten_details(memory, budget)
        assert shown.memory == expected
        assert (shown.text is None) == (expected is memory)
