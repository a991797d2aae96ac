"""The use cases of heartbeats: list, look at, read what was printed, wake, cancel, and an agent's own word of its end.

What workers do is in `heartbeat_work`, and what follows from an end in `heartbeat_endings`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from heapq import merge
from itertools import islice

from sqlalchemy import Connection

from routines.core.access import Action, require, require_visible
from routines.core.activity import ActivityAction
from routines.core.adapters import runtime_of
from routines.core.errors import ConflictError, ForbiddenError, NotFoundError
from routines.core.heartbeats import MICROS_OF_A_CENT, ErrorCode, Outcome, Waiting, waiting_for
from routines.core.instants import month_of
from routines.core.model import (
    Actor,
    AdapterType,
    Agent,
    AgentStatus,
    HeartbeatRun,
    HeartbeatStatus,
    WakeReason,
    WakeUp,
)
from routines.core.output import Ends, Excerpt, ends, excerpt
from routines.services import heartbeat_endings
from routines.services.agents import visible_agent
from routines.services.context import Body, Context, company_of_path
from routines.services.heartbeat_endings import End
from routines.services.waking import wake_agent
from routines.storage.database import Transaction
from routines.storage.queries import agents, companies, heartbeat_runs, usage, wake_ups
from routines.storage.queries.heartbeat_runs import HeartbeatQuery
from routines.storage.queries.wake_ups import QueuedQuery

HEARTBEAT_NOT_FOUND = "Heartbeat run not found"


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """A heartbeat, and while it is queued what it waits for."""

    run: HeartbeatRun
    waiting_for: str | None


@dataclass(frozen=True, slots=True)
class Heartbeats:
    """The use cases of heartbeats."""

    context: Context

    def search(self, actor: Actor, company_id: str, query: Body[HeartbeatQuery]) -> list[Heartbeat]:
        """A company's heartbeats, queued ones included, newest first."""
        with self.context.database.read() as connection:
            company_of_path(connection, actor, company_id)
            wanted = query()
            started: list[Heartbeat] = []
            if set(wanted.statuses) != {HeartbeatStatus.QUEUED}:  # what was started is queued no more
                started = [Heartbeat(run, None) for run in heartbeat_runs.search(connection, company_id, wanted)]
            queued: list[Heartbeat] = []
            if wanted.routine_id is None and (not wanted.statuses or HeartbeatStatus.QUEUED in wanted.statuses):
                same = QueuedQuery(wanted.limit, wanted.before, wanted.agent_id, wanted.issue_id)
                queued = self._queued(connection, wake_ups.search(connection, company_id, same))
            return list(islice(merge(started, queued, key=lambda each: each.run.id, reverse=True), wanted.limit))

    def get(self, actor: Actor, run_id: str) -> Heartbeat:
        """A heartbeat."""
        with self.context.database.read() as connection:
            run = heartbeat_runs.get(connection, run_id)
            if run is not None:
                require_visible(actor, run.company_id, HEARTBEAT_NOT_FOUND)
                return Heartbeat(run, None)
            wake_up = wake_ups.get(connection, run_id)
            if wake_up is None:
                raise NotFoundError(HEARTBEAT_NOT_FOUND)
            require_visible(actor, wake_up.company_id, HEARTBEAT_NOT_FOUND)
            return self._queued(connection, [wake_up])[0]

    def log(self, actor: Actor, run_id: str, after: Body[int]) -> Excerpt:
        """What a heartbeat has printed from a place on, as much as one reply holds."""
        heartbeat = self.get(actor, run_id)
        start = after()
        with self.context.database.read() as connection:
            pieces = heartbeat_runs.output(connection, run_id)
        over = heartbeat.run.status not in {HeartbeatStatus.QUEUED, HeartbeatStatus.RUNNING}
        return excerpt([(piece.start, piece.content) for piece in pieces], start, over=over)

    def log_ends(self, actor: Actor, run_id: str, *, head_bytes_max: int, tail_bytes_max: int) -> Ends:
        """What a heartbeat has printed, shortened in the middle."""
        heartbeat = self.get(actor, run_id)
        with self.context.database.read() as connection:
            pieces = heartbeat_runs.output(connection, run_id)
        over = heartbeat.run.status not in {HeartbeatStatus.QUEUED, HeartbeatStatus.RUNNING}
        printed = [(piece.start, piece.content) for piece in pieces]
        return ends(printed, over=over, head_bytes_max=head_bytes_max, tail_bytes_max=tail_bytes_max)

    def invoke(self, actor: Actor, agent_id: str, body: Body[None]) -> Heartbeat:
        """Wake an agent now, for nothing in particular; one that waits so already is not woken twice."""
        with self.context.database.write() as transaction:
            transaction.locks.agent(agent_id)
            agent = visible_agent(transaction.connection, actor, agent_id)
            require(actor, Action.WAKE_AGENT, assigned_to=agent.id)
            body()
            if agent.status is AgentStatus.TERMINATED:
                raise ConflictError(f"Agent {agent.name} is terminated and is woken no more")
            if not runtime_of(agent.runtime_config).wake_on_demand:
                raise ConflictError(
                    f"Agent {agent.name} is not woken on demand: runtimeConfig.heartbeat.wakeOnDemand is false"
                )
            now = self.context.clock.now()
            wake_up = wake_agent(self.context, transaction, agent, WakeReason.ON_DEMAND, now)
            subject = (agent.company_id, "agent", agent.id)
            self.context.record(
                transaction, actor, ActivityAction.AGENT_HEARTBEAT_INVOKED, subject, now, {"heartbeatRunId": wake_up.id}
            )
            return self._queued(transaction.connection, [wake_up])[0]

    def cancel(self, actor: Actor, run_id: str, body: Body[None]) -> Heartbeat:
        """End a heartbeat: a queued one at once, one that runs as soon as its worker hears of it."""
        before = self.get(actor, run_id).run
        with self.context.database.write() as transaction:
            connection = transaction.connection
            if before.issue_id is not None:
                transaction.locks.issue(before.issue_id)
            agents.lock(connection, [before.agent_id], wait=True)
            require(actor, Action.CANCEL_HEARTBEAT)
            body()
            now = self.context.clock.now()
            outcome = Outcome(
                HeartbeatStatus.CANCELLED, error_code=ErrorCode.CANCELLED, error=f"Cancelled by {actor.id}"
            )
            wake_up = wake_ups.get(connection, run_id)
            if wake_up is not None:
                wake_ups.take(connection, [wake_up.id])
                run = replace(wake_up.run(), status=outcome.status, finished_at=now, updated_at=now)
                run = replace(run, error_code=outcome.error_code, error=outcome.error)
                heartbeat_runs.add(connection, [run])
            else:
                run = self._cancel_started(transaction, actor, run_id, outcome)
            subject = (run.company_id, "heartbeat_run", run.id)
            self.context.record(
                transaction, actor, ActivityAction.HEARTBEAT_CANCELLED, subject, now, {"agentId": run.agent_id}
            )
        return Heartbeat(run, None)

    def _cancel_started(self, transaction: Transaction, actor: Actor, run_id: str, outcome: Outcome) -> HeartbeatRun:
        started = heartbeat_runs.get(transaction.connection, run_id)
        if started is None:
            raise NotFoundError(HEARTBEAT_NOT_FOUND)
        run = heartbeat_endings.lock_runs(transaction, [started]).get(run_id)
        if run is None:
            raise ConflictError(f"The heartbeat has ended already: it {started.status.value.replace('_', ' ')}")
        now = self.context.clock.now()
        if run.accepted_at is not None:
            return heartbeat_endings.end_runs(self.context, transaction, actor, [End(run, outcome)], now)[0]
        run = replace(run, cancel_requested_at=run.cancel_requested_at or now, updated_at=now)
        heartbeat_runs.change(transaction.connection, [run])
        transaction.wakes()
        return run

    def complete(self, actor: Actor, run_id: str, body: Body[Outcome]) -> Heartbeat:
        """An agent's own word of how its heartbeat ended; only for one that was started by HTTP, by its run token."""
        before = self.get(actor, run_id).run
        if not actor.is_run_token or actor.heartbeat_run_id != run_id:
            raise ForbiddenError("Only the run token of this very heartbeat can complete it")
        outcome = body()
        with self.context.database.write() as transaction:
            run = heartbeat_endings.lock_runs(transaction, [before]).get(run_id)
            if run is None:
                raise ConflictError("The heartbeat has ended already")
            agent = agents.get(transaction.connection, run.agent_id)
            is_called = run.accepted_at is not None or (agent is not None and agent.adapter_type is AdapterType.HTTP)
            if not is_called:
                raise ConflictError("This heartbeat ends with its command; only one started by HTTP is completed so")
            now = self.context.clock.now()
            [ended] = heartbeat_endings.end_runs(self.context, transaction, actor, [End(run, outcome)], now)
            return Heartbeat(ended, None)

    def _queued(self, connection: Connection, waiting: Sequence[WakeUp]) -> list[Heartbeat]:
        """Wake-ups as heartbeats, each with what it waits for."""
        month = month_of(self.context.clock.now())
        about: dict[str, Waiting] = {}
        for agent_id in {each.agent_id for each in waiting}:
            agent = agents.get(connection, agent_id)
            if agent is not None:
                about[agent_id] = self._waiting(
                    connection, agent, usage.of_owner(connection, agent_id, month).cost_micros
                )
        return [Heartbeat(each.run(), self._reason(about, each)) for each in waiting]

    @staticmethod
    def _waiting(connection: Connection, agent: Agent, spent_micros: int) -> Waiting:
        company = companies.get(connection, agent.company_id)
        running = heartbeat_runs.running_of_agents(connection, [agent.id]).get(agent.id, [])
        return Waiting(
            agent=agent,
            company_is_active=company is not None and company.status.value == "active",
            budget_is_spent=0 < agent.budget_monthly_cents * MICROS_OF_A_CENT <= spent_micros,
            most=runtime_of(agent.runtime_config).concurrent_runs_max,
            running_issues=tuple(run.issue_id for run in running),
        )

    @staticmethod
    def _reason(about: Mapping[str, Waiting], wake_up: WakeUp) -> str | None:
        return waiting_for(about[wake_up.agent_id], wake_up.issue_id) if wake_up.agent_id in about else None
