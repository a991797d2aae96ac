"""What a heartbeat is told, how it may end, and what its end means for the issue and the agent.

A heartbeat is one execution window of an agent: a wake-up that a worker has taken up. Nothing here starts, looks up
or writes anything.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, StrEnum, auto
from typing import NamedTuple

from routines.core.model import AT_REST, AdapterType, Agent, AgentStatus, HeartbeatStatus, IssueStatus

ATTEMPTS_MAX = 2  # a heartbeat that leaves its issue where it was is followed by one more, and that is all
FAILURES_TO_ERROR = 2  # as many as one broken agent makes of one issue
IN_HAND = frozenset({IssueStatus.TODO, IssueStatus.IN_PROGRESS})
"""Statuses in which an issue is its agent's to go on with; in any other somebody has to decide first."""


class ErrorCode(StrEnum):
    """Why a heartbeat did not succeed, for programs; its `error` says it to people."""

    START_FAILED = "start_failed"
    EXIT_CODE = "exit_code"
    SIGNAL = "signal"
    AGENT_ERROR = "agent_error"
    UNREACHABLE = "unreachable"
    REFUSED = "refused"
    TIMEOUT = "timeout"
    CANCELLED = "cancelled"
    PROCESS_LOST = "process_lost"
    WORKER_STOPPED = "worker_stopped"


class Usage(NamedTuple):
    """What a heartbeat took, as far as its adapter tells; cost in millionths of a US dollar."""

    input_tokens: int = 0
    cached_input_tokens: int = 0
    output_tokens: int = 0
    cost_micros: int = 0


NO_USAGE = Usage()
MICROS_OF_A_CENT = 10_000


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a heartbeat ended; `error` is a sentence for people, `summary` what the agent says of its work."""

    status: HeartbeatStatus
    exit_code: int | None = None
    signal: str | None = None
    error_code: ErrorCode | None = None
    error: str | None = None
    summary: str | None = None
    usage: Usage = NO_USAGE


class Follow(Enum):
    """What is done about the issue of a heartbeat that has ended."""

    NOTHING = auto()
    WAKE_AGAIN = auto()
    BLOCK = auto()


def follow(outcome: Outcome, *, attempt: int, issue: IssueStatus, still_assigned: bool) -> Follow:
    """What is done about an issue in this status after a heartbeat, its `attempt`th for the same wake-up.

    A heartbeat that leaves its issue in hand is followed by one more; if that one leaves it there too, the issue is
    blocked, so that somebody looks. One that was cancelled was meant to end so; one whose worker was stopped was never
    given its time.
    """
    if outcome.status is HeartbeatStatus.CANCELLED or issue not in IN_HAND or not still_assigned:
        return Follow.NOTHING
    if outcome.error_code is ErrorCode.WORKER_STOPPED or attempt < ATTEMPTS_MAX:
        return Follow.WAKE_AGAIN
    return Follow.BLOCK


def following_attempt(outcome: Outcome, attempt: int) -> int:
    """The number of the heartbeat that follows one which ended so."""
    return attempt if outcome.error_code is ErrorCode.WORKER_STOPPED else attempt + 1


@dataclass(frozen=True, slots=True)
class Health:
    """How an agent does: failures in a row, and the reason of the last while it counts as in error."""

    failures_in_a_row: int
    status_reason: str | None

    def after(self, outcome: Outcome) -> Health:
        """How it does after a heartbeat; one that was cancelled, or whose worker went, tells nothing of the agent."""
        if outcome.status is HeartbeatStatus.SUCCEEDED:
            return Health(0, None)
        lost = {ErrorCode.PROCESS_LOST, ErrorCode.WORKER_STOPPED}
        if outcome.status is HeartbeatStatus.CANCELLED or outcome.error_code in lost:
            return self
        failures = self.failures_in_a_row + 1
        reason = f"{failures} heartbeats failed in a row, the last: {outcome.error}"
        return Health(failures, reason if failures >= FAILURES_TO_ERROR else None)

    def status(self, *, running: int) -> AgentStatus:
        """The status of an agent that is neither paused nor terminated, with so many heartbeats running."""
        if running:
            return AgentStatus.RUNNING
        return AgentStatus.IDLE if self.status_reason is None else AgentStatus.ERROR


HEALTHY = Health(0, None)


def blocked_comment(outcome: Outcome, attempt: int) -> str:
    """What is said on an issue that is blocked after the last heartbeat."""
    how = f"The last one {outcome.status.value.replace('_', ' ')}"
    why = f": {outcome.error}" if outcome.error else "."
    return (
        f"The agent was woken {attempt} times for this issue and left it unfinished. {how}{why}\n\n"
        "Comment, reassign it, or move it to `todo`, and its agent is woken again."
    )


@dataclass(frozen=True, slots=True)
class Waiting:
    """What an agent's queued heartbeats may wait for; `running_issues` are those of its heartbeats that run."""

    agent: Agent
    company_is_active: bool
    budget_is_spent: bool
    most: int
    running_issues: tuple[str | None, ...]


def waiting_for(about: Waiting, issue_id: str | None) -> str:
    """What a queued heartbeat for that issue waits for, in a sentence."""
    agent, running = about.agent, len(about.running_issues)
    reasons = (
        (
            agent.adapter_type is AdapterType.NONE,
            f"Agent {agent.name} polls by itself: its adapterType is none, so nobody starts it",
        ),
        (agent.status in AT_REST, f"Agent {agent.name} is {agent.status.value}"),
        (not about.company_is_active, "The company is not active"),
        (
            about.budget_is_spent,
            f"Agent {agent.name} has spent its budget of {agent.budget_monthly_cents / 100:.2f} USD for this month",
        ),
        (issue_id is not None and issue_id in about.running_issues, "Another heartbeat works on the issue"),
        (running >= about.most, f"{running} heartbeats of agent {agent.name} run, which is its maxConcurrentRuns"),
    )
    return next((sentence for applies, sentence in reasons if applies), "A worker that has a place for it")
