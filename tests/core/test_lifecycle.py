"""The legal moves of routines, issues and runs as pure tables."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from routines.core.errors import ConflictError
from routines.core.lifecycle import require_assignable, require_changeable, run_after_issue_move
from routines.core.model import (
    AdapterType,
    Agent,
    AgentStatus,
    CatchUpPolicy,
    ConcurrencyPolicy,
    IssueStatus,
    Priority,
    Routine,
    RoutineStatus,
    RunStatus,
)

THEN = datetime(2026, 3, 2, 12, tzinfo=UTC)
OPEN_STATUSES = [status for status in IssueStatus if status.value not in {"done", "cancelled"}]
CLOSED_STATUSES = [IssueStatus.DONE, IssueStatus.CANCELLED]


def routine(status: RoutineStatus) -> Routine:
    """A routine in that status."""
    return Routine(
        id="routine",
        company_id="company",
        project_id="project",
        goal_id=None,
        parent_issue_id=None,
        assignee_agent_id="agent",
        title="Look around",
        description=None,
        priority=Priority.MEDIUM,
        status=status,
        pause_reason=None,
        concurrency_policy=ConcurrencyPolicy.COALESCE_IF_ACTIVE,
        catch_up_policy=CatchUpPolicy.SKIP_MISSED,
        created_by_agent_id=None,
        created_by_user_id=None,
        updated_by_agent_id=None,
        updated_by_user_id=None,
        last_triggered_at=None,
        last_enqueued_at=None,
        created_at=THEN,
        updated_at=THEN,
    )


def agent(status: AgentStatus) -> Agent:
    """An agent in that status."""
    return Agent(
        id="agent",
        company_id="company",
        name="Ada",
        role="general",
        title=None,
        capabilities=None,
        reports_to=None,
        adapter_type=AdapterType.NONE,
        adapter_config="{}",
        runtime_config="{}",
        status=status,
        created_at=THEN,
        updated_at=THEN,
    )


@pytest.mark.parametrize("before", OPEN_STATUSES)
@pytest.mark.parametrize("after", OPEN_STATUSES)
def test_moves_among_the_open_statuses_leave_the_run_alone(before: IssueStatus, after: IssueStatus) -> None:
    assert run_after_issue_move(before, after) is None


@pytest.mark.parametrize("status", IssueStatus)
def test_no_move_is_no_move(status: IssueStatus) -> None:
    assert run_after_issue_move(status, status) is None


@pytest.mark.parametrize("before", [*OPEN_STATUSES, IssueStatus.CANCELLED])
def test_done_completes_the_run(before: IssueStatus) -> None:
    move = run_after_issue_move(before, IssueStatus.DONE)
    assert move is not None
    assert (move.status, move.failure_reason, move.completed) == (RunStatus.COMPLETED, None, True)


@pytest.mark.parametrize("before", [*OPEN_STATUSES, IssueStatus.DONE])
def test_cancelled_fails_the_run_with_a_reason(before: IssueStatus) -> None:
    move = run_after_issue_move(before, IssueStatus.CANCELLED)
    assert move is not None
    assert (move.status, move.completed) == (RunStatus.FAILED, True)
    assert move.failure_reason


@pytest.mark.parametrize("before", CLOSED_STATUSES)
@pytest.mark.parametrize("after", OPEN_STATUSES)
def test_reopening_puts_the_run_back(before: IssueStatus, after: IssueStatus) -> None:
    move = run_after_issue_move(before, after)
    assert move is not None
    assert (move.status, move.failure_reason, move.completed) == (RunStatus.ISSUE_CREATED, None, False)


@pytest.mark.parametrize("status", [RoutineStatus.ACTIVE, RoutineStatus.PAUSED])
def test_live_routines_can_be_changed(status: RoutineStatus) -> None:
    require_changeable(routine(status))


def test_archived_is_the_end() -> None:
    with pytest.raises(ConflictError, match="Routine is archived"):
        require_changeable(routine(RoutineStatus.ARCHIVED))


@pytest.mark.parametrize("status", [status for status in AgentStatus if status is not AgentStatus.TERMINATED])
def test_work_may_go_to_every_agent_that_is_not_terminated(status: AgentStatus) -> None:
    require_assignable(agent(status))


def test_no_work_goes_to_a_terminated_agent() -> None:
    with pytest.raises(ConflictError, match="Ada"):
        require_assignable(agent(AgentStatus.TERMINATED))
