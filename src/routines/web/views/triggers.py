"""Triggers as cards: a schedule in words with its next fires and what may surprise, a webhook with how to sign it.

When a schedule fires is reckoned by the services; what a signing mode checks is told in `webhooks`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from routines.core.cron.explanation import Explanation
from routines.core.deliveries import DeliveryOutcome, DeliveryRecord
from routines.core.model import Trigger
from routines.core.signing import SigningMode
from routines.core.zones import ZoneError, zone
from routines.http.schemas.deliveries import STATUS_OF_OUTCOME
from routines.web.times import When, length
from routines.web.views.webhooks import HAS_REPLAY_WINDOW, MODE_IN_WORDS, curl

Shown = Callable[[datetime], When]


@dataclass(frozen=True, slots=True)
class NextFire:
    """A fire that is to come; `there` is the time in the schedule's own zone, where that differs."""

    when: When
    there: str


@dataclass(frozen=True, slots=True)
class ScheduleView:
    """A schedule; `problem` says why its times cannot be told, if they cannot."""

    expression: str
    timezone: str
    words: str
    fires: list[NextFire]
    warnings: Sequence[str]
    problem: str = ""

    @property
    def is_elsewhere(self) -> bool:
        """True if its own clock shows other times than the viewer's."""
        return any(fire.there for fire in self.fires)


@dataclass(frozen=True, slots=True)
class DeliveryRow:
    """A delivery at a webhook, with the status that its sender was answered with."""

    when: When
    outcome: DeliveryOutcome
    status: int
    reason: str
    run_id: str | None
    said: str


def delivery_row(record: DeliveryRecord, shown: Shown) -> DeliveryRow:
    """A delivery's line; of its content only the type and the size are kept, and of accepted ones the run."""
    size = None if record.body_bytes is None else f"{record.body_bytes:,} bytes"
    return DeliveryRow(
        when=shown(record.received_at),
        outcome=record.outcome,
        status=STATUS_OF_OUTCOME[record.outcome],
        reason=record.reason or "",
        run_id=record.run_id,
        said=", ".join(filter(None, (record.content_type, size, record.user_agent))),
    )


@dataclass(frozen=True, slots=True)
class WebhookView:
    """Where a webhook is fired, what is checked, the shell lines that send a delivery, and the newest that came."""

    url: str
    mode: SigningMode
    in_words: str
    window: str
    curl: str
    rotated: When | None
    deliveries: Sequence[DeliveryRow]


@dataclass(frozen=True, slots=True)
class TriggerCard:
    """A trigger with all that a card shows of it; one of `schedule` and `webhook` is set, or neither."""

    id: str
    kind: str
    name: str
    enabled: bool
    last_fired: When | None
    last_result: str
    schedule: ScheduleView | None = None
    webhook: WebhookView | None = None


def card(
    trigger: Trigger, shown: Shown, *, schedule: ScheduleView | None = None, webhook: WebhookView | None = None
) -> TriggerCard:
    """A trigger's card; `shown` shows an instant to the viewer."""
    return TriggerCard(
        id=trigger.id,
        kind=trigger.kind.value,
        name=trigger.label or trigger.kind.value.capitalize(),
        enabled=trigger.enabled,
        last_fired=None if trigger.last_fired_at is None else shown(trigger.last_fired_at),
        last_result=trigger.last_result or "",
        schedule=schedule,
        webhook=webhook,
    )


def schedule_view(trigger: Trigger, explained: Explanation | str, shown: Shown, viewer: ZoneInfo) -> ScheduleView:
    """A schedule, with the fires that come next as long as any may; `explained` is a sentence where it cannot be."""
    expression, timezone = trigger.cron_expression or "", trigger.timezone or ""
    if isinstance(explained, str):
        return ScheduleView(expression, timezone, "", [], [], explained)
    times = [] if trigger.next_run_at is None else explained.times
    fires = [NextFire(shown(at), _elsewhere(at, timezone, viewer)) for at in times]
    return ScheduleView(expression, timezone, explained.words, fires, explained.warnings)


def webhook_view(trigger: Trigger, url: str, deliveries: Sequence[DeliveryRecord], shown: Shown) -> WebhookView:
    """A webhook that is fired at a URL, and its newest deliveries."""
    mode = trigger.signing_mode or SigningMode.NONE
    window = timedelta(seconds=trigger.replay_window_sec or 0)
    return WebhookView(
        url=url,
        mode=mode,
        in_words=MODE_IN_WORDS[mode],
        window=length(window) if mode in HAS_REPLAY_WINDOW else "",
        curl=curl(mode, url),
        rotated=None if trigger.last_rotated_at is None else shown(trigger.last_rotated_at),
        deliveries=[delivery_row(each, shown) for each in deliveries],
    )


def _elsewhere(at: datetime, name: str, viewer: ZoneInfo) -> str:
    """What the clock of another zone shows, if it shows anything else than the viewer's."""
    try:
        there = at.astimezone(zone(name))
    except ZoneError:
        return ""
    here = at.astimezone(viewer)
    if there.utcoffset() == here.utcoffset():
        return ""
    return f"{there:%H:%M}" if there.date() == here.date() else f"{there:%a %H:%M}"
