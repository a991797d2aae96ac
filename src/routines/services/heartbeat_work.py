"""What a worker asks of the database: heartbeats to start, leases to keep, ends to record.

Nothing is started here; any number of workers, on any number of machines, ask side by side.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from typing import NamedTuple

from sqlalchemy import Connection

from routines.core.activity import ActivityAction
from routines.core.adapters import runtime_of
from routines.core.fair_share import Candidate, shares
from routines.core.heartbeats import ErrorCode, Outcome
from routines.core.instants import month_of
from routines.core.model import (
    SERVICE,
    Agent,
    AgentStatus,
    Comment,
    HeartbeatRun,
    HeartbeatStatus,
    Issue,
    Routine,
    Run,
    WakeReason,
    WakeUp,
)
from routines.services import heartbeat_endings
from routines.services.context import Context
from routines.services.heartbeat_endings import End
from routines.services.waking import NOT_WORKED_ON, next_timer, wake_agent
from routines.storage.database import Transaction
from routines.storage.queries import agents, heartbeat_runs, issues, routines, runs, wake_ups
from routines.storage.queries.heartbeat_runs import Piece, Startable

TIMERS_AT_ONCE_MAX = 100  # agents in one transaction; the others are a second later
ENDED_AT_ONCE_MAX = 50  # ends in one transaction, for which fires on SQLite wait
COMMENTS_TOLD = 10  # the newest, which an agent is told with the issue; it can read the others
PAYLOADS_TOLD = 50  # the newest, the same
PAYLOAD_CHARACTERS_TOLD = 20_001  # one more than is shown of it, so that it shows that it was cut
LOST = Outcome(
    HeartbeatStatus.FAILED,
    error_code=ErrorCode.PROCESS_LOST,
    error="process_lost: the worker that ran it has died or was cut off",
)
OUT_OF_TIME = Outcome(
    HeartbeatStatus.TIMED_OUT,
    error_code=ErrorCode.TIMEOUT,
    error="The agent accepted the heartbeat and did not tell its outcome in time",
)
CANCELLED = Outcome(HeartbeatStatus.CANCELLED, error_code=ErrorCode.CANCELLED, error="Cancelled")


class Work(NamedTuple):
    """A heartbeat that this worker is to run, and what its agent is told."""

    run: HeartbeatRun
    agent: Agent
    issue: Issue | None
    routine: Routine | None
    fires: Sequence[Run]
    comments: Sequence[Comment]
    agent_names: Mapping[str, str]


class Claimed(NamedTuple):
    """What a worker has got; with `is_end` there is nothing more to be had now."""

    works: Sequence[Work]
    is_end: bool


class Ending(NamedTuple):
    """How a heartbeat ended, and the rest of what it printed, in place of what starts at `instead_from` or after."""

    run: HeartbeatRun
    outcome: Outcome
    output: Sequence[Piece]
    instead_from: int | None


@dataclass(frozen=True, slots=True)
class HeartbeatWork:
    """The questions of one worker, who holds what it takes for `lease` at a time."""

    context: Context
    worker_id: str
    lease: timedelta

    def claim(self, places: int) -> Claimed:
        """Take up to `places` heartbeats, fairly by company, the longest waiting of each agent first.

        No agent gets more at a time than its `maxConcurrentRuns`, no issue more than one, whoever else claims.
        """
        now = self.context.clock.now()
        with self.context.database.read() as connection:
            waiting = heartbeat_runs.startable(connection, month_of(now))
            running = heartbeat_runs.running_of_companies(connection)
        chosen = _shares(waiting, running, places)
        if not chosen:
            return Claimed([], is_end=True)
        with self.context.database.write() as transaction:
            now = self.context.clock.now()
            mine = agents.lock(transaction.connection, chosen, wait=False)
            startable = heartbeat_runs.startable(transaction.connection, month_of(now), among=mine)
            given = _shares(startable, running, places)
            agents_by_id = {each.agent.id: each.agent for each in startable}
            taken, started, found = self._take(transaction, given, agents_by_id, now)
        if not started:
            return Claimed([], is_end=not taken)
        with self.context.database.read() as connection:
            return Claimed(_told(connection, started, agents_by_id, found), is_end=False)

    def _take(
        self, transaction: Transaction, given: Mapping[str, int], by_id: Mapping[str, Agent], now: datetime
    ) -> tuple[int, list[HeartbeatRun], dict[str, Issue]]:
        """Start the oldest wake-ups of agents that are locked; one for which there is nothing left to do is dropped.

        How many were taken, what was started, and the issues of that.
        """
        connection = transaction.connection
        waking = [
            wake_up
            for agent_id, share in given.items()
            for wake_up in wake_ups.next_of_agent(connection, agent_id, share)
        ]
        wake_ups.take(connection, [each.id for each in waking])
        wanted = [each.issue_id for each in waking if each.issue_id is not None]
        found = {issue.id: issue for issue in issues.whole_of_ids(connection, wanted)}
        started = [run for each in waking if (run := self._run(each, found, now)) is not None]
        heartbeat_runs.add(connection, started)
        entries = [heartbeat_endings.entry_of(ActivityAction.HEARTBEAT_STARTED, run) for run in started]
        self.context.record_all(transaction, SERVICE, entries, now)
        transaction.after_commit(partial(transaction.observer.heartbeats_started, started))
        for agent_id in {run.agent_id for run in started}:
            if by_id[agent_id].status is not AgentStatus.RUNNING:
                agents.change(connection, replace(by_id[agent_id], status=AgentStatus.RUNNING, updated_at=now))
        return len(waking), started, found

    def _run(self, wake_up: WakeUp, found: Mapping[str, Issue], now: datetime) -> HeartbeatRun | None:
        """The heartbeat that a wake-up becomes."""
        issue = None if wake_up.issue_id is None else found.get(wake_up.issue_id)
        if wake_up.issue_id is not None and (issue is None or issue.status in NOT_WORKED_ON):
            return None
        return replace(
            wake_up.run(),
            routine_id=None if issue is None else issue.origin_id,
            status=HeartbeatStatus.RUNNING,
            started_at=now,
            worker_id=self.worker_id,
            lease_expires_at=now + self.lease,
            updated_at=now,
        )

    def renew(self, run_ids: Collection[str]) -> dict[str, bool]:
        """Keep these runs for another lease; those still this worker's, and whether each is to be cancelled."""
        now = self.context.clock.now()
        with self.context.database.write() as transaction:
            heartbeat_runs.renew(transaction.connection, self.worker_id, run_ids, now + self.lease)
        return self.held()

    def held(self) -> dict[str, bool]:
        """The runs that are this worker's, and whether each is to be cancelled."""
        with self.context.database.read() as connection:
            held = heartbeat_runs.held_by(connection, self.worker_id)
        return {run.id: run.cancel_requested_at is not None for run in held if run.accepted_at is None}

    def hand_over(self, run: HeartbeatRun, limit: timedelta) -> None:
        """Leave a run to an agent elsewhere that has accepted it, and has until the limit to tell the outcome."""
        with self.context.database.write() as transaction:
            now = self.context.clock.now()
            current = heartbeat_endings.lock_runs(transaction, [run]).get(run.id)
            if current is not None and current.worker_id == self.worker_id:
                accepted = replace(current, accepted_at=now, lease_expires_at=now + limit)
                heartbeat_runs.change(transaction.connection, [accepted])

    def keep_output(self, run: HeartbeatRun, pieces: Sequence[Piece], *, instead_from: int | None) -> None:
        """Store what a heartbeat has printed since."""
        with self.context.database.write() as transaction:
            heartbeat_runs.keep_output(transaction.connection, run.id, pieces, instead_from=instead_from)

    def finish(self, endings: Sequence[Ending]) -> None:
        """Record how up to ENDED_AT_ONCE_MAX heartbeats of this worker ended; of one that it has lost, nothing."""
        with self.context.database.write() as transaction:
            current = heartbeat_endings.lock_runs(transaction, [ending.run for ending in endings])
            own = [each for each in endings if each.run.id in current and self._holds(current[each.run.id])]
            for each in own:
                heartbeat_runs.keep_output(
                    transaction.connection, each.run.id, each.output, instead_from=each.instead_from
                )
            ends = [End(current[each.run.id], each.outcome) for each in own]
            heartbeat_endings.end_runs(self.context, transaction, SERVICE, ends, self.context.clock.now())

    def _holds(self, run: HeartbeatRun) -> bool:
        return run.worker_id == self.worker_id and run.accepted_at is None

    def end_expired(self) -> int:
        """End the heartbeats whose lease has run out, by whomever they were held; how many."""
        now = self.context.clock.now()
        with self.context.database.read() as connection:
            expired = heartbeat_runs.expired(connection, now, ENDED_AT_ONCE_MAX)
        if not expired:
            return 0
        with self.context.database.write() as transaction:
            now = self.context.clock.now()
            current = heartbeat_endings.lock_runs(transaction, expired)
            ends = [End(run, outcome) for run in current.values() if (outcome := _expiry(run, now)) is not None]
            heartbeat_endings.end_runs(self.context, transaction, SERVICE, ends, now)
        return len(expired)

    def wake_by_timer(self) -> int:
        """Wake the agents whose timer has come; how many. One that waits to be started already is not woken twice."""
        now = self.context.clock.now()
        with self.context.database.read() as connection:
            due = [agent.id for agent in agents.timer_due(connection, now, TIMERS_AT_ONCE_MAX)]
        if not due:
            return 0
        with self.context.database.write() as transaction:
            mine = agents.lock(transaction.connection, due, wait=False)  # others are being changed, or woken elsewhere
            woken = agents.timer_due(transaction.connection, now, TIMERS_AT_ONCE_MAX, among=mine)
            for agent in woken:
                agents.change(transaction.connection, replace(agent, next_heartbeat_at=next_timer(agent, now)))
                wake_agent(self.context, transaction, agent, WakeReason.HEARTBEAT_TIMER, now)
        return len(woken)


