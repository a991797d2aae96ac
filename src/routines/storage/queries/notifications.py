"""Questions about subscriptions to events and about notifications, the outbox and its log; and changes of them.

Which routines are quiet is asked in `silences`; a deleted subscription is marked and no longer found here.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, case, func, literal_column, or_, select, update

from routines.core.notifications import Notification, NotificationStatus, Receiver, Subscription
from routines.storage.rows import every, first, get_model, insert_model, insert_models, select_model, update_model
from routines.storage.schema import notification_subscriptions as subscriptions
from routines.storage.schema import notifications

_NOT_DELETED = subscriptions.c.deleted_at.is_(None)
# The words of the partial indexes, without which a database does not use them.
_IS_PENDING: ColumnElement[bool] = literal_column("notifications.status = 'pending'")


def get(connection: Connection, subscription_id: str) -> Subscription | None:
    """The subscription, unless it is unknown or deleted."""
    query = select_model(subscriptions, Subscription).where(subscriptions.c.id == subscription_id, _NOT_DELETED)
    return first(connection, Subscription, query)


def of_ids(connection: Connection, subscription_ids: Collection[str]) -> dict[str, Subscription]:
    """These subscriptions by id; unknown and deleted ones are left out."""
    query = select_model(subscriptions, Subscription).where(subscriptions.c.id.in_(subscription_ids), _NOT_DELETED)
    return {each.id: each for each in every(connection, Subscription, query)}


def of_company(connection: Connection, company_id: str) -> list[Subscription]:
    """A company's subscriptions, oldest first."""
    query = select_model(subscriptions, Subscription).where(subscriptions.c.company_id == company_id, _NOT_DELETED)
    return every(connection, Subscription, query.order_by(subscriptions.c.id))


def listening(connection: Connection, company_ids: Collection[str]) -> list[Subscription]:
    """The subscriptions of these companies that are told of anything."""
    query = select_model(subscriptions, Subscription).where(
        subscriptions.c.company_id.in_(company_ids), subscriptions.c.enabled, _NOT_DELETED
    )
    return every(connection, Subscription, query)


def add(connection: Connection, subscription: Subscription) -> None:
    """Store a new subscription."""
    insert_model(connection, subscriptions, subscription)


def change(connection: Connection, subscription: Subscription) -> None:
    """Store a subscription as it now is, which ends its rest: its receiver may be another."""
    update_model(connection, subscriptions, subscription)
    rested = update(subscriptions).where(
        subscriptions.c.id == subscription.id, subscriptions.c.rests_until.is_not(None)
    )
    connection.execute(rested.values(rests_until=None))


def remove(connection: Connection, subscription_id: str, at: datetime) -> None:
    """Mark a subscription deleted, and forget its secret."""
    connection.execute(
        update(subscriptions)
        .where(subscriptions.c.id == subscription_id)
        .values(deleted_at=at, enabled=False, sealed_secret=None)
    )


def waiting(connection: Connection, subscription_ids: Collection[str]) -> Mapping[str, int]:
    """How many notifications of each of these subscriptions wait, of those that have any."""
    query = select(notifications.c.subscription_id, func.count()).where(
        _IS_PENDING, notifications.c.subscription_id.in_(subscription_ids)
    )
    return {row[0]: int(row[1]) for row in connection.execute(query.group_by(notifications.c.subscription_id))}


def send(connection: Connection, new: Sequence[Notification]) -> None:
    """Put notifications into the outbox."""
    insert_models(connection, notifications, new)


def notification(connection: Connection, notification_id: str) -> Notification | None:
    """The notification, or None."""
    return get_model(connection, notifications, Notification, notification_id)


def lock_notification(connection: Connection, notification_id: str) -> Notification | None:
    """The notification against those who send it, or None."""
    query = select_model(notifications, Notification).where(notifications.c.id == notification_id)
    return first(connection, Notification, query.with_for_update())


def page(connection: Connection, subscription_id: str, *, limit: int, before: str | None) -> list[Notification]:
    """A subscription's notifications, newest first, from the one after `before` on."""
    query = select_model(notifications, Notification).where(notifications.c.subscription_id == subscription_id)
    if before is not None:
        query = query.where(notifications.c.id < before)
    return every(connection, Notification, query.order_by(notifications.c.id.desc()).limit(limit))


