"""Questions about heartbeats that were started, or may be, and what they printed; and changes of them.

Queued ones are in `wake_ups`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from operator import attrgetter
from typing import NamedTuple

from sqlalchemy import ColumnElement, Connection, delete, exists, func, insert, literal_column, or_, select, update

from routines.core.heartbeats import MICROS_OF_A_CENT
from routines.core.model import AT_REST, AdapterType, Agent, CompanyStatus, HeartbeatRun, HeartbeatStatus
from routines.storage.queries.stretches import end_of_stretch
from routines.storage.queries.wake_ups import is_worked_on
from routines.storage.rows import columns, every, get_model, insert_models, select_model, update_models
from routines.storage.schema import agents, companies, heartbeat_output, heartbeat_runs, usage_totals, wake_ups

# The words of the partial indexes, without which a database does not use them.
IS_RUNNING: ColumnElement[bool] = literal_column("heartbeat_runs.status = 'running'")
_ENDED = frozenset(HeartbeatStatus) - {HeartbeatStatus.QUEUED, HeartbeatStatus.RUNNING}


def get(connection: Connection, run_id: str) -> HeartbeatRun | None:
    """The run, or None."""
    return get_model(connection, heartbeat_runs, HeartbeatRun, run_id)


def of_ids(connection: Connection, run_ids: Collection[str]) -> list[HeartbeatRun]:
    """These runs; unknown ones are left out."""
    query = select_model(heartbeat_runs, HeartbeatRun).where(heartbeat_runs.c.id.in_(run_ids))
    return every(connection, HeartbeatRun, query)


@dataclass(frozen=True, slots=True)
class HeartbeatQuery:
    """Which of a company's runs are wanted: all that agree with every filter that is set, a page at a time.

    None is older than `back_to`.
    """

    limit: int
    before: str | None = None
    agent_id: str | None = None
    issue_id: str | None = None
    routine_id: str | None = None
    statuses: tuple[HeartbeatStatus, ...] = ()
    back_to: str | None = None


def search(connection: Connection, company_id: str, wanted: HeartbeatQuery) -> list[HeartbeatRun]:
    """A company's runs, newest first, from the one after `before` on."""
    query = select_model(heartbeat_runs, HeartbeatRun).where(heartbeat_runs.c.company_id == company_id)
    if wanted.before is not None:
        query = query.where(heartbeat_runs.c.id < wanted.before)
    if wanted.back_to is not None:
        query = query.where(heartbeat_runs.c.id >= wanted.back_to)
    if wanted.statuses:
        query = query.where(heartbeat_runs.c.status.in_(wanted.statuses))
    if wanted.statuses and not _ENDED.intersection(wanted.statuses):
        # Said so that SQLite begins with the few that run and not with all that there were.
        query = query.where(heartbeat_runs.c.id.in_(select(heartbeat_runs.c.id).where(IS_RUNNING)))
    for column in (heartbeat_runs.c.agent_id, heartbeat_runs.c.issue_id, heartbeat_runs.c.routine_id):
        value = getattr(wanted, column.name)
        if value is not None:
            query = query.where(column == value)
    return every(connection, HeartbeatRun, query.order_by(heartbeat_runs.c.id.desc()).limit(wanted.limit))


def end_of_look(connection: Connection, company_id: str, wanted: HeartbeatQuery, entries: int) -> HeartbeatRun | None:
    """The last of so many runs that are to be held against the filters for one page, where there are more.

    None also where an index knows those that are wanted.
    """
    if wanted.agent_id or wanted.issue_id or wanted.routine_id or not _ENDED.intersection(wanted.statuses):
        return None
    back_to = end_of_stretch(connection, heartbeat_runs, company_id, wanted.before, entries)
    return None if back_to is None else get(connection, back_to)


class Startable(NamedTuple):
    """An agent for which something waits and that may be started, with how many heartbeats of it run."""

    agent: Agent
    running: int