def _told(
    connection: Connection, started: Sequence[HeartbeatRun], by_id: Mapping[str, Agent], found: Mapping[str, Issue]
) -> list[Work]:
    """Heartbeats with all that their agents are told."""
    issue_ids = [run.issue_id for run in started if run.issue_id is not None]
    from_routines = routines.of_ids(connection, {run.routine_id for run in started if run.routine_id is not None})
    fires = runs.newest_of_issues(connection, issue_ids, PAYLOADS_TOLD, payload_characters=PAYLOAD_CHARACTERS_TOLD)
    comments = issues.newest_comments(connection, issue_ids, COMMENTS_TOLD)
    authors = {each.author_agent_id for said in comments.values() for each in said if each.author_agent_id}
    names = {agent.id: agent.name for agent in agents.of_ids(connection, authors)} if authors else {}
    return [
        Work(
            run,
            by_id[run.agent_id],
            None if run.issue_id is None else found[run.issue_id],
            None if run.routine_id is None else from_routines.get(run.routine_id),
            fires.get(run.issue_id or "", []),
            comments.get(run.issue_id or "", []),
            names,
        )
        for run in started
    ]


def _shares(startable: Sequence[Startable], running: Mapping[str, int], places: int) -> dict[str, int]:
    """How many heartbeats of each agent are started."""
    candidates = [
        Candidate(agent.id, agent.company_id, runtime_of(agent.runtime_config).concurrent_runs_max - own)
        for agent, own in startable
    ]
    return shares(candidates, running, places)


def _expiry(run: HeartbeatRun, now: datetime) -> Outcome | None:
    """How a heartbeat ends that nobody ends; None if it need not yet."""
    is_over = run.lease_expires_at is not None and run.lease_expires_at < now
    if run.cancel_requested_at is not None and (is_over or run.accepted_at is not None):
        return CANCELLED
    if not is_over:
        return None
    return LOST if run.accepted_at is None else OUT_OF_TIME
