"""A sample of `athena-mcp bench crash`, and that it would notice a loss."""

from __future__ import annotations

import random
from typing import Any

import pytest

from athena_mcp.bench.crash.jobs import compared
from athena_mcp.bench.crash.ledger import Call, Ledger
from athena_mcp.bench.crash.run import CrashPlan, During, run_crashes
from athena_mcp.bench.crash.store import Row
from athena_mcp.bench.crash.victims import Victim
from athena_mcp.bench.machine import describe_machine
from athena_mcp.bench.progress import no_progress
from athena_mcp.bench.store import temporary_folder

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(240)]


@pytest.mark.parametrize(
    ("during", "victims"),
    [
        (During.REMEMBER, (Victim.BACKEND, Victim.BOTH)),
        (During.IMPORT, (Victim.SERVER,)),
        (During.MIGRATION, (Victim.BOTH,)),
        (During.REEMBED, (Victim.POSTGRESQL,)),
    ],
)
async def test_what_was_acknowledged_survives_a_kill(during: During, victims: tuple[Victim, ...]) -> None:
    with temporary_folder() as folder:
        plan = CrashPlan(1, (during,), victims, memories=120, seed=random.randrange(10**6))
        report = await run_crashes(plan, folder, describe_machine(None), no_progress)
    (row,) = report.rows
    assert report.holds, (plan.seed, row.account.examples)
    assert sum(row.kills.values()) == len(victims)
    assert row.account.acknowledged > 0


def ledger() -> Ledger:
    """Told of two memories, of which the second replaced the first, and of one that was forgotten."""
    told = Ledger("m")
    for number, more in enumerate(({}, {"replaces": 1}, {}), 1):
        call = Call("remember", {"content": f"text {number}", **more})
        told.answered(call, {"id": number})
    told.answered(Call("forget", {"id": 3}), {"forgotten": [3]})
    return told


def rows(**changes: Any) -> list[Row]:
    """What the store should have, one row changed."""
    first = Row(1, "key m-1", "text 1", True, 2)._replace(**changes)
    return [first, Row(2, "key m-2", "text 2", False, None)]


def test_the_ledger_agrees_with_a_store_that_kept_its_word() -> None:
    assert ledger().compare(rows()).holds


@pytest.mark.parametrize(
    ("found", "lost", "doubled"),
    [
        (rows()[1:], 1, 0),
        (rows()[:1], 1, 0),
        (rows(content="other"), 1, 0),
        (rows(superseded=False, superseded_by=None), 1, 0),
        (rows(superseded_by=9), 1, 0),
        ([*rows(), Row(3, "key m-3", "text 3", False, None)], 1, 0),
        ([*rows(), Row(4, "key m-4", "text 4", False, None)], 0, 1),
        ([*rows(), Row(5, "key m-2", "text 2", False, None)], 0, 2),
    ],
)
def test_the_ledger_notices_what_is_lost_or_doubled(found: list[Row], lost: int, doubled: int) -> None:
    account = ledger().compare(found)
    assert (account.lost, account.doubled) == (lost, doubled)
    assert account.examples


def test_lines_are_compared_as_a_whole() -> None:
    assert compared(["a", "b"], ["b", "a"]).holds
    account = compared(["a", "b"], ["b", "b"])
    assert (account.acknowledged, account.lost, account.doubled) == (2, 1, 1)
