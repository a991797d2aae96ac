"""Subscriptions and notifications as people read them: what each event and channel is, and what became of a delivery.

What a message itself says is `core.notifications`'s.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from routines.core import strict_json
from routines.core.notifications import (
    Channel,
    Notification,
    NotificationEvent,
    NotificationStatus,
    Subscription,
    message_of,
)
from routines.web.times import When

EVENTS = [
    (NotificationEvent.RUN_FAILED, "A run failed", "it could make no issue, or its issue was cancelled"),
    (NotificationEvent.RUN_MISSED, "Slots were missed", "once for an outage"),
    (NotificationEvent.ROUTINE_QUIET, "A routine is quiet", "an expected success has not come"),
    (NotificationEvent.ROUTINE_PAUSED, "A routine was paused", "by somebody, or by the service"),
    (NotificationEvent.HEARTBEAT_FAILED, "A heartbeat failed", "or ran out of time"),
    (NotificationEvent.ISSUE_BLOCKED, "An issue is blocked", "somebody has to look at it"),
]
"""Each event in words, and what it means."""
CHANNELS = [
    (Channel.WEBHOOK.value, "a webhook, signed as Standard Webhooks"),
    (Channel.SLACK.value, "Slack, or what understands its incoming webhooks"),
    (Channel.EMAIL.value, "e-mail"),
]
"""Each channel in words, as a choice."""

_WORDS = {event: words for event, words, _ in EVENTS}
_MARKS = {
    NotificationStatus.DELIVERED: "completed",
    NotificationStatus.PENDING: "open",
    NotificationStatus.FAILED: "failed",
}


@dataclass(frozen=True, slots=True)
class SubscriptionRow:
    """A subscription in a list: `name` is what it is called, or where it sends to."""

    id: str
    name: str
    channel: str
    target: str
    events: str
    enabled: bool


@dataclass(frozen=True, slots=True)
class DeliveryRow:
    """A notification in the log; `mark` is the colour of its `status`, `said` what became of it besides."""

    id: str
    when: When
    subject: str
    status: str
    mark: str
    attempts: int
    said: str
    next: When | None


def subscription_rows(found: Sequence[Subscription]) -> list[SubscriptionRow]:
    """A company's subscriptions as the lines of a list."""
    return [
        SubscriptionRow(
            each.id,
            title_of(each),
            each.channel.value,
            each.target,
            ", ".join(_WORDS[event] for event in each.events),
            each.enabled,
        )
        for each in found
    ]


def title_of(subscription: Subscription) -> str:
    """What a subscription is called."""
    return subscription.name or subscription.target


def delivery_rows(found: Sequence[Notification], when: Callable[[datetime], When]) -> list[DeliveryRow]:
    """The log as its lines; `when` shows an instant to the viewer."""
    return [_row(each, when) for each in found]


def _row(each: Notification, when: Callable[[datetime], When]) -> DeliveryRow:
    payload = strict_json.loads(each.payload.encode())
    data = payload["data"] if isinstance(payload, Mapping) else {}
    taken = "" if each.last_status is None else f"answered {each.last_status}"
    return DeliveryRow(
        each.id,
        when(each.created_at),
        message_of(each.event, data).subject,
        each.status.value,
        _MARKS[each.status],
        each.attempts,
        each.last_error or taken,
        None if each.next_attempt_at is None else when(each.next_attempt_at),
    )
