"""What follows from the end of heartbeats: their record, what they took, their issues, their agents' status.

What should follow is decided by `core.heartbeats`; whoever ends a heartbeat, a worker, an operator or the agent
itself, ends it here. Everything is done for a set at once, for a worker ends many.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import NamedTuple

from routines.core.activity import ActivityAction
from routines.core.heartbeats import ErrorCode, Follow, Health, Outcome, blocked_comment, follow, following_attempt
from routines.core.instants import month_of
from routines.core.model import (
    AT_REST,
    SERVICE,
    Actor,
    AgentStatus,
    HeartbeatRun,
    HeartbeatStatus,
    Issue,
    IssueStatus,
    WakeReason,
    WakeUp,
)
from routines.core.notifications import Notice, heartbeat_failed
from routines.dispatch import outbox
from routines.services.context import Context, Entry
from routines.services.issue_moves import add_comment, move_issue
from routines.storage.database import Transaction
from routines.storage.queries import agents, heartbeat_runs, issues, usage, wake_ups
from routines.storage.queries.usage import UsageTotal


class End(NamedTuple):
    """How a run ends."""

    run: HeartbeatRun
    outcome: Outcome


def lock_runs(transaction: Transaction, runs: Sequence[HeartbeatRun]) -> dict[str, HeartbeatRun]:
    """Keep runs, their issues, agents and routines' sums to this transaction; those that still run, as they now are."""
    transaction.locks.issues([run.issue_id for run in runs if run.issue_id is not None])
    agents.lock(transaction.connection, {run.agent_id for run in runs}, wait=True)
    transaction.locks.routines(sorted({run.routine_id for run in runs if run.routine_id is not None}))
    current = heartbeat_runs.of_ids(transaction.connection, [run.id for run in runs])
    return {run.id: run for run in current if run.status is HeartbeatStatus.RUNNING}


def end_runs(
    context: Context, transaction: Transaction, actor: Actor, ends: Sequence[End], now: datetime
) -> list[HeartbeatRun]:
    """Record how runs ended, which `lock_runs` has locked, with all that follows; the runs as they now are.

    The actor is who ended them: an operator, the agent by its own word, or the service.
    """
    ended = [_ended(run, outcome, now) for run, outcome in ends]
    heartbeat_runs.change(transaction.connection, ended)
    context.record_all(transaction, actor, [entry_of(ActivityAction.HEARTBEAT_FINISHED, run) for run in ended], now)
    took: dict[str, UsageTotal] = {}
    for run, outcome in ends:
        for owner in (run.agent_id, run.routine_id):
            if owner is not None:
                took[owner] = took.get(owner, UsageTotal()).plus(outcome.usage)
    usage.add(transaction.connection, took, month_of(now))
    failed = [run for run in ended if run.status in {HeartbeatStatus.FAILED, HeartbeatStatus.TIMED_OUT}]
    if failed:
        companies = {run.company_id for run in failed}
        outbox.tell(transaction, companies, lambda: _notices(transaction, failed), now, context.ids)
    _settle_issues(context, transaction, ends, now)
    _settle_agents(transaction, ends, now)
    transaction.wakes()  # their places are free
    transaction.after_commit(partial(transaction.observer.heartbeats_ended, ended))
    return ended


def entry_of(action: ActivityAction, run: HeartbeatRun) -> Entry:
    """What the activity says of a heartbeat's beginning or end."""
    details = {"agentId": run.agent_id, "issueId": run.issue_id, "routineId": run.routine_id, "reason": run.reason}
    if action is ActivityAction.HEARTBEAT_FINISHED:
        details |= {"status": run.status.value, "errorCode": run.error_code}
    return Entry(action, (run.company_id, "heartbeat_run", run.id), details)


def _notices(transaction: Transaction, failed: Sequence[HeartbeatRun]) -> list[Notice]:
    """What is told of heartbeats that failed, with the names of their agents and issues."""
    agent_names = {
        agent.id: agent.name for agent in agents.of_ids(transaction.connection, {r.agent_id for r in failed})
    }
    named = issues.whole_of_ids(transaction.connection, {run.issue_id for run in failed if run.issue_id is not None})
    identifiers = {issue.id: issue.identifier for issue in named}
    return [heartbeat_failed(run, agent_names[run.agent_id], identifiers.get(run.issue_id or "")) for run in failed]


def _ended(run: HeartbeatRun, outcome: Outcome, now: datetime) -> HeartbeatRun:
    return replace(
        run,
        status=outcome.status,
        finished_at=now,
        lease_expires_at=None,
        exit_code=outcome.exit_code,
        signal=outcome.signal,
        error_code=outcome.error_code,
        error=outcome.error,
        summary=outcome.summary,
        updated_at=now,
        **outcome.usage._asdict(),
    )


def _settle_issues(context: Context, transaction: Transaction, ends: Sequence[End], now: datetime) -> None:
    connection = transaction.connection
    by_issue = {run.issue_id: End(run, outcome) for run, outcome in ends if run.issue_id is not None}
    waiting = wake_ups.waiting_issues(connection, by_issue)
    alive = {
        agent.id
        for agent in agents.of_ids(connection, {run.agent_id for run, _ in ends})
        if agent.status is not AgentStatus.TERMINATED
    }
    woken = []
    for issue in issues.whole_of_ids(connection, by_issue):
        run, outcome = by_issue[issue.id]
        still_assigned = issue.assignee_agent_id == run.agent_id and run.agent_id in alive
        what = follow(outcome, attempt=run.attempt, issue=issue.status, still_assigned=still_assigned)
        if what is Follow.NOTHING or issue.id in waiting:
            continue  # what waits already is something that the agent has not heard yet
        if what is Follow.WAKE_AGAIN:
            woken.append(_wake_again(context, issue, run, outcome, now))
        else:
            moved = move_issue(context, transaction, SERVICE, issue, replace(issue, status=IssueStatus.BLOCKED), now)
            add_comment(context, transaction, SERVICE, moved, blocked_comment(outcome, run.attempt), now)
    wake_ups.add(connection, woken)


def _wake_again(context: Context, issue: Issue, run: HeartbeatRun, outcome: Outcome, now: datetime) -> WakeUp:
    return WakeUp(
        id=context.ids.new(now),
        company_id=issue.company_id,
        agent_id=run.agent_id,
        issue_id=issue.id,
        reason=WakeReason.PROCESS_LOST if outcome.error_code is ErrorCode.PROCESS_LOST else WakeReason.ISSUE_UNFINISHED,
        attempt=following_attempt(outcome, run.attempt),
        created_at=now,
    )


def _settle_agents(transaction: Transaction, ends: Sequence[End], now: datetime) -> None:
    connection = transaction.connection
    running = heartbeat_runs.running_of_agents(connection, {run.agent_id for run, _ in ends})
    for agent in agents.of_ids(connection, {run.agent_id for run, _ in ends}):
        health = Health(agent.failures_in_a_row, agent.status_reason)
        for run, outcome in ends:
            health = health.after(outcome) if run.agent_id == agent.id else health
        status = agent.status if agent.status in AT_REST else health.status(running=len(running.get(agent.id, [])))
        after = replace(
            agent, status=status, status_reason=health.status_reason, failures_in_a_row=health.failures_in_a_row
        )
        if after != agent:
            agents.change(connection, replace(after, updated_at=now))