def startable(connection: Connection, month: datetime, *, among: Collection[str] | None = None) -> list[Startable]:
    """The agents that something waits for and that nothing but their own limit keeps from being started.

    `month` is the first instant of the month of which the budget is; `among` narrows the question.
    """
    running = (
        select(heartbeat_runs.c.agent_id, func.count().label("count"))
        .where(IS_RUNNING)
        .group_by(heartbeat_runs.c.agent_id)
        .subquery()
    )
    query = (
        select(*columns(agents, Agent), func.coalesce(running.c.count, 0))
        .join(companies, companies.c.id == agents.c.company_id)
        .outerjoin(running, running.c.agent_id == agents.c.id)
        .where(*_may_be_started(month), exists().where(wake_ups.c.agent_id == agents.c.id, ~is_worked_on()))
    )
    if among is not None:
        query = query.where(agents.c.id.in_(among))
    return [Startable(Agent(*row[:-1]), row[-1]) for row in connection.execute(query)]


def _may_be_started(month: datetime) -> tuple[ColumnElement[bool], ...]:
    """True of an agent, joined with its company, that nothing but its own limit keeps from being started."""
    return (
        agents.c.adapter_type != AdapterType.NONE,
        agents.c.status.not_in(AT_REST),
        companies.c.status == CompanyStatus.ACTIVE,
        or_(
            agents.c.budget_monthly_cents == 0,
            _spent_micros(month) < agents.c.budget_monthly_cents * MICROS_OF_A_CENT,
        ),
    )


def queue(connection: Connection, month: datetime, count_max: int) -> tuple[int, datetime | None]:
    """How many heartbeats wait of agents that may be started, counted up to a bound, and since when the oldest does.

    What waits for an agent that is paused, out of budget or looks for work by itself is in no queue.
    """
    startable_agents = (
        select(agents.c.id).join(companies, companies.c.id == agents.c.company_id).where(*_may_be_started(month))
    )
    waiting = select(wake_ups.c.id).where(wake_ups.c.agent_id.in_(startable_agents), ~is_worked_on()).limit(count_max)
    count = connection.execute(select(func.count()).select_from(waiting.subquery())).scalar_one()
    if not count:
        return 0, None
    oldest = (
        select(wake_ups.c.created_at)
        .where(wake_ups.c.agent_id == agents.c.id, ~is_worked_on())
        .order_by(wake_ups.c.id)
        .limit(1)
        .correlate(agents)
        .scalar_subquery()
    )
    of_agents = select(oldest.label("since")).where(agents.c.id.in_(startable_agents)).subquery()
    return int(count), connection.execute(select(func.min(of_agents.c.since))).scalar_one()


def _spent_micros(month: datetime) -> ColumnElement[int]:
    spent = select(usage_totals.c.cost_micros).where(
        usage_totals.c.owner_id == agents.c.id, usage_totals.c.month == month
    )
    return func.coalesce(spent.correlate(agents).scalar_subquery(), 0)


def running_of_companies(connection: Connection) -> Mapping[str, int]:
    """How many heartbeats of each company run."""
    query = select(heartbeat_runs.c.company_id, func.count()).where(IS_RUNNING).group_by(heartbeat_runs.c.company_id)
    return {row[0]: int(row[1]) for row in connection.execute(query)}


def running_of_agents(connection: Connection, agent_ids: Collection[str]) -> Mapping[str, list[HeartbeatRun]]:
    """The heartbeats that run of each of these agents, of those that have any."""
    query = select_model(heartbeat_runs, HeartbeatRun).where(heartbeat_runs.c.agent_id.in_(agent_ids), IS_RUNNING)
    found = defaultdict(list)
    # Sorted here: told to sort, SQLite would walk all that these agents ever ran instead of what runs.
    for run in sorted(every(connection, HeartbeatRun, query), key=attrgetter("id")):
        found[run.agent_id].append(run)
    return found


