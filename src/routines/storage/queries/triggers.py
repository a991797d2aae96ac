"""Questions about triggers, and changes of them; the scheduler's own statements are among each database's hot ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

from sqlalchemy import ColumnElement, Connection, func, insert, or_, select, update

from routines.core.model import RoutineStatus, Trigger, TriggerInBrief, TriggerKind
from routines.storage.rows import every, first, insert_model, select_model, update_model
from routines.storage.schema import routines, schedule_changes, triggers

_NOT_DELETED = triggers.c.deleted_at.is_(None)


def get(connection: Connection, trigger_id: str) -> Trigger | None:
    """The trigger, unless it is unknown or deleted."""
    return first(connection, Trigger, select_model(triggers, Trigger).where(triggers.c.id == trigger_id, _NOT_DELETED))


def of_routines(connection: Connection, routine_ids: Sequence[str]) -> list[Trigger]:
    """The triggers of these routines, oldest first."""
    query = select_model(triggers, Trigger).where(triggers.c.routine_id.in_(routine_ids), _NOT_DELETED)
    return every(connection, Trigger, query.order_by(triggers.c.id))


def of_ids(connection: Connection, trigger_ids: Sequence[str]) -> dict[str, TriggerInBrief]:
    """These triggers by id, deleted ones included, for their runs still tell of them."""
    query = select_model(triggers, TriggerInBrief).where(triggers.c.id.in_(trigger_ids))
    return {trigger.id: trigger for trigger in every(connection, TriggerInBrief, query)}


def of_company(connection: Connection, company_id: str) -> list[TriggerInBrief]:
    """The triggers of a company's routines, oldest first."""
    query = (
        select_model(triggers, TriggerInBrief)
        .join(routines, routines.c.id == triggers.c.routine_id)
        .where(routines.c.company_id == company_id, routines.c.deleted_at.is_(None), _NOT_DELETED)
    )
    return every(connection, TriggerInBrief, query.order_by(triggers.c.id))


def add(connection: Connection, trigger: Trigger) -> None:
    """Store a new trigger."""
    insert_model(connection, triggers, trigger)


def change(connection: Connection, trigger: Trigger) -> None:
    """Store a trigger as it now is."""
    update_model(connection, triggers, trigger)


def delete(connection: Connection, trigger_ids: Sequence[str], at: datetime) -> None:
    """Mark triggers deleted: they fire no more, their secrets are gone, and their runs still tell what they were."""
    connection.execute(
        update(triggers)
        .where(triggers.c.id.in_(trigger_ids))
        .values(deleted_at=at, enabled=False, next_run_at=None, sealed_secret=None, public_id=None)
    )


def due_companies(connection: Connection, after: datetime | None, now: datetime) -> list[str]:
    """The companies of which some schedule's next slot is later than `after` and not later than `now`."""
    query = select(triggers.c.company_id).distinct().where(triggers.c.next_run_at <= now)
    if after is not None:
        query = query.where(triggers.c.next_run_at > after)
    return list(connection.execute(query).scalars())


def next_slot(connection: Connection) -> datetime | None:
    """The nearest next slot of all, or None if nothing is scheduled."""
    query = select(triggers.c.next_run_at).where(triggers.c.next_run_at.is_not(None))
    return connection.execute(query.order_by(triggers.c.next_run_at).limit(1)).scalar_one_or_none()


def count_due(connection: Connection, now: datetime, count_max: int) -> int:
    """How many schedules' next slot has come, counted up to a bound."""
    due = select(triggers.c.id).where(triggers.c.next_run_at <= now).limit(count_max).subquery()
    return int(connection.execute(select(func.count()).select_from(due)).scalar_one())


def live_schedules(
    connection: Connection, *, after: str = "", limit: int | None = None, ids: Sequence[str] | None = None
) -> list[Trigger]:
    """Schedules that may fire (enabled, of an active routine) by id, from the one after `after` on; or of these ids."""
    query = (
        select_model(triggers, Trigger)
        .join(routines, routines.c.id == triggers.c.routine_id)
        .where(
            triggers.c.kind == TriggerKind.SCHEDULE,
            triggers.c.enabled,
            _NOT_DELETED,
            routines.c.deleted_at.is_(None),
            routines.c.status == RoutineStatus.ACTIVE,
        )
    )
    if after:
        query = query.where(triggers.c.id > after)
    if ids is not None:
        query = query.where(triggers.c.id.in_(ids))
    return every(connection, Trigger, query.order_by(triggers.c.id).limit(limit))


