"""Subscriptions and notifications on the wire: bodies, replies, and a webhook's secret shown once.

What an event is made of is in `core.notifications`; what a target may be, by its channel, is said there too.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, StrictInt, StrictStr

from routines.core.limits import (
    QUIET_AFTER_SECONDS_DEFAULT,
    QUIET_AFTER_SECONDS_MAX,
    QUIET_AFTER_SECONDS_MIN,
)
from routines.core.notifications import Channel, NotificationEvent, NotificationStatus
from routines.core.reach import URL_CHARACTERS_MAX
from routines.http.schemas.common import AnyWhole, Flag, Name, Reference, RequestModel, UpdateModel, characters
from routines.http.schemas.reply import Instant, ReplyModel, StoredObject
from routines.services.notifications import NewSubscription, SubscriptionChanges

Target = Annotated[StrictStr, characters(URL_CHARACTERS_MAX, minimum=1)]
Events = Annotated[list[NotificationEvent], Field(min_length=1, max_length=len(NotificationEvent))]
QuietAfter = Annotated[StrictInt, Field(ge=QUIET_AFTER_SECONDS_MIN, le=QUIET_AFTER_SECONDS_MAX), AnyWhole]


def _in_order(events: list[NotificationEvent]) -> tuple[NotificationEvent, ...]:
    """Each event once, in the order in which they are listed."""
    return tuple(event for event in NotificationEvent if event in events)


class SubscriptionCreate(RequestModel):
    """A subscription to be made; `target` is a URL, or for the channel `email` an address."""

    channel: Channel
    target: Target
    events: Events
    name: Name | None = None
    routine_id: Reference | None = None
    quiet_after_seconds: QuietAfter = QUIET_AFTER_SECONDS_DEFAULT
    enabled: Flag = True

    def command(self) -> NewSubscription:
        """The subscription to be made."""
        return NewSubscription(**{**self.all_fields(), "events": _in_order(self.events)})


class SubscriptionUpdate(UpdateModel):
    """The fields to change; the channel stays what it is."""

    target: Target = ""
    events: Events = Field(default=[])
    name: Name | None = None
    routine_id: Reference | None = None
    quiet_after_seconds: QuietAfter = QUIET_AFTER_SECONDS_DEFAULT
    enabled: Flag = True

    def command(self) -> SubscriptionChanges:
        """The changes, only of fields that were named."""
        changes = self.given(SubscriptionChanges)
        if "events" in changes:
            changes["events"] = _in_order(self.events)
        return changes


class SubscriptionReply(ReplyModel):
    """A subscription; of a Slack webhook's URL, which is a secret, no more than the host."""

    id: str
    company_id: str
    channel: Channel
    name: str | None
    target: str
    events: list[NotificationEvent]
    routine_id: str | None
    quiet_after_seconds: int
    enabled: bool
    last_rotated_at: Instant | None
    created_at: Instant
    updated_at: Instant


class SubscriptionWithSecretReply(ReplyModel):
    """A subscription, and what its webhook is signed with, shown this once; null for other channels."""

    subscription: SubscriptionReply
    secret: str | None


class NotificationReply(ReplyModel):
    """A notification: what was sent or waits to be, and what became of it. Its id is the `webhook-id`."""

    id: str
    company_id: str
    subscription_id: str
    event: str
    payload: StoredObject
    status: NotificationStatus
    attempts: int
    created_at: Instant
    next_attempt_at: Instant | None
    last_status: int | None
    last_error: str | None
    delivered_at: Instant | None
    updated_at: Instant
