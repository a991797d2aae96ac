"""A schedule is too frequent for an agent if its heartbeats, as long as its last ones, cannot follow."""

from __future__ import annotations

from datetime import timedelta

import pytest

from routines.core import cron
from routines.core.adapters import runtime_of
from routines.core.model import AdapterType, Agent, AgentStatus, ConcurrencyPolicy
from routines.services.pace import too_frequent
from support.clock import HOUR, MINUTE, MONDAY_NOON, SECOND


def said(expression: str, took: list[timedelta], at_once: int = 1, policy: str = "always_enqueue") -> str | None:
    ada = Agent(
        id="a",
        company_id="c",
        name="Ada",
        role="engineer",
        title=None,
        capabilities=None,
        reports_to=None,
        adapter_type=AdapterType.PROCESS,
        adapter_config="{}",
        runtime_config=f'{{"heartbeat": {{"maxConcurrentRuns": {at_once}}}}}',
        status=AgentStatus.IDLE,
        created_at=MONDAY_NOON,
        updated_at=MONDAY_NOON,
    )
    assert runtime_of(ada.runtime_config).concurrent_runs_max == at_once
    return too_frequent(cron.parse(expression, "UTC"), ada, took, ConcurrencyPolicy(policy), MONDAY_NOON)


def test_more_work_than_the_day_has_is_said_with_its_numbers() -> None:
    assert said("* * * * *", [SECOND, 2 * MINUTE, 2 * MINUTE, 2 * MINUTE, 9 * HOUR]) == (
        "Too frequent for Ada: it fires 1,440 times in the coming day, and the last 5 heartbeats of Ada took 2 min "
        "(the median), so that is 48 h of work for one who works on 1 at a time; issues pile up"
    )


@pytest.mark.parametrize(
    ("expression", "minutes", "at_once", "is_said"),
    [
        ("*/2 * * * *", 2, 1, False),  # just enough
        ("* * * * *", 2, 2, False),
        ("* * * * *", 2.1, 2, True),
        ("0 9 * * *", 600, 1, False),
        ("0,5 9 * * *", 6, 1, True),  # twice a day, and close together
        ("0,5 9 * * *", 5, 1, False),
        ("0,5 9 * * *", 6, 2, False),
        ("0,5,10 9 * * *", 11, 2, True),
    ],
)
def test_it_is_too_frequent_from_the_fire_that_has_to_wait(
    expression: str, minutes: float, at_once: int, *, is_said: bool
) -> None:
    assert (said(expression, [minutes * MINUTE] * 3, at_once) is not None) == is_said


def test_close_fires_are_said_with_what_becomes_of_them() -> None:
    assert said("0,5 9 * * *", [10 * MINUTE] * 4, policy="coalesce_if_active") == (
        "Too frequent for Ada at times: 2 fires come within 5 min, and the last 4 heartbeats of Ada took 10 min "
        "(the median), 1 at a time; fires that come while the issue is open join it"
    )
    assert "are skipped" in (said("0,5 9 * * *", [10 * MINUTE] * 4, policy="skip_if_active") or "")


def test_nothing_is_said_of_an_agent_of_whom_little_is_known() -> None:
    assert said("* * * * *", [9 * HOUR] * 2) is None
