"""What follows when an issue changes, whoever changes it: its times, its run, its agent's wake-up, the audit.

The use cases that change issues are in `issues`, and what a heartbeat's end does to one in `heartbeat_endings`.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from functools import partial

from sqlalchemy import Connection

from routines.core.activity import ActivityAction
from routines.core.heartbeats import IN_HAND
from routines.core.lifecycle import run_after_issue_move
from routines.core.model import CLOSED_ISSUE_STATUSES, Actor, Comment, Issue, IssueStatus, RunStatus, WakeReason
from routines.core.notifications import Notice, issue_blocked, run_failed
from routines.dispatch import outbox
from routines.services.context import Context, changed_names
from routines.services.waking import NOT_WORKED_ON, wake_for_issue
from routines.storage.database import Transaction
from routines.storage.queries import issues, routines, runs, wake_ups


def move_issue(
    context: Context,
    transaction: Transaction,
    actor: Actor,
    before: Issue,
    after: Issue,
    now: datetime,
    *,
    action: ActivityAction = ActivityAction.ISSUE_UPDATED,
) -> Issue:
    """Store an issue that differs from what it was, with what follows from it; the issue is locked."""
    connection = transaction.connection
    closed = after.status in CLOSED_ISSUE_STATUSES
    if before.status is not after.status:
        started = after.started_at or (now if after.status is IssueStatus.IN_PROGRESS else None)
        after = replace(after, started_at=started, completed_at=now if closed else None)
    after = replace(after, updated_at=now)
    issues.change(connection, after)
    move = run_after_issue_move(before.status, after.status)
    if move is not None and after.origin_run_id is not None:
        has_run = runs.move_with_issue(connection, after.origin_run_id, move, now)
        if has_run and move.status is RunStatus.FAILED:
            reason = move.failure_reason or ""
            failed = partial(_failure, connection, after, reason)
            outbox.tell(transaction, [after.company_id], failed, now, context.ids)
    if after.status is IssueStatus.BLOCKED is not before.status:
        outbox.tell(transaction, [after.company_id], lambda: [issue_blocked(after, actor)], now, context.ids)
    reassigned = before.assignee_agent_id != after.assignee_agent_id
    if after.status in NOT_WORKED_ON or reassigned:
        wake_ups.drop_of_issue(connection, after.id)
    if reassigned or _is_to_be_gone_on_with(actor, before, after):
        wake_for_issue(context, transaction, after, WakeReason.ISSUE_ASSIGNED, now)
    names = changed_names(before, after)
    record_of_issue(context, transaction, actor, action, after, now, {"changed": names, "status": after.status.value})
    return after


def _failure(connection: Connection, issue: Issue, reason: str) -> list[Notice]:
    """What is told of the run of an issue that was cancelled."""
    routine_id = issue.origin_id or ""
    routine = routines.get(connection, routine_id)
    title = issue.title if routine is None else routine.title
    return [run_failed(issue.company_id, routine_id, title, issue.origin_run_id or "", reason, issue_id=issue.id)]


def _is_to_be_gone_on_with(actor: Actor, before: Issue, after: Issue) -> bool:
    """True if a move takes an issue up again, or if somebody else gives it back to its agent."""
    if after.status not in IN_HAND or before.status is after.status:
        return False
    if before.status in NOT_WORKED_ON:
        return True
    return after.status is IssueStatus.TODO and actor.agent_id != after.assignee_agent_id


def add_comment(
    context: Context, transaction: Transaction, actor: Actor, issue: Issue, body: str, now: datetime
) -> Comment:
    """Store a comment on an issue, which is locked, and wake the issue's agent unless it said it itself."""
    comment = Comment(context.ids.new(now), issue.company_id, issue.id, actor.agent_id, actor.user_id, body, now)
    issues.add_comment(transaction.connection, comment)
    is_outside = actor.agent_id is not None or actor.user_id is not None
    if is_outside and actor.agent_id != issue.assignee_agent_id:
        wake_for_issue(context, transaction, issue, WakeReason.ISSUE_COMMENTED, now)
    record_of_issue(
        context, transaction, actor, ActivityAction.ISSUE_COMMENT_ADDED, issue, now, {"commentId": comment.id}
    )
    return comment


def record_of_issue(
    context: Context,
    transaction: Transaction,
    actor: Actor,
    action: ActivityAction,
    issue: Issue,
    now: datetime,
    details: dict[str, object],
) -> None:
    """Append to the audit what was done to an issue."""
    subject = (issue.company_id, "issue", issue.id)
    context.record(transaction, actor, action, subject, now, {"identifier": issue.identifier, **details})
