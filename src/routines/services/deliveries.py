"""The use case of a webhook's deliveries: read them, and the record of those that made no run.

Accepted deliveries are the runs and are written nowhere else; how a delivery is answered is decided in `firing`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from routines.core.access import require_visible
from routines.core.deliveries import DeliveryOutcome, DeliveryRecord, kept_words
from routines.core.errors import (
    ConflictError,
    ImpossibleError,
    InvalidError,
    MalformedBodyError,
    NotFoundError,
    RoutinesError,
    UnauthorizedError,
)
from routines.core.limits import UNFIRED_DELIVERIES_KEPT_MAX
from routines.core.model import Actor, TriggerKind
from routines.core.signing import Delivery
from routines.dispatch.dispatcher import REPLAY_DETECTED
from routines.keyring import MasterKeyError
from routines.services.context import Body, Context, PageQuery
from routines.services.triggers import TRIGGER_NOT_FOUND
from routines.storage.database import Transaction, Webhook
from routines.storage.queries import deliveries, triggers

REPEATED = "The idempotency key came before; the answer was the run that it made then"
PING = "GitHub asked whether anybody is there, which fires nothing"


class Unfired(NamedTuple):
    """A delivery that made no run: it got an error, or the run that it repeats, or as a ping neither."""

    trigger: Webhook
    delivery: Delivery
    error: RoutinesError | None
    repeat_of: str | None


@dataclass(frozen=True, slots=True)
class Deliveries:
    """The use case of a webhook's deliveries."""

    context: Context

    def page(self, actor: Actor, trigger_id: str, query: Body[PageQuery]) -> list[DeliveryRecord]:
        """A webhook trigger's deliveries, newest first; raises `ImpossibleError` for a trigger of another kind."""
        with self.context.database.read() as connection:
            trigger = triggers.get(connection, trigger_id)
            if trigger is None:
                raise NotFoundError(TRIGGER_NOT_FOUND)
            require_visible(actor, trigger.company_id, TRIGGER_NOT_FOUND)
            wanted = query()
            if trigger.kind is not TriggerKind.WEBHOOK:
                raise ImpossibleError(
                    f"Only a webhook trigger has deliveries; this one's kind is {trigger.kind.value}, "
                    "and the runs of its routine tell what it fired"
                )
            return deliveries.page(connection, trigger, limit=wanted.limit, before=wanted.before)


def keep_unfired(context: Context, transaction: Transaction, unfired: Sequence[Unfired], now: datetime) -> None:
    """Record deliveries that made no run, the newest of each trigger, in the transaction that answers them."""
    newest: list[tuple[Unfired, DeliveryOutcome, str]] = []
    kept: Counter[str] = Counter()
    for each in reversed(unfired):
        told = _told(each)
        if told is not None and kept[each.trigger.id] < UNFIRED_DELIVERIES_KEPT_MAX:
            kept[each.trigger.id] += 1
            newest.append((each, *told))
    if newest:
        ids = context.ids.many(now, len(newest))
        records = [_record(context, *each, identity, now) for each, identity in zip(reversed(newest), ids, strict=True)]
        transaction.hot.keep_unfired(records, UNFIRED_DELIVERIES_KEPT_MAX)


def _told(unfired: Unfired) -> tuple[DeliveryOutcome, str] | None:
    """What a delivery came to and why; None where the trigger went in the same moment, and with it whom to tell."""
    error = unfired.error
    if error is None:
        return (DeliveryOutcome.PING, PING) if unfired.repeat_of is None else (DeliveryOutcome.REPEATED, REPEATED)
    outcome = refusal_of(error)
    return None if outcome is None else (outcome, error.why or _sentence(error))


def refusal_of(error: RoutinesError) -> DeliveryOutcome | None:
    """What a delivery came to whose sender gets this error; None where that says nothing of the delivery itself."""
    if isinstance(error, UnauthorizedError):
        return DeliveryOutcome.REFUSED
    if isinstance(error, InvalidError | MalformedBodyError):
        return DeliveryOutcome.UNREADABLE
    if isinstance(error, ConflictError):
        return DeliveryOutcome.REPLAY if error.sentence == REPLAY_DETECTED else DeliveryOutcome.INACTIVE
    return None


def _sentence(error: RoutinesError) -> str:
    if isinstance(error, InvalidError):
        return "; ".join(f"{'.'.join(map(str, fault.path))}: {fault.message}" for fault in error.faults)
    return error.sentence


def _record(
    context: Context, unfired: Unfired, outcome: DeliveryOutcome, reason: str, identity: str, now: datetime
) -> DeliveryRecord:
    trigger, delivery = unfired.trigger, unfired.delivery
    content_type, user_agent = _senders_words(context, trigger, delivery)
    return DeliveryRecord(
        id=identity,
        trigger_id=trigger.id,
        received_at=now,
        outcome=outcome,
        reason=reason,
        run_id=unfired.repeat_of,
        content_type=content_type,
        body_bytes=len(delivery.body),
        user_agent=user_agent,
    )


def _senders_words(context: Context, trigger: Webhook, delivery: Delivery) -> tuple[str | None, str | None]:
    """The media type and the user agent; neither where the secret, which must not be in them, cannot be known."""
    sealed = trigger.sealed_secret
    try:
        secret = None if sealed is None else context.keyring.open(sealed, owner=trigger.id)
    except MasterKeyError:
        return None, None
    media_type = delivery.headers.get("content-type", "").partition(";")[0].strip()
    return kept_words(media_type, secret), kept_words(delivery.headers.get("user-agent"), secret)
