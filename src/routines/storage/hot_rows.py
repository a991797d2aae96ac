"""What the hot statements of every database select, and how a row of it is read.

How a set of ids is handed over, and what is locked, each database says in its own `hot`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from routines.core.deliveries import DeliveryRecord
from routines.core.fires import RoutineState
from routines.core.instants import from_milliseconds, to_milliseconds
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
from routines.storage.database import Claim, DueTrigger, Webhook

WEBHOOKS = """
    SELECT public_id, id, routine_id, enabled, signing_mode, replay_window_sec, sealed_secret FROM triggers
"""
_ROUTINE = """
    r.id, r.company_id, r.status, r.concurrency_policy, c.status, p.status, a.status, c.issue_prefix,
    r.assignee_agent_id, r.project_id, r.goal_id, r.parent_issue_id, r.title, r.description, r.priority
"""
_AROUND_ROUTINE = """
    JOIN companies c ON c.id = r.company_id
    JOIN projects p ON p.id = r.project_id
    JOIN agents a ON a.id = r.assignee_agent_id
"""
ROUTINE_STATES = f"SELECT {_ROUTINE} FROM routines r {_AROUND_ROUTINE}"  # noqa: S608 - constants
DUE_TRIGGERS = f"""
    SELECT t.id, t.company_id, t.routine_id, t.cron_expression, t.timezone, t.slots_decided_until, t.next_run_at,
           r.catch_up_policy, {_ROUTINE}
    FROM triggers t JOIN routines r ON r.id = t.routine_id {_AROUND_ROUTINE}
"""  # noqa: S608 - constants

_CATCH_UP = {policy.value: policy for policy in CatchUpPolicy}
_ROUTINE_STATUS = {status.value: status for status in RoutineStatus}
_CONCURRENCY = {policy.value: policy for policy in ConcurrencyPolicy}
_COMPANY = {status.value: status for status in CompanyStatus}
_PROJECT = {status.value: status for status in ProjectStatus}
_AGENT = {status.value: status for status in AgentStatus}
_SIGNING: dict[str | None, SigningMode | None] = {None: None, **{mode.value: mode for mode in SigningMode}}
_PRIORITY = {priority.value: priority for priority in Priority}


def claim(rows: Iterable[Sequence[Any]]) -> Claim:
    """Rows of `DUE_TRIGGERS`: the triggers, and their routines without their open issues."""
    claimed = Claim([], {}, [])
    for row in rows:
        trigger_id, company_id, routine_id, expression, timezone, until, following, catch_up, *routine = row
        try:
            if routine_id not in claimed.routines:
                claimed.routines[routine_id] = routine_state(routine)
            due = DueTrigger(
                trigger_id,
                company_id,
                routine_id,
                expression,
                timezone,
                from_milliseconds(until),
                from_milliseconds(following),
                _CATCH_UP[catch_up],
            )
        except (KeyError, TypeError, ValueError, OverflowError):
            claimed.unreadable.append(trigger_id)
        else:
            claimed.triggers.append(due)
    return claimed


def webhook(row: Sequence[Any]) -> Webhook:
    """A row of `WEBHOOKS` without its public id."""
    identity, routine_id, enabled, mode, window, secret = row
    return Webhook(identity, routine_id, bool(enabled), _SIGNING[mode], window, secret)


def delivery_row(record: DeliveryRecord) -> tuple[object, ...]:
    """A row of `unfired_deliveries`."""
    return (
        record.id,
        record.trigger_id,
        to_milliseconds(record.received_at),
        record.outcome.value,
        record.reason,
        record.run_id,
        record.content_type,
        record.body_bytes,
        record.user_agent,
    )


def routine_state(row: Sequence[Any]) -> RoutineState:
    """A row of `ROUTINE_STATES`; its open issue is another statement's."""
    identity, company_id, status, policy, company, project, agent, prefix, assignee, project_id, *copied = row
    goal_id, parent_issue_id, title, description, priority = copied
    return RoutineState(
        identity,
        company_id,
        _ROUTINE_STATUS[status],
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
