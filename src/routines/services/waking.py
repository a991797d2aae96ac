"""Waking agents: what each use case calls that gives an agent a reason to be started.

Who may be started, and when, is `heartbeat_work`'s.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from routines.core.adapters import runtime_of
from routines.core.model import Agent, AgentStatus, Issue, IssueStatus, WakeReason, WakeUp
from routines.services.context import Context
from routines.storage.database import Transaction
from routines.storage.queries import wake_ups

FIRST_ATTEMPT = 1
NOT_WORKED_ON = frozenset({IssueStatus.BACKLOG, IssueStatus.DONE, IssueStatus.CANCELLED})
"""Statuses of issues for which nobody is woken."""


def wake_for_issue(context: Context, transaction: Transaction, issue: Issue, reason: WakeReason, now: datetime) -> None:
    """Have the issue's agent woken for it, if it has one and is to be worked on; the issue is locked."""
    if issue.assignee_agent_id is None or issue.status in NOT_WORKED_ON:
        return
    identity = context.ids.new(now)
    new = WakeUp(identity, issue.company_id, issue.assignee_agent_id, issue.id, reason, FIRST_ATTEMPT, now)
    wake_ups.merge(transaction.connection, new)
    transaction.wakes()


def next_timer(agent: Agent, now: datetime) -> datetime | None:
    """When an agent's timer wakes it next; None if it has none, or is dismissed."""
    seconds = runtime_of(agent.runtime_config).timer_seconds
    return None if seconds is None or agent.status is AgentStatus.TERMINATED else now + timedelta(seconds=seconds)


def wake_agent(context: Context, transaction: Transaction, agent: Agent, reason: WakeReason, now: datetime) -> WakeUp:
    """Have an agent woken for no issue in particular; it is locked. What waits for it so already is the answer."""
    new = WakeUp(context.ids.new(now), agent.company_id, agent.id, None, reason, FIRST_ATTEMPT, now)
    transaction.wakes()
    return wake_ups.merge(transaction.connection, new)
