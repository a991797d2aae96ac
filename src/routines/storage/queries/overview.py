"""Questions that a company's first page asks: its routines a page at a time, their last runs, and what became of a day.

Each reads what is shown and not what there is: by a range of an index, or by one seek for each routine of the page.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Connection, and_, func, literal, null, or_, select

from routines.clock import first_id
from routines.core.model import AgentStatus, RoutineStatus, Run, RunStatus, Source
from routines.storage.queries.routines import RoutineQuery, matching
from routines.storage.rows import every, select_model
from routines.storage.schema import agents, projects, routines, runs, triggers
from routines.storage.types import Id

_BEFORE_ALL = literal("00000000-0000-0000-0000-000000000000", Id)  # the nil UUID, which comes before every id


class RoutineOrder(StrEnum):
    """What a company's routines are sorted by; where that is not set, they come last."""

    TITLE = "title"
    AGENT = "agent"
    NEXT = "next"
    LAST = "last"
    UPDATED = "updated"


@dataclass(frozen=True, slots=True)
class RoutinesQuery:
    """Which of a company's routines are wanted, in which order, and which part of them.

    Archived ones are left out unless that status is asked for.
    """

    filters: RoutineQuery
    order: RoutineOrder
    descending: bool
    limit: int
    offset: int = 0

    def from_offset(self, offset: int) -> RoutinesQuery:
        """The same, but another part."""
        return replace(self, offset=offset)


class RoutineInBrief(NamedTuple):
    """A routine as a table shows it: whose it is, and when it fires next."""

    id: str
    title: str
    status: RoutineStatus
    pause_reason: str | None
    agent_id: str
    agent_name: str
    agent_status: AgentStatus
    next_run_at: datetime | None
    last_triggered_at: datetime | None


class RunInBrief(NamedTuple):
    """A run as a mark shows it, by the thousand: what became of it, when, and why."""

    id: str
    routine_id: str
    source: Source
    status: RunStatus
    triggered_at: datetime
    linked_issue_id: str | None
    failure_reason: str | None
    details: str | None


class FiresCounted(NamedTuple):
    """How many fires came from one source and became one thing; `details` are those of an outage, as JSON."""

    source: Source
    status: RunStatus
    details: str | None
    number: int


class Named(NamedTuple):
    """Something to choose by its name."""

    id: str
    name: str


class RoutineTitle(NamedTuple):
    """What a routine is called, or was before it was deleted."""

    title: str
    is_deleted: bool


class AgentInError(NamedTuple):
    """An agent in error, and why."""

    id: str
    name: str
    reason: str | None


class RoutineHeld(NamedTuple):
    """A routine that the service has paused, and why."""

    id: str
    title: str
    reason: str


def count(connection: Connection, company_id: str, filters: RoutineQuery) -> int:
    """How many of a company's routines agree with the filters."""
    query = select(func.count()).select_from(routines).where(*_shown(company_id, filters))
    return int(connection.execute(query).scalar_one())


def page(connection: Connection, company_id: str, wanted: RoutinesQuery) -> list[RoutineInBrief]:
    """A page of a company's routines."""
    soonest = (
        select(func.min(triggers.c.next_run_at))
        .where(triggers.c.routine_id == routines.c.id, triggers.c.next_run_at.is_not(None))
        .correlate(routines)
        .scalar_subquery()
    )
    by: dict[RoutineOrder, ColumnElement[Any]] = {
        RoutineOrder.TITLE: func.lower(routines.c.title),
        RoutineOrder.AGENT: func.lower(agents.c.name),
        RoutineOrder.NEXT: soonest,
        RoutineOrder.LAST: routines.c.last_triggered_at,
        RoutineOrder.UPDATED: routines.c.updated_at,
    }
    key = by[wanted.order]
    query = (
        select(
            routines.c.id,
            routines.c.title,
            routines.c.status,
            routines.c.pause_reason,
            agents.c.id,
            agents.c.name,
            agents.c.status,
            soonest,
            routines.c.last_triggered_at,
        )
        .select_from(routines)
        .join(agents, agents.c.id == routines.c.assignee_agent_id)
        .where(*_shown(company_id, wanted.filters))
        .order_by((key.desc() if wanted.descending else key).nulls_last(), func.lower(routines.c.title), routines.c.id)
        .limit(wanted.limit)
        .offset(wanted.offset)
    )
    return [RoutineInBrief(*row) for row in connection.execute(query)]


def last_runs(connection: Connection, routine_ids: Collection[str], each: int) -> Mapping[str, list[RunInBrief]]:
    """The newest runs of these routines, at most so many of each, the oldest first."""
    history = runs.alias("history")
    earliest = (
        select(history.c.id)
        .where(history.c.routine_id == routines.c.id)
        .order_by(history.c.id.desc())
        .offset(each - 1)
        .limit(1)
        .correlate(routines)
        .scalar_subquery()
    )
    query = (
        select_model(runs, RunInBrief)
        .select_from(routines)
        .join(runs, and_(runs.c.routine_id == routines.c.id, runs.c.id >= func.coalesce(earliest, _BEFORE_ALL)))
        .where(routines.c.id.in_(routine_ids))
        .order_by(runs.c.id)
    )
    found = defaultdict(list)
    for run in every(connection, RunInBrief, query):
        found[run.routine_id].append(run)
    return found