class LiveSchedule(NamedTuple):
    """A schedule that may fire, with whose it is."""

    trigger_id: str
    routine_id: str
    title: str
    assignee_agent_id: str
    cron_expression: str
    timezone: str
    slots_decided_until: datetime


def live_of_company(connection: Connection, company_id: str, *, agent_id: str | None = None) -> list[LiveSchedule]:
    """A company's schedules that may fire; with an agent only those of its routines."""
    of_agent = () if agent_id is None else (routines.c.assignee_agent_id == agent_id,)
    return _live(connection, triggers.c.company_id == company_id, triggers.c.next_run_at.is_not(None), *of_agent)


def soonest_of_company(connection: Connection, company_id: str, now: datetime, count: int) -> list[LiveSchedule]:
    """The schedules among which are the next `count` slots of a company after `now`.

    Those of which the next slot is the nearest, and those whose next slot has come and which may have another soon.
    """
    own, slot = triggers.c.company_id == company_id, triggers.c.next_run_at
    nearest = select(triggers.c.id).where(own, slot > now).order_by(slot, triggers.c.id).limit(count).scalar_subquery()
    return _live(connection, own, or_(slot <= now, triggers.c.id.in_(nearest)))


def _live(connection: Connection, *which: ColumnElement[bool]) -> list[LiveSchedule]:
    query = (
        select(
            triggers.c.id,
            triggers.c.routine_id,
            routines.c.title,
            routines.c.assignee_agent_id,
            triggers.c.cron_expression,
            triggers.c.timezone,
            triggers.c.slots_decided_until,
        )
        .join(routines, routines.c.id == triggers.c.routine_id)
        .where(*which)
    )
    return [LiveSchedule(*row) for row in connection.execute(query)]


def any_sealed(connection: Connection) -> Trigger | None:
    """Some trigger with a sealed secret, the newest, or None."""
    query = select_model(triggers, Trigger).where(triggers.c.sealed_secret.is_not(None), _NOT_DELETED)
    return first(connection, Trigger, query.order_by(triggers.c.id.desc()))


def record_schedule(
    connection: Connection, change_id: str, trigger: Trigger, *, at: datetime, live: bool, reason: str
) -> None:
    """Keep what a schedule is from `at` on, so that past slots can be told.

    A change is later than the one before it, also when the clock was set back in between.
    """
    before = select(func.max(schedule_changes.c.at)).where(schedule_changes.c.trigger_id == trigger.id)
    changed_last = connection.execute(before).scalar_one()
    if changed_last is not None:
        at = max(at, changed_last + timedelta(milliseconds=1))
    connection.execute(
        insert(schedule_changes).values(
            id=change_id,
            trigger_id=trigger.id,
            company_id=trigger.company_id,
            at=at,
            cron_expression=trigger.cron_expression,
            timezone=trigger.timezone,
            live=live,
            reason=reason,
        )
    )


@dataclass(frozen=True, slots=True)
class ScheduleChange:
    """What a schedule was from `at` on, and whether its slots were due."""

    at: datetime
    cron_expression: str
    timezone: str
    live: bool


def schedule_history(connection: Connection, trigger_id: str, until: datetime) -> list[ScheduleChange]:
    """What a schedule has been, from its creation until an instant, oldest first."""
    query = (
        select(
            schedule_changes.c.at,
            schedule_changes.c.cron_expression,
            schedule_changes.c.timezone,
            schedule_changes.c.live,
        )
        .where(schedule_changes.c.trigger_id == trigger_id, schedule_changes.c.at <= until)
        .order_by(schedule_changes.c.at, schedule_changes.c.id)
    )
    return [ScheduleChange(*row) for row in connection.execute(query)]
