"""What a sender asks of the database: notifications to send, with all that is needed to, and what became of each.

Nothing is sent here; any number of senders, on any number of machines, ask side by side.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import NamedTuple

from sqlalchemy import Connection

from routines.core.limits import (
    NOTIFICATION_LEASE_SECONDS,
    NOTIFICATION_RECEIVERS_LOOKED_AT,
    NOTIFICATION_REST_FACTOR,
    NOTIFICATION_REST_SECONDS_MAX,
    NOTIFICATIONS_AT_ONCE_OF_COMPANY_MAX,
    NOTIFICATIONS_AT_ONCE_OF_ONE_MAX,
)
from routines.core.notifications import Channel, Notification, NotificationStatus, Receiver, Subscription, next_try
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

    @property
    def receiver(self) -> Receiver:
        """Whose place it takes."""
        return Receiver(self.notification.subscription_id, self.notification.company_id)


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

    def claim(self, places: int, in_hand: Mapping[Receiver, int]) -> list[Letter]:
        """Take up to `places` notifications that are due, this sender's for a lease.

        `in_hand` says how many of each subscription it has already: those with the fewest come first, and no more than
        a few of one subscription or company are taken.
        """
        if places <= 0:
            return []
        with self.context.database.read() as connection:
            chosen = _shared_out(connection, self.context.clock.now(), places, in_hand)
        if not chosen:
            return []
        with self.context.database.write() as transaction:
            now = self.context.clock.now()
            taken = notifications.take(transaction.connection, chosen, now, now + LEASE)
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
            is_own = notifications.settle(transaction.connection, after)
            rest = _rest(now - notification.updated_at)
            if is_own and sent.error is not None and rest:
                notifications.rest(transaction.connection, notification.subscription_id, now + rest)
        return after

    def _letter(self, notification: Notification, owner: Subscription) -> Letter:
        if owner.sealed_secret is None:
            return Letter(notification, owner.channel, owner.target)
        try:
            secret = self.context.keyring.open(owner.sealed_secret, owner=owner.id)
        except MasterKeyError as error:
            return Letter(notification, owner.channel, owner.target, problem=error.sentence)
        return Letter(notification, owner.channel, owner.target, secret)


def _shared_out(connection: Connection, now: datetime, places: int, in_hand: Mapping[Receiver, int]) -> list[str]:
    """The notifications that get the places: one after the other goes to who has the fewest, and is the longest due."""
    of_one, of_company = Counter(in_hand), Counter[str]()
    for receiver, count in in_hand.items():
        of_company[receiver.company_id] += count
    waiting = notifications.receivers_due(connection, now, NOTIFICATION_RECEIVERS_LOOKED_AT)
    left: dict[Receiver, list[str]] = {}
    chosen: list[str] = []
    while len(chosen) < places:
        waiting = [
            each
            for each in waiting
            if of_one[each] < NOTIFICATIONS_AT_ONCE_OF_ONE_MAX
            and of_company[each.company_id] < NOTIFICATIONS_AT_ONCE_OF_COMPANY_MAX
            and left.get(each) != []
        ]
        if not waiting:
            break
        chosen_one = min(waiting, key=lambda each: (of_one[each], of_company[each.company_id]))
        if chosen_one not in left:
            share = NOTIFICATIONS_AT_ONCE_OF_ONE_MAX - of_one[chosen_one]
            left[chosen_one] = notifications.due(connection, chosen_one.subscription_id, now, share)
        if left[chosen_one]:
            chosen.append(left[chosen_one].pop(0))
            of_one[chosen_one] += 1
            of_company[chosen_one.company_id] += 1
    return chosen


def _rest(took: timedelta) -> timedelta:
    """How long a receiver is left alone that did not take what it was sent: several times what the try took."""
    longest = timedelta(seconds=NOTIFICATION_REST_SECONDS_MAX)
    return max(timedelta(0), min(took * NOTIFICATION_REST_FACTOR, longest))


def _given_up(notification: Notification, now: datetime) -> Notification:
    error = "The subscription was deleted or disabled"
    return replace(
        notification, status=NotificationStatus.FAILED, next_attempt_at=None, last_error=error, updated_at=now
    )
