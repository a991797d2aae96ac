"""The outbox: what happened becomes notifications to whoever is subscribed, in the transaction in which it happened.

What an event is made of is in `core.notifications`; sending is the sender's, in `notify`.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from datetime import datetime

import structlog

from routines.clock import Ids
from routines.core.limits import NOTIFICATIONS_WAITING_MAX
from routines.core.notifications import Notice, Notification, NotificationStatus, Subscription, payload_of
from routines.storage.database import Transaction
from routines.storage.queries import notifications

log = structlog.get_logger(__name__)


def tell(
    transaction: Transaction,
    company_ids: Collection[str],
    notices: Callable[[], Iterable[Notice]],
    now: datetime,
    ids: Ids,
) -> None:
    """Have subscribers of these companies told; `notices` are made only if there are any.

    A subscription for which too much waits already is told no more until some of that is gone.
    """
    listening = notifications.listening(transaction.connection, company_ids)
    if listening:
        heard = list(_heard(listening, notices()))
        send(transaction, heard, now, ids)


def send(
    transaction: Transaction, heard: Collection[tuple[Subscription, Notice]], now: datetime, ids: Ids
) -> Sequence[Notification]:
    """Put events into the outbox, each for one subscription; what was put there, without what there is no room for."""
    if not heard:
        return []
    room = _room(transaction, {subscription.id for subscription, _ in heard})
    payloads: dict[int, str] = {}  # by notice: an event is written once, however many hear of it
    new = []
    for (subscription, notice), identity in zip(heard, ids.many(now, len(heard)), strict=True):
        room[subscription.id] -= 1
        if room[subscription.id] < 0:
            continue
        if id(notice) not in payloads:
            payloads[id(notice)] = payload_of(notice, now)
        new.append(_waiting(subscription, notice.event, identity, payloads[id(notice)], now))
    for subscription_id, left in room.items():
        if left < 0:
            log.warning("notifications_dropped", subscription_id=subscription_id, dropped=-left)
    notifications.send(transaction.connection, new)
    transaction.notifies()
    return new


def _waiting(subscription: Subscription, event: str, identity: str, payload: str, now: datetime) -> Notification:
    """A notification that is to be sent at once."""
    return Notification(
        id=identity,
        company_id=subscription.company_id,
        subscription_id=subscription.id,
        event=str(event),
        payload=payload,
        status=NotificationStatus.PENDING,
        attempts=0,
        created_at=now,
        begun_at=now,
        next_attempt_at=now,
        last_status=None,
        last_error=None,
        delivered_at=None,
        updated_at=now,
    )


def _heard(listening: Collection[Subscription], notices: Iterable[Notice]) -> Iterator[tuple[Subscription, Notice]]:
    for notice in notices:
        for subscription in listening:
            if subscription.company_id == notice.company_id and subscription.hears(notice):
                yield subscription, notice


def _room(transaction: Transaction, subscription_ids: Collection[str]) -> dict[str, int]:
    """How many more may wait for each of these subscriptions."""
    waiting = notifications.waiting(transaction.connection, subscription_ids)
    return {each: NOTIFICATIONS_WAITING_MAX - waiting.get(each, 0) for each in subscription_ids}
