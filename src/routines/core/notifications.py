"""Notifications as values: the events, the channels, who hears what, the words of each message, and when to try again.

Nothing is sent, stored or looked up here; what makes an event is known where it happens.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import NamedTuple

from routines.core import strict_json
from routines.core.adapter_values import url
from routines.core.errors import Fault, InvalidError
from routines.core.instants import iso
from routines.core.limits import (
    EMAIL_ADDRESS_CHARACTERS_MAX,
    NOTIFICATION_PAUSE_SECONDS_MAX,
    NOTIFICATION_PAUSE_SECONDS_MIN,
    NOTIFICATION_REASON_CHARACTERS_MAX,
    NOTIFICATION_TRIES_SECONDS_MAX,
)
from routines.core.model import Actor, HeartbeatRun, Issue, Routine
from routines.core.reach import Target

TARGET = ("target",)
_EMAIL_ADDRESS = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?")


class NotificationEvent(StrEnum):
    """What a company can be told of."""

    RUN_FAILED = "run.failed"
    RUN_MISSED = "run.missed"
    ROUTINE_QUIET = "routine.quiet"
    ROUTINE_PAUSED = "routine.paused"
    HEARTBEAT_FAILED = "heartbeat.failed"
    ISSUE_BLOCKED = "issue.blocked"


TEST_EVENT = "notification.test"
"""What a test notification is called; nobody subscribes to it."""


class Channel(StrEnum):
    """How a notification is sent."""

    WEBHOOK = "webhook"
    SLACK = "slack"
    EMAIL = "email"


class NotificationStatus(StrEnum):
    """What became of a notification: it waits for its next try, or it was taken, or it was given up."""

    PENDING = "pending"
    DELIVERED = "delivered"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Subscription:
    """Who is told of which events, and how; `routine_id` narrows them to those of one routine.

    `target` is the webhook's URL or the e-mail address; of a Slack webhook's, which is a secret, no more than the host.
    `sealed_secret` is what webhooks are signed with, or the whole URL of a Slack webhook.
    """

    id: str
    company_id: str
    channel: Channel
    name: str | None
    target: str
    sealed_secret: bytes | None
    events: tuple[NotificationEvent, ...]
    routine_id: str | None
    quiet_after_seconds: int
    enabled: bool
    last_rotated_at: datetime | None
    created_at: datetime
    updated_at: datetime

    def hears(self, notice: Notice) -> bool:
        """True if an event of its company is to be told to this one."""
        return notice.event in self.events and self.routine_id in {None, notice.routine_id}


class Receiver(NamedTuple):
    """A subscription, as that which holds places of a sender, and the company that it is of."""

    subscription_id: str
    company_id: str


@dataclass(frozen=True, slots=True)
class Notification:
    """One event on its way to one subscription; `payload` is the JSON text that is the same in every try.

    Tries are counted from `begun_at`, which a re-send moves. While it is being sent, `next_attempt_at` is when another
    sender takes it for lost.
    """

    id: str
    company_id: str
    subscription_id: str
    event: str
    payload: str
    status: NotificationStatus
    attempts: int
    created_at: datetime
    begun_at: datetime
    next_attempt_at: datetime | None
    last_status: int | None
    last_error: str | None
    delivered_at: datetime | None
    updated_at: datetime


class Notice(NamedTuple):
    """Something that happened and may have to be told: the event, its routine if it has one, and the facts."""

    company_id: str
    event: str
    routine_id: str | None
    data: Mapping[str, object]


def run_failed(
    company_id: str, routine_id: str, routine_title: str, run_id: str, reason: str, *, issue_id: str | None = None
) -> Notice:
    """A run could not make an issue, or its issue was cancelled."""
    facts = {"runId": run_id, "issueId": issue_id, "failureReason": _shortened(reason)}
    return _of_routine(NotificationEvent.RUN_FAILED, company_id, routine_id, routine_title, facts)


def run_missed(
    company_id: str, routine_id: str, routine_title: str, run_id: str, reason: str, outage: Mapping[str, object]
) -> Notice:
    """Slots were dropped; the outage is `{count, from, to}` as the run has it."""
    facts = {"runId": run_id, **outage, "reason": _shortened(reason)}
    return _of_routine(NotificationEvent.RUN_MISSED, company_id, routine_id, routine_title, facts)


def routine_quiet(
    company_id: str,
    routine_id: str,
    routine_title: str,
    *,
    expected_at: datetime,
    last_success_at: datetime | None,
    quiet_after_seconds: int,
) -> Notice:
    """A slot was due, and no success has come since."""
    facts = {
        "expectedAt": iso(expected_at),
        "lastSuccessAt": None if last_success_at is None else iso(last_success_at),
        "quietAfterSeconds": quiet_after_seconds,
    }
    return _of_routine(NotificationEvent.ROUTINE_QUIET, company_id, routine_id, routine_title, facts)


def routine_paused(routine: Routine, actor: Actor) -> Notice:
    """Somebody, or the service, paused a routine."""
    facts = {"actorType": actor.type.value, "actorId": actor.id, "pauseReason": routine.pause_reason}
    return _of_routine(NotificationEvent.ROUTINE_PAUSED, routine.company_id, routine.id, routine.title, facts)


def heartbeat_failed(run: HeartbeatRun, agent_name: str, issue_identifier: str | None) -> Notice:
    """A heartbeat failed or ran out of time."""
    facts = {
        "heartbeatRunId": run.id,
        "agentId": run.agent_id,
        "agentName": agent_name,
        "issueId": run.issue_id,
        "identifier": issue_identifier,
        "routineId": run.routine_id,
        "status": run.status.value,
        "attempt": run.attempt,
        "errorCode": run.error_code,
        "error": None if run.error is None else _shortened(run.error),
    }
    data = {"companyId": run.company_id, **facts}
    return Notice(run.company_id, NotificationEvent.HEARTBEAT_FAILED, run.routine_id, data)


def issue_blocked(issue: Issue, actor: Actor) -> Notice:
    """An issue was moved to `blocked`."""
    facts = {
        "issueId": issue.id,
        "identifier": issue.identifier,
        "issueTitle": issue.title,
        "routineId": issue.origin_id,
        "assigneeAgentId": issue.assignee_agent_id,
        "actorType": actor.type.value,
        "actorId": actor.id,
    }
    data = {"companyId": issue.company_id, **facts}
    return Notice(issue.company_id, NotificationEvent.ISSUE_BLOCKED, issue.origin_id, data)


def trial_notice(subscription: Subscription) -> Notice:
    """What is sent when somebody tries a subscription."""
    data = {"companyId": subscription.company_id, "subscriptionId": subscription.id, "name": subscription.name}
    return Notice(subscription.company_id, TEST_EVENT, None, data)


def _of_routine(
    event: NotificationEvent, company_id: str, routine_id: str, routine_title: str, facts: Mapping[str, object]
) -> Notice:
    data = {"companyId": company_id, "routineId": routine_id, "routineTitle": routine_title, **facts}
    return Notice(company_id, event, routine_id, data)


def payload_of(notice: Notice, at: datetime) -> str:
    """What a receiver is sent of an event, in the form of Standard Webhooks."""
    return strict_json.dumps({"type": notice.event, "timestamp": iso(at), "data": notice.data})


class Message(NamedTuple):
    """An event for people: a line, what is to be said besides, and the page that has more, as a path."""

    subject: str
    lines: Sequence[str]
    path: str


def message_of(event: str, data: Mapping[str, object]) -> Message:
    """The words for an event; texts from outside stand in them as they are."""
    say = {name: "" if value is None else str(value) for name, value in data.items()}
    routine = f"/routines/{say.get('routineId', '')}"
    run = f"{routine}/runs/{say.get('runId', '')}"
    match event:
        case NotificationEvent.RUN_FAILED:
            found = Message(
                f"Run failed: {say['routineTitle']}", [say["failureReason"]], f"{routine}/runs/{say['runId']}"
            )
        case NotificationEvent.RUN_MISSED:
            found = Message(f"Slots missed: {say['routineTitle']}", [say["reason"]], run)
        case NotificationEvent.ROUTINE_QUIET:
            since = f"The last success was at {say['lastSuccessAt']}" if say["lastSuccessAt"] else "None has come yet"
            expected = f"A success was expected of the slot of {say['expectedAt']}, and has not come. {since}."
            found = Message(f"Quiet: {say['routineTitle']}", [expected], routine)
        case NotificationEvent.ROUTINE_PAUSED:
            by = f"By {say['actorId']} ({say['actorType']})."
            found = Message(f"Paused: {say['routineTitle']}", [say["pauseReason"], by], routine)
        case NotificationEvent.HEARTBEAT_FAILED:
            how = "ran out of time" if say["status"] == "timed_out" else "failed"
            whose = f" at {say['identifier']}" if say["identifier"] else ""
            subject = f"Heartbeat {how}: {say['agentName']}{whose}"
            found = Message(subject, [say["error"] or say["errorCode"]], f"/heartbeat-runs/{say['heartbeatRunId']}")
        case NotificationEvent.ISSUE_BLOCKED:
            by = f"Moved to blocked by {say['actorId']} ({say['actorType']})."
            found = Message(f"Blocked: {say['identifier']} {say['issueTitle']}", [by], f"/issues/{say['issueId']}")
        case _:
            words = "This is a test. Notifications arrive here."
            found = Message("Test notification", [words], f"/notification-subscriptions/{say['subscriptionId']}")
    return found._replace(lines=[line for line in found.lines if line])


def next_try(begun_at: datetime, now: datetime, *, jitter: float, asked_seconds: float = 0) -> datetime | None:
    """When a notification that failed now is tried again: each pause is as long as all before it, and a little more.

    `jitter` from 0 to 1 adds up to a fifth, so that what failed together does not come back together; what a receiver
    asked for is respected within the longest pause. None once a day has gone by since the first try.
    """
    elapsed = (now - begun_at).total_seconds()
    pause = min(max(elapsed, NOTIFICATION_PAUSE_SECONDS_MIN, asked_seconds), NOTIFICATION_PAUSE_SECONDS_MAX)
    pause *= 1 + jitter / 5
    if elapsed + pause > NOTIFICATION_TRIES_SECONDS_MAX:
        return None
    return now + timedelta(seconds=pause)


def target_of(channel: Channel, text: str) -> str:
    """A webhook's URL, or an e-mail address; raises `InvalidError` for what is neither."""
    if channel is not Channel.EMAIL:
        return url(text, TARGET)
    if len(text) > EMAIL_ADDRESS_CHARACTERS_MAX or _EMAIL_ADDRESS.fullmatch(text) is None:
        message = f"target {text[:60]!r} is no e-mail address, such as grace@example.com"
        raise InvalidError([Fault(TARGET, message, "invalid_value")])
    return text


def place_of(address: str) -> str:
    """As much of a URL as may be shown when the whole of it is a secret: its scheme and host."""
    target = Target.of(address)
    return f"{target.scheme}://{target.authority}/…"


def _shortened(text: str) -> str:
    characters_max = NOTIFICATION_REASON_CHARACTERS_MAX
    return text if len(text) <= characters_max else f"{text[: characters_max - 1]}…"