# When the first that waits for a subscription is to be sent; by the index, however many wait.
_FIRST = (
    select(notifications.c.next_attempt_at)
    .where(_IS_PENDING, notifications.c.subscription_id == subscriptions.c.id)
    .order_by(notifications.c.next_attempt_at)
    .limit(1)
    .correlate(subscriptions)
    .scalar_subquery()
)
_FIRSTS = select(subscriptions.c.id, subscriptions.c.company_id, subscriptions.c.rests_until, _FIRST.label("at"))


def next_due(connection: Connection) -> datetime | None:
    """When the next notification is to be sent, or None while none waits."""
    firsts = _FIRSTS.subquery()
    begins = case((firsts.c.rests_until > firsts.c.at, firsts.c.rests_until), else_=firsts.c.at)
    return connection.execute(select(func.min(begins)).where(firsts.c.at.is_not(None))).scalar_one_or_none()


def receivers_due(connection: Connection, now: datetime, limit: int) -> list[Receiver]:
    """The subscriptions for which something is to be sent now and that do not rest, the longest due first."""
    firsts = _FIRSTS.where(
        or_(subscriptions.c.rests_until.is_(None), subscriptions.c.rests_until <= now),
    ).subquery()
    query = select(firsts.c.id, firsts.c.company_id).where(firsts.c.at <= now)
    return [Receiver(*row) for row in connection.execute(query.order_by(firsts.c.at, firsts.c.id).limit(limit))]


def due(connection: Connection, subscription_id: str, now: datetime, limit: int) -> list[str]:
    """What is to be sent to a subscription now, the longest due first."""
    query = select(notifications.c.id).where(
        _IS_PENDING, notifications.c.subscription_id == subscription_id, notifications.c.next_attempt_at <= now
    )
    query = query.order_by(notifications.c.next_attempt_at, notifications.c.id).limit(limit)
    return list(connection.execute(query).scalars())


def rest(connection: Connection, subscription_id: str, until: datetime) -> None:
    """Send nothing to a subscription until then, of all that waits."""
    connection.execute(update(subscriptions).where(subscriptions.c.id == subscription_id).values(rests_until=until))


def take(connection: Connection, ids: Collection[str], now: datetime, until: datetime) -> list[Notification]:
    """Those of these notifications that are still to be sent now, the caller's until then; another's are passed over.

    Each is counted as one more try.
    """
    still_due = (notifications.c.id.in_(ids), _IS_PENDING, notifications.c.next_attempt_at <= now)
    held = select(notifications.c.id).where(*still_due).with_for_update(skip_locked=True)
    mine = connection.execute(held).scalars().all()
    connection.execute(
        update(notifications)
        .where(notifications.c.id.in_(mine))
        .values(attempts=notifications.c.attempts + 1, next_attempt_at=until, updated_at=now)
    )
    return every(
        connection, Notification, select_model(notifications, Notification).where(notifications.c.id.in_(mine))
    )


def settle(connection: Connection, after: Notification) -> bool:
    """Store what a try came to, unless it was settled, given up or sent again meanwhile; whether it was stored.

    That one was taken counts even if another has it in hand by now; that it was not is for that other to say.
    """
    own = [notifications.c.id == after.id, _IS_PENDING, notifications.c.begun_at == after.begun_at]
    if after.status is not NotificationStatus.DELIVERED:
        own.append(notifications.c.attempts == after.attempts)
    told = ("status", "next_attempt_at", "last_status", "last_error", "delivered_at", "updated_at")
    values = {name: getattr(after, name) for name in told}
    return connection.execute(update(notifications).where(*own).values(values)).rowcount == 1


def change_notification(connection: Connection, after: Notification) -> None:
    """Store a notification as it now is."""
    update_model(connection, notifications, after)


def give_up(connection: Connection, subscription_id: str, why: str, at: datetime) -> None:
    """Send nothing more of what waits for a subscription."""
    values = {"status": NotificationStatus.FAILED, "next_attempt_at": None, "last_error": why, "updated_at": at}
    connection.execute(
        update(notifications).where(_IS_PENDING, notifications.c.subscription_id == subscription_id).values(values)
    )
