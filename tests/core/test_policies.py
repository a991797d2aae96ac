"""Concurrency, suppression and catch-up as pure tables: section 2 of the contract, decided as data."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from routines.core.cron import SlotRange, parse
from routines.core.errors import ConflictError
from routines.core.fires import CREATE_ISSUE, Decision, Finish, Fire, Join, OpenIssue, Refuse, RoutineState
from routines.core.model import (
    LOCAL_BOARD,
    AgentStatus,
    CatchUpPolicy,
    CompanyStatus,
    ConcurrencyPolicy,
    Priority,
    ProjectStatus,
    RoutineStatus,
    RunStatus,
    Source,
)
from routines.core.policies import Dropped, decide, is_missed, settle_slots

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)
GRACE = timedelta(seconds=60)
MILLISECOND = timedelta(milliseconds=1)
OPEN = OpenIssue("issue", "ACME-1", "run")
COALESCE, SKIP, ALWAYS = ConcurrencyPolicy
SKIP_MISSED, ENQUEUE_MISSED = CatchUpPolicy


def state(**changes: object) -> RoutineState:
    """An idle routine that nothing stands in the way of, but for `changes`."""
    fields: dict[str, Any] = {
        "status": RoutineStatus.ACTIVE,
        "concurrency_policy": COALESCE,
        "company_status": CompanyStatus.ACTIVE,
        "project_status": ProjectStatus.ACTIVE,
        "agent_status": AgentStatus.IDLE,
        "open_issue": None,
        **changes,
    }
    return RoutineState(
        id="routine",
        company_id="company",
        issue_prefix="ACME",
        assignee_agent_id="agent",
        project_id="project",
        goal_id=None,
        parent_issue_id=None,
        title="Look around",
        description=None,
        priority=Priority.MEDIUM,
        **fields,
    )


def fire(source: Source, *, trigger_enabled: bool = True) -> Fire:
    """A fire by that source."""
    return Fire("routine", source, LOCAL_BOARD, "cause", trigger_enabled=trigger_enabled)


def kind_of(decision: Decision) -> object:
    """A decision without its wording: its type, and the status or error that it carries."""
    match decision:
        case Join(status) | Finish(status):
            return type(decision), status
        case Refuse(error):
            return Refuse, type(error)
    return decision


@pytest.mark.parametrize("source", Source)
@pytest.mark.parametrize(
    ("policy", "open_issue", "decision"),
    [
        (COALESCE, None, CREATE_ISSUE),
        (SKIP, None, CREATE_ISSUE),
        (ALWAYS, None, CREATE_ISSUE),
        (COALESCE, OPEN, Join(RunStatus.COALESCED)),
        (SKIP, OPEN, Join(RunStatus.SKIPPED)),
        (ALWAYS, OPEN, CREATE_ISSUE),
    ],
)
def test_the_open_issue_and_the_policy_alone_decide_for_every_source(
    source: Source, policy: ConcurrencyPolicy, open_issue: OpenIssue | None, decision: Decision
) -> None:
    assert decide(fire(source), state(concurrency_policy=policy, open_issue=open_issue)) == decision


REFUSED = (Refuse, ConflictError)


@pytest.mark.parametrize(
    ("source", "status", "enabled", "outcome"),
    [
        (Source.MANUAL, RoutineStatus.PAUSED, True, CREATE_ISSUE),
        (Source.API, RoutineStatus.PAUSED, True, CREATE_ISSUE),
        (Source.WEBHOOK, RoutineStatus.PAUSED, True, REFUSED),
        (Source.MANUAL, RoutineStatus.ARCHIVED, True, REFUSED),
        (Source.API, RoutineStatus.ARCHIVED, True, REFUSED),
        (Source.WEBHOOK, RoutineStatus.ARCHIVED, True, REFUSED),
        (Source.MANUAL, RoutineStatus.ACTIVE, False, REFUSED),
        (Source.API, RoutineStatus.ACTIVE, False, REFUSED),
        (Source.WEBHOOK, RoutineStatus.ACTIVE, False, REFUSED),
    ],
)
def test_what_a_fire_needs_of_its_routine_and_trigger(
    source: Source, status: RoutineStatus, outcome: object, *, enabled: bool
) -> None:
    assert kind_of(decide(fire(source, trigger_enabled=enabled), state(status=status))) == outcome


@pytest.mark.parametrize("level", [{"company_status": CompanyStatus.PAUSED}, {"project_status": ProjectStatus.PAUSED}])
@pytest.mark.parametrize(
    ("source", "decision"),
    [
        (Source.SCHEDULE, Finish(RunStatus.SKIPPED, "paused")),
        (Source.WEBHOOK, Finish(RunStatus.SKIPPED, "paused")),
        (Source.MANUAL, CREATE_ISSUE),
        (Source.API, CREATE_ISSUE),
    ],
)
@pytest.mark.parametrize("policy", ConcurrencyPolicy)
def test_a_paused_project_or_company_suppresses_schedules_and_webhooks_whatever_the_policy(
    level: dict[str, Any], source: Source, decision: Decision, policy: ConcurrencyPolicy
) -> None:
    assert decide(fire(source), state(concurrency_policy=policy, **level)) == decision


@pytest.mark.parametrize("source", Source)
@pytest.mark.parametrize(
    ("agent_status", "outcome"),
    [
        (AgentStatus.IDLE, CREATE_ISSUE),
        (AgentStatus.RUNNING, CREATE_ISSUE),
        (AgentStatus.PAUSED, CREATE_ISSUE),
        (AgentStatus.ERROR, CREATE_ISSUE),
        (AgentStatus.TERMINATED, (Finish, RunStatus.FAILED)),
    ],
)
def test_only_a_terminated_agent_gets_no_issue(source: Source, agent_status: AgentStatus, outcome: object) -> None:
    assert kind_of(decide(fire(source), state(agent_status=agent_status))) == outcome


@pytest.mark.parametrize(
    ("age", "missed"),
    [(timedelta(0), False), (GRACE, False), (GRACE + MILLISECOND, True), (-HOUR, False)],
)
def test_a_slot_is_missed_only_once_it_is_older_than_the_grace(age: timedelta, *, missed: bool) -> None:
    assert is_missed(NOON, NOON + age, GRACE) is missed


def hours(first: int, count: int) -> tuple[datetime, ...]:
    """`count` hourly slots, the first of them `first` hours before noon."""
    return tuple(NOON - (first - index) * HOUR for index in range(count))


@pytest.mark.parametrize("now", [NOON, NOON + GRACE], ids=["at once", "at the edge of the grace"])
@pytest.mark.parametrize(
    ("policy", "due", "fires", "dropped"),
    [
        (SKIP_MISSED, hours(0, 0), hours(0, 0), None),
        (SKIP_MISSED, hours(0, 1), hours(0, 1), None),
        (SKIP_MISSED, hours(1, 1), hours(0, 0), Dropped(1, NOON - HOUR, NOON - HOUR)),
        (SKIP_MISSED, hours(3, 4), hours(0, 1), Dropped(3, NOON - 3 * HOUR, NOON - HOUR)),
        (ENQUEUE_MISSED, hours(0, 1), hours(0, 1), None),
        (ENQUEUE_MISSED, hours(3, 4), hours(3, 4), None),
        (ENQUEUE_MISSED, hours(25, 25), hours(25, 25), None),
        (ENQUEUE_MISSED, hours(26, 26), hours(25, 25), Dropped(1, NOON - 26 * HOUR, NOON - 26 * HOUR)),
        (ENQUEUE_MISSED, hours(99, 100), hours(25, 26), Dropped(74, NOON - 99 * HOUR, NOON - 26 * HOUR)),
    ],
)
def test_late_slots_fire_and_missed_ones_follow_the_catch_up_policy(
    now: datetime, policy: CatchUpPolicy, due: tuple[datetime, ...], fires: tuple[datetime, ...], dropped: Dropped
) -> None:
    settled = settle_slots(due, now=now, grace=GRACE, policy=policy)
    assert (settled.fire, settled.dropped) == (fires, dropped)


@pytest.mark.parametrize("policy", CatchUpPolicy)
@pytest.mark.parametrize("minutes", [0, 1, 2, 25, 26, 27, 28, 5_000])
def test_a_range_of_slots_is_settled_as_the_slots_themselves(minutes: int, policy: CatchUpPolicy) -> None:
    due = SlotRange(parse("* * * * *", "Europe/Berlin"), NOON - minutes * MINUTE, NOON)
    one_by_one = settle_slots(tuple(due), now=NOON, grace=GRACE, policy=policy)
    assert settle_slots(due, now=NOON, grace=GRACE, policy=policy) == one_by_one