def lengths_of_agent(connection: Connection, agent_id: str, limit: int) -> list[timedelta]:
    """How long those of an agent's last `limit` heartbeats took that came to work: they succeeded, or ran out of time.

    One that failed at once, or was cancelled, tells nothing of how long the work takes.
    """
    told = (heartbeat_runs.c.status, heartbeat_runs.c.started_at, heartbeat_runs.c.finished_at)
    query = select(*told).where(heartbeat_runs.c.agent_id == agent_id, heartbeat_runs.c.finished_at.is_not(None))
    last = connection.execute(query.order_by(heartbeat_runs.c.id.desc()).limit(limit))
    worked = {HeartbeatStatus.SUCCEEDED, HeartbeatStatus.TIMED_OUT}
    return [row.finished_at - row.started_at for row in last if row.status in worked and row.started_at is not None]


def add(connection: Connection, runs: Sequence[HeartbeatRun]) -> None:
    """Store new runs."""
    insert_models(connection, heartbeat_runs, runs)


def change(connection: Connection, runs: Sequence[HeartbeatRun]) -> None:
    """Store runs as they now are."""
    update_models(connection, heartbeat_runs, runs)


def request_cancel_of_agent(connection: Connection, agent_id: str, at: datetime) -> None:
    """Have an agent's heartbeats ended by the workers that hold them."""
    connection.execute(
        update(heartbeat_runs)
        .where(heartbeat_runs.c.agent_id == agent_id, IS_RUNNING, heartbeat_runs.c.cancel_requested_at.is_(None))
        .values(cancel_requested_at=at, updated_at=at)
    )


def held_by(connection: Connection, worker_id: str) -> list[HeartbeatRun]:
    """The runs of a worker, for as long as they are its own."""
    query = select_model(heartbeat_runs, HeartbeatRun).where(heartbeat_runs.c.worker_id == worker_id, IS_RUNNING)
    return every(connection, HeartbeatRun, query)


def renew(connection: Connection, worker_id: str, run_ids: Collection[str], until: datetime) -> None:
    """Let a worker keep those of these runs that are still its own until then."""
    connection.execute(
        update(heartbeat_runs)
        .where(heartbeat_runs.c.id.in_(run_ids), heartbeat_runs.c.worker_id == worker_id, IS_RUNNING)
        .values(lease_expires_at=until)
    )


def expired(connection: Connection, now: datetime, limit: int) -> list[HeartbeatRun]:
    """Runs whose lease has ended, the longest ago first; and those cancelled that no worker holds any more."""
    given_up = heartbeat_runs.c.accepted_at.is_not(None) & heartbeat_runs.c.cancel_requested_at.is_not(None)
    over = or_(heartbeat_runs.c.lease_expires_at < now, given_up)
    query = select_model(heartbeat_runs, HeartbeatRun).where(IS_RUNNING, over)
    return every(connection, HeartbeatRun, query.order_by(heartbeat_runs.c.lease_expires_at).limit(limit))


class Piece(NamedTuple):
    """A part of what a heartbeat printed: where it starts, in bytes from the beginning, and the bytes."""

    start: int
    content: bytes


def keep_output(connection: Connection, run_id: str, pieces: Sequence[Piece], *, instead_from: int | None) -> None:
    """Store parts of an output, in place of what starts at `instead_from` or after if that is given."""
    if instead_from is not None:
        connection.execute(
            delete(heartbeat_output).where(
                heartbeat_output.c.run_id == run_id, heartbeat_output.c.start >= instead_from
            )
        )
    if pieces:
        connection.execute(insert(heartbeat_output), [{"run_id": run_id, **piece._asdict()} for piece in pieces])


def output(connection: Connection, run_id: str) -> list[Piece]:
    """All that is kept of what a heartbeat printed, in order."""
    query = select(heartbeat_output.c.start, heartbeat_output.c.content).where(heartbeat_output.c.run_id == run_id)
    return [
        Piece(row.start, bytes(row.content)) for row in connection.execute(query.order_by(heartbeat_output.c.start))
    ]
