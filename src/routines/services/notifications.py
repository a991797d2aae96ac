"""The use cases of notifications: subscribe, change, rotate the secret, try, look at what was sent, send it again.

What is told when is in the use cases in which it happens, and sending is the sender's, in `notify`.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TypedDict

from sqlalchemy import Connection

from routines.core.access import Action, require, require_visible
from routines.core.activity import ActivityAction
from routines.core.errors import ConflictError, ImpossibleError, NotFoundError
from routines.core.limits import NOTIFICATIONS_WAITING_MAX, SUBSCRIPTIONS_PER_COMPANY_MAX
from routines.core.model import Actor
from routines.core.notifications import (
    Channel,
    Notification,
    NotificationEvent,
    NotificationStatus,
    Subscription,
    place_of,
    target_of,
    trial_notice,
)
from routines.core.signing import SECRET_ENTROPY_BYTES, SigningMode, new_secret
from routines.dispatch import outbox
from routines.services import references
from routines.services.context import Body, Context, PageQuery, changed_names, company_of_path
from routines.services.overview import CHOICES_MAX
from routines.storage.database import Transaction
from routines.storage.queries import notifications, overview, routines, silences
from routines.storage.queries.overview import Named

SUBSCRIPTION_NOT_FOUND = "Notification subscription not found"
NOTIFICATION_NOT_FOUND = "Notification delivery not found"
NO_MAIL = (
    "This service sends no e-mail: whoever runs it sets ROUTINES_SMTP_URL and ROUTINES_MAIL_FROM; "
    "a webhook or a Slack webhook needs neither"
)


@dataclass(frozen=True, slots=True)
class NewSubscription:
    """A subscription to be made; `target` is a URL or an e-mail address, by the channel."""

    channel: Channel
    target: str
    events: tuple[NotificationEvent, ...]
    name: str | None
    routine_id: str | None
    quiet_after_seconds: int
    enabled: bool


class SubscriptionChanges(TypedDict, total=False):
    """The fields that an update names, with their new values."""

    name: str | None
    target: str
    events: tuple[NotificationEvent, ...]
    routine_id: str | None
    quiet_after_seconds: int
    enabled: bool


@dataclass(frozen=True, slots=True)
class SubscriptionWithSecret:
    """A subscription, and what its webhook is signed with, shown this once; None for other channels."""

    subscription: Subscription
    secret: str | None


@dataclass(frozen=True, slots=True)
class Notifications:
    """The use cases of notifications; `sends_mail` tells whether there is a mail server to send with."""

    context: Context
    sends_mail: bool

    def of_company(self, actor: Actor, company_id: str) -> list[Subscription]:
        """A company's subscriptions, oldest first."""
        with self.context.database.read() as connection:
            company_of_path(connection, actor, company_id)
            require(actor, Action.MANAGE_NOTIFICATIONS)
            return notifications.of_company(connection, company_id)

    def get(self, actor: Actor, subscription_id: str) -> Subscription:
        """The subscription with that id; `NotFoundError` if there is none for this caller."""
        with self.context.database.read() as connection:
            return _managed(connection, actor, subscription_id)

    def routines(self, actor: Actor, company_id: str, chosen: str | None = None) -> list[Named]:
        """The routines of a company to narrow a subscription to, most recently changed first, up to a bound.

        The one that is chosen already is among them.
        """
        with self.context.database.read() as connection:
            company_of_path(connection, actor, company_id)
            found = overview.routine_titles(connection, company_id, CHOICES_MAX)
            if chosen is None or chosen in {each.id for each in found}:
                return found
            routine = routines.get(connection, chosen)
            return found if routine is None else [Named(routine.id, routine.title), *found]

    def create(self, actor: Actor, company_id: str, body: Body[NewSubscription]) -> SubscriptionWithSecret:
        """Subscribe to events; a webhook's secret is made, and shown this once."""
        with self.context.database.write() as transaction:
            transaction.locks.company(company_id)
            connection = transaction.connection
            company = company_of_path(connection, actor, company_id)
            require(actor, Action.MANAGE_NOTIFICATIONS)
            new = body()
            target_of(new.channel, new.target)
            if new.routine_id is not None:
                references.routine(connection, company.id, new.routine_id)
            if new.channel is Channel.EMAIL and not self.sends_mail:
                raise ImpossibleError(NO_MAIL)
            if len(notifications.of_company(connection, company.id)) >= SUBSCRIPTIONS_PER_COMPANY_MAX:
                raise ConflictError(
                    f"The company has {SUBSCRIPTIONS_PER_COMPANY_MAX} subscriptions, which is the most; delete one"
                )
            now = self.context.clock.now()
            subscription = Subscription(
                id=self.context.ids.new(now),
                company_id=company.id,
                channel=new.channel,
                name=new.name,
                target="",
                sealed_secret=None,
                events=new.events,
                routine_id=new.routine_id,
                quiet_after_seconds=new.quiet_after_seconds,
                enabled=new.enabled,
                last_rotated_at=None,
                created_at=now,
                updated_at=now,
            )
            subscription = self._with_target(subscription, new.target)
            subscription, secret = self._with_new_secret(subscription)
            notifications.add(connection, subscription)
            details = {"channel": new.channel.value, "name": new.name, "events": [event.value for event in new.events]}
            self._record(transaction, actor, ActivityAction.NOTIFICATIONS_CREATED, subscription, now, details)
        return SubscriptionWithSecret(subscription, secret)

    def update(self, actor: Actor, subscription_id: str, body: Body[SubscriptionChanges]) -> Subscription:
        """Change a subscription; one that is disabled gives up what waits, which can be sent again later."""
        with self.context.database.write() as transaction:
            before = self._locked(transaction, actor, subscription_id)
            changes = body()
            connection = transaction.connection
            target = changes.pop("target", None)
            if target is not None:
                target_of(before.channel, target)
            routine_id = changes.get("routine_id")
            if routine_id is not None:
                references.routine(connection, before.company_id, routine_id)
            after = replace(before, **changes)
            names = changed_names(before, after)
            if target is not None and (before.channel is Channel.SLACK or target != before.target):
                after = self._with_target(after, target)
                names.append("target")
            if not names:
                return before
            now = self.context.clock.now()
            after = replace(after, updated_at=now)
            if not after.enabled:  # before the subscription is locked: what a try came to is recorded in this order
                notifications.give_up(connection, after.id, "The subscription was disabled", now)
            notifications.change(connection, after)
            if {"quietAfterSeconds", "routineId", "events"} & set(names):
                silences.forget(connection, after.id)
            self._record(
                transaction, actor, ActivityAction.NOTIFICATIONS_UPDATED, after, now, {"changed": sorted(names)}
            )
        return after

    def delete(self, actor: Actor, subscription_id: str, body: Body[None]) -> None:
        """End a subscription; what waits is given up."""
        with self.context.database.write() as transaction:
            subscription = self._locked(transaction, actor, subscription_id)
            body()
            now = self.context.clock.now()
            notifications.give_up(transaction.connection, subscription.id, "The subscription was deleted", now)
            silences.forget(transaction.connection, subscription.id)
            notifications.remove(transaction.connection, subscription.id, now)
            details = {"channel": subscription.channel.value, "name": subscription.name}
            self._record(transaction, actor, ActivityAction.NOTIFICATIONS_DELETED, subscription, now, details)

    def rotate_secret(self, actor: Actor, subscription_id: str, body: Body[None]) -> SubscriptionWithSecret:
        """Give a webhook a new secret, with which all that is sent from now on is signed."""
        with self.context.database.write() as transaction:
            before = self._locked(transaction, actor, subscription_id)
            body()
            if before.channel is not Channel.WEBHOOK:
                raise ImpossibleError(
                    f"Only a webhook has a secret to rotate; this subscription's channel is {before.channel.value}"
                )
            now = self.context.clock.now()
            after, secret = self._with_new_secret(replace(before, last_rotated_at=now, updated_at=now))
            notifications.change(transaction.connection, after)
            self._record(transaction, actor, ActivityAction.NOTIFICATIONS_SECRET_ROTATED, after, now)
        return SubscriptionWithSecret(after, secret)

    def send_test(self, actor: Actor, subscription_id: str, body: Body[None]) -> Notification:
        """Send a test notification, by the very way of a real one; the notification as it waits."""
        with self.context.database.write() as transaction:
            subscription = self._locked(transaction, actor, subscription_id)
            body()
            _require_enabled(subscription)
            now = self.context.clock.now()
            sent = outbox.send(transaction, [(subscription, trial_notice(subscription))], now, self.context.ids)
            if not sent:
                raise ConflictError(
                    f"{NOTIFICATIONS_WAITING_MAX:,} notifications wait for this subscription, which is the most; "
                    "see in its deliveries why they are not taken, or disable it to give them up"
                )
            self._record(transaction, actor, ActivityAction.NOTIFICATIONS_TRIED, subscription, now)
        return sent[0]

    def deliveries(self, actor: Actor, subscription_id: str, query: Body[PageQuery]) -> list[Notification]:
        """What was sent to a subscription or waits to be, newest first, and what became of it."""
        with self.context.database.read() as connection:
            subscription = _managed(connection, actor, subscription_id)
            page = query()
            return notifications.page(connection, subscription.id, limit=page.limit, before=page.before)

    def resend(self, actor: Actor, notification_id: str, body: Body[None]) -> Notification:
        """Send a notification again, under the id that it had; one that waits for its next try is tried at once."""
        with self.context.database.read() as connection:
            found = notifications.notification(connection, notification_id)
        if found is None:
            raise NotFoundError(NOTIFICATION_NOT_FOUND)
        require_visible(actor, found.company_id, NOTIFICATION_NOT_FOUND)
        require(actor, Action.MANAGE_NOTIFICATIONS)
        with self.context.database.write() as transaction:
            subscription = self._locked(transaction, actor, found.subscription_id)
            body()
            _require_enabled(subscription)
            now = self.context.clock.now()
            current = notifications.lock_notification(transaction.connection, notification_id)
            if current is None:
                raise NotFoundError(NOTIFICATION_NOT_FOUND)
            again = replace(  # what a try that is under way comes to is of the time before, by its `begun_at`
                current,
                status=NotificationStatus.PENDING,
                begun_at=max(now, current.begun_at + timedelta(milliseconds=1)),
                next_attempt_at=now,
                last_status=None,
                last_error=None,
                delivered_at=None,
                updated_at=now,
            )
            notifications.change_notification(transaction.connection, again)
            transaction.notifies()
            details = {"notificationId": again.id, "event": again.event}
            self._record(transaction, actor, ActivityAction.NOTIFICATIONS_RESENT, subscription, now, details)
        return again

    def _locked(self, transaction: Transaction, actor: Actor, subscription_id: str) -> Subscription:
        """A subscription that the caller may change, with its company locked."""
        found = _managed(transaction.connection, actor, subscription_id)
        transaction.locks.company(found.company_id)
        return _managed(transaction.connection, actor, subscription_id)

    def _with_target(self, subscription: Subscription, target: str) -> Subscription:
        if subscription.channel is not Channel.SLACK:
            return replace(subscription, target=target)
        sealed = self.context.keyring.seal(target, owner=subscription.id)
        return replace(subscription, target=place_of(target), sealed_secret=sealed)

    def _with_new_secret(self, subscription: Subscription) -> tuple[Subscription, str | None]:
        """A webhook's subscription with a fresh secret sealed for it, and the secret; others have none."""
        if subscription.channel is not Channel.WEBHOOK:
            return subscription, None
        secret = new_secret(SigningMode.STANDARD_WEBHOOKS, os.urandom(SECRET_ENTROPY_BYTES)) or ""
        return replace(subscription, sealed_secret=self.context.keyring.seal(secret, owner=subscription.id)), secret

    def _record(
        self,
        transaction: Transaction,
        actor: Actor,
        action: ActivityAction,
        subscription: Subscription,
        now: datetime,
        details: Mapping[str, object] | None = None,
    ) -> None:
        subject = (subscription.company_id, "notification_subscription", subscription.id)
        self.context.record(transaction, actor, action, subject, now, details)


def _managed(connection: Connection, actor: Actor, subscription_id: str) -> Subscription:
    """The subscription with that id, for whoever may manage it; else `NotFoundError` or `ForbiddenError`."""
    subscription = notifications.get(connection, subscription_id)
    if subscription is None:
        raise NotFoundError(SUBSCRIPTION_NOT_FOUND)
    require_visible(actor, subscription.company_id, SUBSCRIPTION_NOT_FOUND)
    require(actor, Action.MANAGE_NOTIFICATIONS)
    return subscription


def _require_enabled(subscription: Subscription) -> None:
    if not subscription.enabled:
        raise ConflictError("The subscription is disabled, so nothing is sent to it; enable it first")
