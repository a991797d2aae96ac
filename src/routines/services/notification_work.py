"""What a sender asks of the database: notifications to send, with all that is needed to, and what became of each.

Nothing is sent here; any number of senders, on any number of machines, ask side by side.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import NamedTuple

from routines.core.limits import (
    NOTIFICATION_LEASE_SECONDS,
    NOTIFICATIONS_AT_ONCE_OF_ONE_MAX,
)
from routines.core.notifications import Channel, Notification, NotificationStatus, Subscription, next_try
from routines.keyring import MasterKeyError
from routines.services.context import Context
from routines.storage.queries import notifications

LEASE = timedelta(seconds=NOTIFICATION_LEASE_SECONDS)


class Letter(NamedTuple):
    """A notification that is to be sent now: where to, and the secret that it is signed with or that the URL is.

    `problem` says why it cannot be.
    """

    notification: Notification
    channel: Channel
    target: str
    secret: str = ""
    problem: str | None = None


@dataclass(frozen=True, slots=True)
class Sent:
    """What a try came to: the receiver took it (`error` is None), or did not, and whether another try may help."""

    error: str | None = None
    status: int | None = None
    retry: bool = True
    retry_after_seconds: float = field(default=0)


@dataclass(frozen=True, slots=True)
class NotificationWork:
    """The questions of one sender."""

    context: Context

    def next_due(self) -> datetime | None:
        """When the next notification is to be sent, or None while none waits."""
        with self.context.database.read() as connection:
            return notifications.next_due(connection)

    def claim(self, places: int, in_hand: Mapping[str, int]) -> list[Letter]:
        """Take up to `places` notifications that are due, the longest due first, this sender's for a lease.

        `in_hand` says how many of each subscription it has already; no more than a few of one are taken.
        """
        if places <= 0:
            return []
        share = NOTIFICATIONS_AT_ONCE_OF_ONE_MAX
        limit = places + len(in_hand) * share  # those of subscriptions that have enough in hand are passed over
        with self.context.database.read() as connection:
            found = notifications.due(connection, self.context.clock.now(), each=share, limit=limit)
        left = {subscription_id: share - count for subscription_id, count in in_hand.items()}
        chosen = []
        for waiting in found:
            left[waiting.subscription_id] = left.get(waiting.subscription_id, share) - 1
            if left[waiting.subscription_id] >= 0:
                chosen.append(waiting.id)
        if not chosen:
            return []
        with self.context.database.write() as transaction:
            now = self.context.clock.now()
            taken = notifications.take(transaction.connection, chosen[:places], now, now + LEASE)
            owners = notifications.of_ids(transaction.connection, {each.subscription_id for each in taken})
            # It was deleted or disabled in the very moment in which this was written.
            late = [each for each in taken if (owner := owners.get(each.subscription_id)) is None or not owner.enabled]
            for each in late:
                notifications.settle(transaction.connection, _given_up(each, now))
        return [self._letter(each, owners[each.subscription_id]) for each in taken if each not in late]

    def settle(self, notification: Notification, sent: Sent, *, jitter: float) -> Notification:
        """Record what a try came to; of one that was settled, given up or sent again meanwhile, nothing."""
        now = self.context.clock.now()
        after = replace(notification, last_status=sent.status, last_error=sent.error, updated_at=now)
        if sent.error is None:
            after = replace(after, status=NotificationStatus.DELIVERED, delivered_at=now, next_attempt_at=None)
        else:
            following = None
            if sent.retry:
                following = next_try(notification.begun_at, now, jitter=jitter, asked_seconds=sent.retry_after_seconds)
            status = NotificationStatus.PENDING if following else NotificationStatus.FAILED
            after = replace(after, status=status, next_attempt_at=following)
        with self.context.database.write() as transaction:
            notifications.settle(transaction.connection, after)
        return after

    def _letter(self, notification: Notification, owner: Subscription) -> Letter:
        if owner.sealed_secret is None:
            return Letter(notification, owner.channel, owner.target)
        try:
            secret = self.context.keyring.open(owner.sealed_secret, owner=owner.id)
        except MasterKeyError as error:
            return Letter(notification, owner.channel, owner.target, problem=error.sentence)
        return Letter(notification, owner.channel, owner.target, secret)


def _given_up(notification: Notification, now: datetime) -> Notification:
    error = "The subscription was deleted or disabled"
    return replace(
        notification, status=NotificationStatus.FAILED, next_attempt_at=None, last_error=error, updated_at=now
    )
