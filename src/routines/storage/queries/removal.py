"""What is old enough to be removed, and its removal: runs, heartbeats, activity, both logs, spent causes.

Age is read off the ids, which carry the time at which they were made, so that no index is needed for it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import ColumnElement, Connection, and_, delete, exists, select, tuple_

from routines.clock import first_id
from routines.core.model import RunStatus
from routines.core.notifications import NotificationStatus
from routines.storage.schema import (
    ISSUE_IS_OPEN,
    activity,
    heartbeat_output,
    heartbeat_runs,
    issues,
    notifications,
    run_aliases,
    runs,
    unfired_deliveries,
)

BEFORE_ALL = "00000000-0000-0000-0000-000000000000"
OVER = (RunStatus.COMPLETED, RunStatus.FAILED, RunStatus.SKIPPED, RunStatus.COALESCED)


@dataclass(frozen=True, slots=True)
class Age:
    """What counts as old at an instant: all that was over before `until`."""

    until: datetime
    now: datetime


class Page(NamedTuple):
    """Some old rows in the order of their ids: those to be removed, and the last of all that were looked at."""

    to_remove: list[str]
    last: str


def _may_go(age: Age) -> ColumnElement[bool]:
    """Runs that are over for long, whose issue is closed, and under none of whose causes a signed request may come."""
    issue_is_open = exists().where(issues.c.id == runs.c.linked_issue_id, ISSUE_IS_OPEN)
    is_remembered = exists().where(run_aliases.c.run_id == runs.c.id, run_aliases.c.expires_at >= age.now)
    return and_(runs.c.status.in_(OVER), runs.c.completed_at < age.until, ~issue_is_open, ~is_remembered)


def page_of_runs(connection: Connection, age: Age, after: str, *, limit: int) -> Page | None:
    """The next old runs after an id, or None after the last."""
    query = select(runs.c.id).where(runs.c.id > after, runs.c.id < first_id(age.until))
    found = connection.execute(query.order_by(runs.c.id).limit(limit)).scalars().all()
    # Asked in one statement, PostgreSQL reads every open issue for each page.
    going = select(runs.c.id).where(runs.c.id.in_(found), _may_go(age)).order_by(runs.c.id)
    return Page(list(connection.execute(going).scalars()), found[-1]) if found else None


def remove_runs(connection: Connection, *, age: Age, ids: Sequence[str]) -> int:
    """Remove those of these runs that may still go, with all their causes; how many.

    One whose row somebody holds is passed over: removal waits for nobody.
    """
    held = select(runs.c.id).where(runs.c.id.in_(ids), _may_go(age)).with_for_update(of=runs, skip_locked=True)
    going = connection.execute(held).scalars().all()
    connection.execute(delete(run_aliases).where(run_aliases.c.run_id.in_(going)))
    connection.execute(delete(runs).where(runs.c.id.in_(going)))
    return len(going)


def page_of_activity(connection: Connection, age: Age, after: str, *, limit: int) -> Page | None:
    """The next old entries after an id, or None after the last."""
    query = select(activity.c.id).where(activity.c.id > after, activity.c.id < first_id(age.until))
    found = list(connection.execute(query.order_by(activity.c.id).limit(limit)).scalars())
    return Page(found, found[-1]) if found else None


def remove_activity(connection: Connection, *, age: Age, ids: Sequence[str]) -> int:
    """Remove those of these entries that are old; how many."""
    old = (activity.c.id.in_(ids), activity.c.id < first_id(age.until))
    return connection.execute(delete(activity).where(*old)).rowcount


def page_of_deliveries(connection: Connection, age: Age, after: str, *, limit: int) -> Page | None:
    """The next old deliveries that made no run after an id, or None after the last."""
    kept = unfired_deliveries.c.id
    found = list(
        connection.execute(
            select(kept).where(kept > after, kept < first_id(age.until)).order_by(kept).limit(limit)
        ).scalars()
    )
    return Page(found, found[-1]) if found else None


def remove_deliveries(connection: Connection, *, age: Age, ids: Sequence[str]) -> int:
    """Remove those of these deliveries that are old, but for those that somebody removes just now; how many."""
    kept = unfired_deliveries.c.id
    held = select(kept).where(kept.in_(ids), kept < first_id(age.until)).with_for_update(skip_locked=True)
    going = connection.execute(held).scalars().all()
    return connection.execute(delete(unfired_deliveries).where(kept.in_(going))).rowcount


def any_expired_alias(connection: Connection, now: datetime) -> bool:
    """True if a further cause of some run cannot come any more."""
    return connection.execute(select(1).where(run_aliases.c.expires_at < now).limit(1)).first() is not None


def remove_expired_aliases(connection: Connection, now: datetime, *, limit: int) -> int:
    """Remove further causes that cannot come any more, the longest expired first; how many."""
    key = (run_aliases.c.routine_id, run_aliases.c.cause)
    expired = select(*key).where(run_aliases.c.expires_at < now).order_by(run_aliases.c.expires_at).limit(limit)
    found = [tuple(row) for row in connection.execute(expired)]
    return connection.execute(delete(run_aliases).where(tuple_(*key).in_(found))).rowcount if found else 0


def page_of_heartbeats(connection: Connection, age: Age, after: str, *, limit: int) -> Page | None:
    """The next old heartbeats after an id, or None after the last."""
    query = select(heartbeat_runs.c.id).where(heartbeat_runs.c.id > after, heartbeat_runs.c.id < first_id(age.until))
    found = connection.execute(query.order_by(heartbeat_runs.c.id).limit(limit)).scalars().all()
    going = select(heartbeat_runs.c.id).where(heartbeat_runs.c.id.in_(found), heartbeat_runs.c.finished_at < age.until)
    return Page(list(connection.execute(going).scalars()), found[-1]) if found else None


def remove_heartbeats(connection: Connection, *, age: Age, ids: Sequence[str]) -> int:
    """Remove those of these heartbeats that are over for long, with what they printed; how many."""
    old = (heartbeat_runs.c.id.in_(ids), heartbeat_runs.c.finished_at < age.until)
    going = connection.execute(select(heartbeat_runs.c.id).where(*old)).scalars().all()
    connection.execute(delete(heartbeat_output).where(heartbeat_output.c.run_id.in_(going)))
    return connection.execute(delete(heartbeat_runs).where(heartbeat_runs.c.id.in_(going))).rowcount


def page_of_notifications(connection: Connection, age: Age, after: str, *, limit: int) -> Page | None:
    """The next old notifications after an id, or None after the last; those that are still to be sent stay."""
    own = notifications.c.id
    found = connection.execute(
        select(own, notifications.c.status).where(own > after, own < first_id(age.until)).order_by(own).limit(limit)
    ).all()
    going = [row.id for row in found if row.status is not NotificationStatus.PENDING]
    return Page(going, found[-1].id) if found else None


def remove_notifications(connection: Connection, *, age: Age, ids: Sequence[str]) -> int:
    """Remove those of these notifications that are old and over; how many."""
    over = (notifications.c.status != NotificationStatus.PENDING, notifications.c.id < first_id(age.until))
    return connection.execute(delete(notifications).where(notifications.c.id.in_(ids), *over)).rowcount
