"""A sample of `athena-mcp bench agents`: eight servers on one folder, some of which are interrupted or killed."""

from __future__ import annotations

import random

import pytest

from athena_mcp.bench.agents.run import AgentsPlan, run_agents
from athena_mcp.bench.machine import describe_machine
from athena_mcp.bench.progress import no_progress
from athena_mcp.bench.store import temporary_folder

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(240)]


async def test_eight_servers_that_come_and_go_lose_and_double_nothing_and_leave_nothing_running() -> None:
    with temporary_folder() as folder:
        plan = AgentsPlan(agents=8, lives=1, calls=8, seed=random.randrange(10**6))
        report = await run_agents(plan, folder, describe_machine(None), no_progress)
    assert report.holds, report.to_dict()
    assert sum(report.ended.values()) == 8
    assert report.account.acknowledged > 8