def fires_since(connection: Connection, company_id: str, since: datetime) -> list[FiresCounted]:
    """A company's fires since an instant, counted by where they came from and what became of them.

    Nearly all are slots whose work was completed: these are what is left of all, which an index counts by itself, and
    only the others are sorted.
    """
    recent = _since(company_id, since)
    kinds = (runs.c.source, runs.c.status, runs.c.details)
    usual = (Source.SCHEDULE, RunStatus.COMPLETED)
    unusual = or_(runs.c.status != RunStatus.COMPLETED, runs.c.source != Source.SCHEDULE)
    others = [
        FiresCounted(*row)
        for row in connection.execute(select(*kinds, func.count()).where(*recent, unusual).group_by(*kinds))
    ]
    total = connection.execute(select(func.count()).select_from(runs).where(*recent)).scalar_one()
    return [FiresCounted(*usual, None, total - sum(each.number for each in others)), *others]


def troubles_since(connection: Connection, company_id: str, since: datetime, limit: int) -> list[Run]:
    """A company's runs since an instant that failed, or that record an outage, newest first, without their payloads."""
    trouble = or_(runs.c.status == RunStatus.FAILED, runs.c.details.is_not(None))
    fields = (null() if name == "trigger_payload" else runs.c[name] for name in Run._fields)
    query = select(*fields).where(*_since(company_id, since), trouble)
    return every(connection, Run, query.order_by(runs.c.id.desc()).limit(limit))


def titles(connection: Connection, routine_ids: Collection[str]) -> Mapping[str, RoutineTitle]:
    """The titles of these routines by id, also of deleted ones."""
    query = select(routines.c.id, routines.c.title, routines.c.deleted_at.is_not(None))
    found = connection.execute(query.where(routines.c.id.in_(routine_ids)))
    return {row[0]: RoutineTitle(row[1], is_deleted=bool(row[2])) for row in found}


def overdue(connection: Connection, company_id: str, before: datetime) -> int:
    """How many of a company's schedules have a slot that was due before an instant, and nobody decided it."""
    query = select(func.count()).select_from(triggers)
    query = query.where(triggers.c.company_id == company_id, triggers.c.next_run_at < before)
    return int(connection.execute(query).scalar_one())


def held_routines(connection: Connection, company_id: str, limit: int) -> list[RoutineHeld]:
    """A company's routines that the service has paused, those changed last first."""
    query = select(routines.c.id, routines.c.title, routines.c.pause_reason).where(
        routines.c.company_id == company_id,
        routines.c.deleted_at.is_(None),
        routines.c.status == RoutineStatus.PAUSED,
        routines.c.pause_reason.is_not(None),
    )
    query = query.order_by(routines.c.updated_at.desc(), routines.c.id).limit(limit)
    return [RoutineHeld(*row) for row in connection.execute(query)]


def agents_in_error(connection: Connection, company_id: str, limit: int) -> list[AgentInError]:
    """A company's agents that are in error, those changed last first."""
    query = select(agents.c.id, agents.c.name, agents.c.status_reason).where(
        agents.c.company_id == company_id, agents.c.status == AgentStatus.ERROR
    )
    query = query.order_by(agents.c.updated_at.desc(), agents.c.id).limit(limit)
    return [AgentInError(*row) for row in connection.execute(query)]


def agent_names(connection: Connection, company_id: str, limit: int) -> list[Named]:
    """A company's agents that may have routines to look for, by name."""
    query = select(agents.c.id, agents.c.name).where(agents.c.company_id == company_id)
    return [Named(*row) for row in connection.execute(query.order_by(func.lower(agents.c.name)).limit(limit))]


def project_names(connection: Connection, company_id: str, limit: int) -> list[Named]:
    """A company's projects, by name."""
    query = select(projects.c.id, projects.c.name).where(projects.c.company_id == company_id)
    return [Named(*row) for row in connection.execute(query.order_by(func.lower(projects.c.name)).limit(limit))]


def routine_titles(connection: Connection, company_id: str, limit: int) -> list[Named]:
    """A company's routines by their titles, most recently changed first."""
    query = select(routines.c.id, routines.c.title).where(*matching(company_id, RoutineQuery()))
    newest_first = query.order_by(routines.c.updated_at.desc(), routines.c.id.desc())
    return [Named(*row) for row in connection.execute(newest_first.limit(limit))]


def _shown(company_id: str, filters: RoutineQuery) -> list[ColumnElement[bool]]:
    conditions = matching(company_id, filters)
    return conditions if filters.status is not None else [*conditions, routines.c.status != RoutineStatus.ARCHIVED]


def _since(company_id: str, since: datetime) -> tuple[ColumnElement[bool], ...]:
    """The runs that were recorded since an instant: their ids say when."""
    return (runs.c.company_id == company_id, runs.c.id >= first_id(since))
