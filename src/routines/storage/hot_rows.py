"""What the hot statements of every database select, and how a row of it is read.

How a set of ids is handed over, and what is locked, each database says in its own `hot`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from routines.core.fires import RoutineState
from routines.core.instants import from_milliseconds
from routines.core.model import (
    AgentStatus,
    CatchUpPolicy,
    CompanyStatus,
    ConcurrencyPolicy,
    Priority,
    ProjectStatus,
    RoutineStatus,
)
from routines.core.signing import SigningMode
from routines.storage.database import DueTrigger, Webhook

DUE_TRIGGERS = """
    SELECT t.id, t.company_id, t.routine_id, t.cron_expression, t.timezone, t.slots_decided_until, t.next_run_at,
           r.catch_up_policy
    FROM triggers t JOIN routines r ON r.id = t.routine_id
"""
WEBHOOKS = """
    SELECT public_id, id, routine_id, enabled, signing_mode, replay_window_sec, sealed_secret FROM triggers
"""
ROUTINE_STATES = """
    SELECT r.id, r.company_id, r.status, r.concurrency_policy, c.status, p.status, a.status, c.issue_prefix,
           r.assignee_agent_id, r.project_id, r.goal_id, r.parent_issue_id, r.title, r.description, r.priority
    FROM routines r
    JOIN companies c ON c.id = r.company_id
    JOIN projects p ON p.id = r.project_id
    JOIN agents a ON a.id = r.assignee_agent_id
"""

_CATCH_UP = {policy.value: policy for policy in CatchUpPolicy}
_ROUTINE = {status.value: status for status in RoutineStatus}
_CONCURRENCY = {policy.value: policy for policy in ConcurrencyPolicy}
_COMPANY = {status.value: status for status in CompanyStatus}
_PROJECT = {status.value: status for status in ProjectStatus}
_AGENT = {status.value: status for status in AgentStatus}
_SIGNING: dict[str | None, SigningMode | None] = {None: None, **{mode.value: mode for mode in SigningMode}}
_PRIORITY = {priority.value: priority for priority in Priority}


def due_trigger(row: tuple[Any, ...]) -> DueTrigger:
    """A row of `DUE_TRIGGERS`."""
    trigger_id, company_id, routine_id, expression, timezone, until, following, catch_up = row
    return DueTrigger(
        trigger_id,
        company_id,
        routine_id,
        expression,
        timezone,
        from_milliseconds(until),
        from_milliseconds(following),
        _CATCH_UP[catch_up],
    )


def webhook(row: Sequence[Any]) -> Webhook:
    """A row of `WEBHOOKS` without its public id."""
    identity, routine_id, enabled, mode, window, secret = row
    return Webhook(identity, routine_id, bool(enabled), _SIGNING[mode], window, secret)


def routine_state(row: tuple[Any, ...]) -> RoutineState:
    """A row of `ROUTINE_STATES`; its open issue is another statement's."""
    identity, company_id, status, policy, company, project, agent, prefix, assignee, project_id, *copied = row
    goal_id, parent_issue_id, title, description, priority = copied
    return RoutineState(
        identity,
        company_id,
        _ROUTINE[status],
        _CONCURRENCY[policy],
        _COMPANY[company],
        _PROJECT[project],
        _AGENT[agent],
        prefix,
        assignee,
        project_id,
        goal_id,
        parent_issue_id,
        title,
        description,
        _PRIORITY[priority],
    )
