"""The legal moves of routines, issues and runs, and what one move means for another thing.

Who may make a move is in `access`; nothing here writes.
"""

from __future__ import annotations

from dataclasses import dataclass

from routines.core.errors import ConflictError
from routines.core.model import (
    CLOSED_ISSUE_STATUSES,
    Agent,
    AgentStatus,
    IssueStatus,
    Routine,
    RoutineStatus,
    RunStatus,
)

ROUTINE_IS_ARCHIVED = "Routine is archived"
CANCELLED_REASON = "Execution issue moved to cancelled"


def require_changeable(routine: Routine) -> None:
    """Archived is the end: any change to such a routine or its triggers is a `ConflictError`."""
    if routine.status is RoutineStatus.ARCHIVED:
        raise ConflictError(ROUTINE_IS_ARCHIVED)


def require_assignable(agent: Agent) -> None:
    """Work may go to paused agents and to agents in error, but never to a terminated one (`ConflictError`)."""
    if agent.status is AgentStatus.TERMINATED:
        raise ConflictError(f"Agent {agent.name} is terminated; assign an agent that is not")


@dataclass(frozen=True, slots=True)
class RunMove:
    """The state into which a move of the execution issue puts the run that created it."""

    status: RunStatus
    failure_reason: str | None
    completed: bool


def run_after_issue_move(before: IssueStatus, after: IssueStatus) -> RunMove | None:
    """What a move of an execution issue does to the run that created it, or None if the run stays as it is.

    `done` completes it, `cancelled` fails it with a reason, reopening puts it back; moves among the open statuses,
    `blocked` and `in_review` included, change nothing.
    """
    if before is after:
        return None
    if after is IssueStatus.DONE:
        return RunMove(RunStatus.COMPLETED, failure_reason=None, completed=True)
    if after is IssueStatus.CANCELLED:
        return RunMove(RunStatus.FAILED, failure_reason=CANCELLED_REASON, completed=True)
    if before in CLOSED_ISSUE_STATUSES:
        return RunMove(RunStatus.ISSUE_CREATED, failure_reason=None, completed=False)
    return None
