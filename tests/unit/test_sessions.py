"""What a session said it was at: filled in for it, never for another, never against what the caller says."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from athena_mcp.errors import InvalidArgument
from athena_mcp.recall.request import RecallContext, check_context
from athena_mcp.recall.session import SessionContexts

PROCESS = "process"
FULL = RecallContext(task="fix the login", phase="debugging", files=("login.py",), branch="fix/login")


class Clock:
    def __init__(self) -> None:
        self.now_s = 1000.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def sessions(clock: Clock) -> SessionContexts:
    return SessionContexts(idle_s=60.0, max_sessions=3, clock=clock)


def test_what_a_session_said_is_filled_in_later(sessions: SessionContexts) -> None:
    assert sessions.recall(FULL, PROCESS) == FULL
    assert sessions.recall(RecallContext(), PROCESS) == FULL


@pytest.mark.parametrize(
    "said",
    [
        RecallContext(task="other"),
        RecallContext(phase="other"),
        RecallContext(files=("other.py",)),
        RecallContext(branch="other"),
    ],
)
def test_each_field_is_remembered_on_its_own(sessions: SessionContexts, said: RecallContext) -> None:
    for context in (
        RecallContext(task=FULL.task),
        RecallContext(phase=FULL.phase),
        RecallContext(files=FULL.files),
        RecallContext(branch=FULL.branch),
    ):
        sessions.recall(context, PROCESS)
    expected = RecallContext(
        task=said.task or FULL.task,
        phase=said.phase or FULL.phase,
        files=said.files or FULL.files,
        branch=said.branch or FULL.branch,
    )
    assert sessions.recall(said, PROCESS) == expected
    assert sessions.recall(RecallContext(), PROCESS) == expected


def test_the_callers_context_is_left_as_it_was(sessions: SessionContexts) -> None:
    sessions.recall(FULL, PROCESS)
    raw = {"phase": "testing", "files": ["a.py"]}
    context = check_context(raw)
    effective = sessions.recall(context, PROCESS, given=raw)
    assert effective.task == "fix the login"
    assert context == RecallContext(phase="testing", files=("a.py",))
    assert raw == {"phase": "testing", "files": ["a.py"]}


def test_an_explicit_empty_list_of_files_clears_them(sessions: SessionContexts) -> None:
    sessions.recall(FULL, PROCESS)
    raw: dict[str, object] = {"files": []}
    cleared = RecallContext(task=FULL.task, phase=FULL.phase, branch=FULL.branch)
    assert sessions.recall(check_context(raw), PROCESS, given=raw) == cleared
    assert sessions.recall(RecallContext(), PROCESS, given={}) == cleared


@pytest.mark.parametrize("given", [None, {}, {"files": None, "task": None}])
def test_what_is_absent_or_null_does_not_clear(sessions: SessionContexts, given: dict[str, object] | None) -> None:
    sessions.recall(FULL, PROCESS)
    assert sessions.recall(check_context(given or {}), PROCESS, given=given) == FULL


def test_sessions_do_not_see_each_other(sessions: SessionContexts) -> None:
    sessions.recall(FULL, PROCESS)
    mine = RecallContext(session_id="mine", phase="planning")
    assert sessions.recall(mine, PROCESS) == mine
    assert sessions.recall(RecallContext(session_id="mine"), PROCESS) == mine
    assert sessions.recall(RecallContext(), PROCESS) == FULL


def test_the_context_names_its_session_and_keeps_its_name(sessions: SessionContexts) -> None:
    sessions.recall(RecallContext(session_id=PROCESS, task="one"), "other")
    assert sessions.recall(RecallContext(), PROCESS) == RecallContext(task="one")
    assert sessions.recall(RecallContext(session_id=PROCESS), "other") == RecallContext(session_id=PROCESS, task="one")


def test_a_session_is_forgotten_when_it_was_idle_for_its_time(sessions: SessionContexts, clock: Clock) -> None:
    sessions.recall(FULL, PROCESS)
    clock.now_s += 59.9
    assert sessions.recall(RecallContext(), PROCESS) == FULL
    clock.now_s += 59.9  # counted from when it was last heard of, also without saying anything
    assert sessions.recall(RecallContext(), PROCESS) == FULL
    clock.now_s += 60.0
    assert sessions.recall(RecallContext(), PROCESS) == RecallContext()
    assert sessions.size == 0


def test_idle_sessions_are_not_counted(sessions: SessionContexts, clock: Clock) -> None:
    sessions.recall(FULL, PROCESS)
    clock.now_s += 60.0
    assert sessions.size == 0


def test_an_idle_session_says_nothing_even_when_another_is_asked_first(sessions: SessionContexts, clock: Clock) -> None:
    sessions.recall(FULL, "old")
    clock.now_s += 30.0
    sessions.recall(FULL, "young")
    clock.now_s += 30.0
    assert sessions.recall(RecallContext(), "young") == FULL
    assert sessions.size == 1


def test_the_quietest_session_makes_room(sessions: SessionContexts) -> None:
    for name in ("a", "b", "c"):
        sessions.recall(RecallContext(task=name), name)
    sessions.recall(RecallContext(), "a")
    sessions.recall(RecallContext(task="d"), "d")
    assert sessions.size == 3
    assert sessions.recall(RecallContext(), "b") == RecallContext()
    assert [sessions.recall(RecallContext(), name).task for name in ("a", "c", "d")] == ["a", "c", "d"]


def test_a_session_that_says_nothing_takes_no_room(sessions: SessionContexts) -> None:
    for name in ("a", "b", "c"):
        sessions.recall(RecallContext(task=name), name)
    assert sessions.recall(RecallContext(session_id="silent"), PROCESS) == RecallContext(session_id="silent")
    assert [sessions.recall(RecallContext(), name).task for name in ("a", "b", "c")] == ["a", "b", "c"]


def test_a_session_that_cleared_all_it_said_takes_no_room(sessions: SessionContexts) -> None:
    sessions.recall(RecallContext(files=("a.py",)), PROCESS)
    sessions.recall(RecallContext(), PROCESS, given={"files": []})
    assert sessions.size == 0


def test_a_session_can_be_forgotten(sessions: SessionContexts) -> None:
    sessions.recall(FULL, PROCESS)
    sessions.recall(FULL, "other")
    sessions.forget(PROCESS)
    sessions.forget("never heard of")
    assert sessions.recall(RecallContext(), PROCESS) == RecallContext()
    assert sessions.recall(RecallContext(), "other") == FULL


@pytest.mark.parametrize(
    ("make", "argument"),
    [
        (lambda: SessionContexts(idle_s=0.0), "idle_s"),
        (lambda: SessionContexts(idle_s=float("nan")), "idle_s"),
        (lambda: SessionContexts(idle_s=float("inf")), "idle_s"),
        (lambda: SessionContexts(max_sessions=0), "max_sessions"),
    ],
)
def test_a_limit_that_cannot_work_is_refused(make: Callable[[], object], argument: str) -> None:
    with pytest.raises(InvalidArgument, match=argument):
        make()
