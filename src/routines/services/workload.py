"""What agents have on their hands: what waits, what runs and what it took; and what heartbeats are about.

Nothing is changed here, and what an agent may do with its work is in `issues` and `heartbeats`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy import Connection

from routines.core.instants import month_of
from routines.core.limits import LIST_PAGE_MAX, LOOKED_THROUGH_MAX
from routines.core.model import Actor, Agent, HeartbeatRun, Issue, IssueInBrief, Routine, RoutineStatus
from routines.services.agents import visible_agent
from routines.services.context import Context, company_of_path
from routines.services.heartbeats import Heartbeat, Heartbeats
from routines.storage.queries import agents, heartbeat_runs, issues, routines, usage, wake_ups
from routines.storage.queries.heartbeat_runs import HeartbeatQuery
from routines.storage.queries.usage import UsageTotal

UNARCHIVED = (RoutineStatus.ACTIVE, RoutineStatus.PAUSED)
SHOWN_MAX = 20  # of an agent's routines and issues, beside their number


@dataclass(frozen=True, slots=True)
class Workload:
    """An agent, how many heartbeats of it wait and run, how many routines it has, and what the month took."""

    agent: Agent
    queued: int
    running: int
    routines: int
    usage: UsageTotal


@dataclass(frozen=True, slots=True)
class WorkloadPage:
    """Some agents of a company, oldest first; `after` is where the next ones begin, or None after the last."""

    month: datetime
    workloads: list[Workload]
    after: str | None


@dataclass(frozen=True, slots=True)
class OnHand:
    """An agent's newest routines and its most urgent open issues, and how many of each there are.

    Issues are counted up to the bound of one list, `LIST_PAGE_MAX`.
    """

    workload: Workload
    routines: list[Routine]
    issues: list[Issue]
    issue_count: int


@dataclass(frozen=True, slots=True)
class HeartbeatWithLinks:
    """A heartbeat with its agent, issue and routine, as far as they are still there."""

    heartbeat: Heartbeat
    agent: Agent | None
    issue: IssueInBrief | None
    routine: Routine | None


@dataclass(frozen=True, slots=True)
class HeartbeatsFound:
    """A page of heartbeats; `looked_back_to` is the last that the filters were held against, if not all were."""

    heartbeats: list[HeartbeatWithLinks]
    looked_back_to: HeartbeatRun | None


@dataclass(frozen=True, slots=True)
class Workloads:
    """The questions about what agents have on their hands."""

    context: Context
    heartbeats: Heartbeats

    def of_company(self, actor: Actor, company_id: str, limit: int, after: str | None = None) -> WorkloadPage:
        """A company's agents, oldest first, each with what it has on its hands."""
        with self.context.database.read() as connection:
            company_of_path(connection, actor, company_id)
            found = agents.page_of_company(connection, company_id, limit + 1, after)
            here = found[:limit]
            month = month_of(self.context.clock.now())
            return WorkloadPage(month, _workloads(connection, here, month), here[-1].id if len(found) > limit else None)

    def of_agent(self, actor: Actor, agent_id: str) -> OnHand:
        """What one agent has on its hands."""
        with self.context.database.read() as connection:
            agent = visible_agent(connection, actor, agent_id)
            [workload] = _workloads(connection, [agent], month_of(self.context.clock.now()))
            inbox = issues.inbox(connection, agent.id, LIST_PAGE_MAX)
            newest = routines.newest_of_agent(connection, agent.id, UNARCHIVED, SHOWN_MAX)
            return OnHand(workload, newest, inbox[:SHOWN_MAX], len(inbox))

    def search(self, actor: Actor, company_id: str, wanted: HeartbeatQuery) -> HeartbeatsFound:
        """A company's heartbeats, newest first, with what they are about."""
        with self.context.database.read() as connection:
            company_of_path(connection, actor, company_id)
            last = heartbeat_runs.end_of_look(connection, company_id, wanted, LOOKED_THROUGH_MAX)
        sought = wanted if last is None else replace(wanted, back_to=last.id)
        found = self.heartbeats.search(actor, company_id, lambda: sought)
        return HeartbeatsFound(self._linked(found), None if len(found) == wanted.limit else last)

    def heartbeat(self, actor: Actor, run_id: str) -> HeartbeatWithLinks:
        """A heartbeat with what it is about."""
        return self._linked([self.heartbeats.get(actor, run_id)])[0]

    def _linked(self, found: Sequence[Heartbeat]) -> list[HeartbeatWithLinks]:
        runs = [each.run for each in found]
        with self.context.database.read() as connection:
            who = {each.id: each for each in agents.of_ids(connection, {run.agent_id for run in runs})}
            about = issues.of_ids(connection, list({run.issue_id for run in runs if run.issue_id}))
            origins = routines.of_ids(connection, {run.routine_id for run in runs if run.routine_id})
        return [
            HeartbeatWithLinks(
                each,
                who.get(each.run.agent_id),
                about.get(each.run.issue_id or ""),
                origins.get(each.run.routine_id or ""),
            )
            for each in found
        ]


def _workloads(connection: Connection, found: Sequence[Agent], month: datetime) -> list[Workload]:
    ids = [each.id for each in found]
    queued = wake_ups.count_of_agents(connection, ids)
    running = heartbeat_runs.running_of_agents(connection, ids)
    assigned = routines.count_of_agents(connection, ids, UNARCHIVED)
    taken = usage.of_owners(connection, ids, month)
    return [
        Workload(
            agent=each,
            queued=queued.get(each.id, 0),
            running=len(running.get(each.id, ())),
            routines=assigned.get(each.id, 0),
            usage=taken.get(each.id, UsageTotal()),
        )
        for each in found
    ]
