"""Questions about routines that should have succeeded and have not, and which silences were told; and changes of those.

Whether a routine is quiet is decided by whoever asks, from its schedules and its last success.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import Connection, delete, func, insert, select, tuple_

from routines.core.limits import SUCCESSES_LOOKED_AT
from routines.core.model import CompanyStatus, IssueStatus, ProjectStatus, RoutineStatus
from routines.core.notifications import NotificationEvent, Subscription
from routines.storage.queries import notifications
from routines.storage.schema import (
    ISSUE_IS_CLOSED,
    companies,
    issues,
    notification_subscriptions,
    projects,
    routine_silences,
    routines,
    schedule_changes,
    triggers,
)

PAIRS_AT_ONCE = 1_000  # in a statement; SQLite takes 32,766 parameters, two of which are a pair


class Watched(NamedTuple):
    """A live schedule of a routine, what must be known to tell whether its routine is quiet, and since when it counts.

    A routine stands here once for each of its schedules. `last_success_at` is None where the newest closed issues were
    all cancelled, or there are none.
    """

    routine_id: str
    company_id: str
    title: str
    cron_expression: str
    timezone: str
    live_since: datetime
    last_success_at: datetime | None


def watching(connection: Connection) -> list[Subscription]:
    """The subscriptions of every company that are told of quiet routines."""
    query = select(notification_subscriptions.c.company_id).where(
        notification_subscriptions.c.enabled, notification_subscriptions.c.deleted_at.is_(None)
    )
    listening = notifications.listening(connection, set(connection.execute(query).scalars()))
    return [each for each in listening if NotificationEvent.ROUTINE_QUIET in each.events]


class Page(NamedTuple):
    """Live schedules in the order of their routines, and the last routine that was looked at; None after the last."""

    watched: Sequence[Watched]
    last: str | None


def page(connection: Connection, company_ids: Collection[str], after: str, limit: int) -> Page:
    """The live schedules of the next `limit` routines of these companies after an id.

    Companies, projects and routines that are not active have none: nothing is expected of them.
    """
    wanted = (
        select(routines.c.id)
        .where(
            routines.c.company_id.in_(company_ids),
            routines.c.id > after,
            routines.c.status == RoutineStatus.ACTIVE,
            routines.c.deleted_at.is_(None),
        )
        .order_by(routines.c.id)
        .limit(limit)
    )
    ids = connection.execute(wanted).scalars().all()
    changed = (
        select(func.max(schedule_changes.c.at)).where(schedule_changes.c.trigger_id == triggers.c.id).scalar_subquery()
    )
    newest = (
        select(issues.c.status, issues.c.completed_at)
        .where(issues.c.origin_id == routines.c.id, issues.c.origin_id.is_not(None), ISSUE_IS_CLOSED)
        .order_by(issues.c.id.desc())
        .limit(SUCCESSES_LOOKED_AT)
        .correlate(routines)
        .subquery()
    )
    succeeded = select(func.max(newest.c.completed_at)).where(newest.c.status == IssueStatus.DONE).scalar_subquery()
    query = (
        select(
            routines.c.id,
            routines.c.company_id,
            routines.c.title,
            triggers.c.cron_expression,
            triggers.c.timezone,
            changed,
            triggers.c.created_at,
            companies.c.active_since,
            projects.c.active_since,
            succeeded,
        )
        .select_from(routines)
        .join(triggers, triggers.c.routine_id == routines.c.id)
        .join(companies, companies.c.id == routines.c.company_id)
        .join(projects, projects.c.id == routines.c.project_id)
        .where(
            routines.c.id.in_(ids),
            triggers.c.next_run_at.is_not(None),
            companies.c.status == CompanyStatus.ACTIVE,
            projects.c.status == ProjectStatus.ACTIVE,
        )
        .order_by(routines.c.id)
    )
    watched = [
        Watched(*row[:5], live_since=max(at for at in row[5:9] if at is not None), last_success_at=row[9])
        for row in connection.execute(query)
    ]
    return Page(watched, ids[-1] if len(ids) == limit else None)


def told(connection: Connection, routine_ids: Collection[str]) -> dict[tuple[str, str], datetime]:
    """When subscriptions were last told of a silence of these routines, by (subscription id, routine id)."""
    query = select(routine_silences).where(routine_silences.c.routine_id.in_(routine_ids))
    return {(row.subscription_id, row.routine_id): row.told_at for row in connection.execute(query)}


def remember(connection: Connection, pairs: Sequence[tuple[str, str]], at: datetime) -> None:
    """Note that subscriptions are told of routines now; the caller alone tells."""
    end(connection, pairs)
    rows = [{"subscription_id": owner, "routine_id": routine_id, "told_at": at} for owner, routine_id in pairs]
    connection.execute(insert(routine_silences), rows)


def end(connection: Connection, pairs: Sequence[tuple[str, str]]) -> None:
    """Forget that these subscriptions were told of these routines."""
    key = (routine_silences.c.subscription_id, routine_silences.c.routine_id)
    for start in range(0, len(pairs), PAIRS_AT_ONCE):
        some = pairs[start : start + PAIRS_AT_ONCE]
        connection.execute(delete(routine_silences).where(tuple_(*key).in_(some)))


def forget_routine(connection: Connection, routine_id: str) -> None:
    """Forget the silences of a routine that is no more."""
    connection.execute(delete(routine_silences).where(routine_silences.c.routine_id == routine_id))


def forget(connection: Connection, subscription_id: str) -> None:
    """Let a subscription be told of every silence anew."""
    connection.execute(delete(routine_silences).where(routine_silences.c.subscription_id == subscription_id))
