"""Running a routine by a call or a webhook: from what arrived to a fire, in sets that share one commit.

Requests wait in the batcher and are resolved inside its transaction, where secrets, replays and state are read for
the whole set. What becomes of a fire is `dispatch`'s.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

import structlog

from routines.core import strict_json
from routines.core.access import Action, require
from routines.core.errors import (
    Fault,
    ForbiddenError,
    InvalidError,
    NotFoundError,
    RoutinesError,
    UnauthorizedError,
)
from routines.core.fires import Alias, Fire, key_cause, signature_cause, single_cause
from routines.core.limits import (
    IDEMPOTENCY_KEY_CHARACTERS_MAX,
    REPLAY_WINDOW_SECONDS_DEFAULT,
    REPLAY_WINDOW_SECONDS_MAX,
)
from routines.core.model import WEBHOOK_SENDER, Actor, Run, Source, TriggerInBrief
from routines.core.payload import payload_of
from routines.core.signing import Delivery, SigningMode, Verified, is_github_ping, verify
from routines.dispatch.batcher import Batcher
from routines.dispatch.dispatcher import Receipt, dispatch
from routines.keyring import MasterKeyError
from routines.services.context import Body, Context, visible_routine
from routines.services.deliveries import Unfired, keep_unfired
from routines.services.triggers import TRIGGER_NOT_FOUND
from routines.storage.database import Transaction, Webhook
from routines.storage.queries import runs, triggers

log = structlog.get_logger(__name__)
# A timestamp may lead by a window and stays acceptable for another; a trigger's window may be widened meanwhile.
SIGNATURES_REMEMBERED = timedelta(seconds=2 * REPLAY_WINDOW_SECONDS_MAX)


@dataclass(frozen=True, slots=True)
class ManualRun:
    """What the body of a manual run says."""

    source: Source
    trigger_id: str | None
    payload: str | None
    idempotency_key: str | None
    assignee_agent_id: str | None


class WebhookRequest(NamedTuple):
    """A delivery as it arrived at a public id."""

    public_id: str
    delivery: Delivery
    idempotency_key: str | None


class Fired(NamedTuple):
    """The run of a fire, `replayed` if it was there before."""

    run: Run
    replayed: bool


@dataclass(frozen=True, slots=True)
class Pong:
    """The answer to a provider that only asks whether anybody is there."""


FireRequest = Fire | WebhookRequest
FireAnswer = Fired | Pong
FireBatcher = Batcher[FireRequest, FireAnswer]


@dataclass(frozen=True, slots=True)
class Firing:
    """The use cases that fire a routine."""

    context: Context
    batcher: FireBatcher

    def run(self, actor: Actor, routine_id: str, body: Body[ManualRun]) -> Fired:
        """Run a routine by hand; it passes over the schedule, not over the concurrency policy."""
        with self.context.database.read() as connection:
            routine = visible_routine(connection, actor, routine_id)
            require(actor, Action.RUN_ROUTINE, assigned_to=routine.assignee_agent_id)
            manual = body()
            if manual.assignee_agent_id not in {None, routine.assignee_agent_id}:
                raise ForbiddenError(
                    f"A run is worked on by the routine's own agent {routine.assignee_agent_id}; "
                    "to have another do it, assign the routine"
                )
            if manual.trigger_id is not None:
                trigger = triggers.get(connection, manual.trigger_id)
                if trigger is None or trigger.company_id != routine.company_id:
                    raise NotFoundError(TRIGGER_NOT_FOUND)
                if trigger.routine_id != routine.id:
                    raise ForbiddenError("Trigger does not belong to routine")
        key = manual.idempotency_key
        now = self.context.clock.now()
        fire = Fire(
            routine.id,
            manual.source,
            actor,
            single_cause(self.context.ids.new(now))
            if key is None
            else key_cause(manual.source, manual.trigger_id, key),
            manual.trigger_id,
            idempotency_key=key,
            payload=manual.payload,
        )
        answer = self.batcher.submit(fire).result()
        assert isinstance(answer, Fired)  # noqa: S101 - tells the type checker that only webhooks are pinged
        return answer


class _Causes(NamedTuple):
    """The causes of a delivery, as a fire has them."""

    first: str
    aliases: tuple[Alias, ...] = ()
    signature: str | None = None
    idempotency_key: str | None = None


class FireSets:
    """What the batcher does with a set of requests in its transaction."""

    def __init__(self, context: Context) -> None:
        self.context = context

    def handle(self, transaction: Transaction, requests: Sequence[FireRequest]) -> list[FireAnswer | RoutinesError]:
        """An answer or an error for each request, in order."""
        now = self.context.clock.now()
        connection = transaction.connection
        webhooks = [each for each in requests if isinstance(each, WebhookRequest)]
        by_public_id = transaction.hot.webhooks(list({each.public_id for each in webhooks})) if webhooks else {}
        named = {each.trigger_id for each in requests if isinstance(each, Fire) and each.trigger_id is not None}
        by_id = triggers.of_ids(connection, list(named)) if named else {}
        resolved = [
            self._webhook(each, by_public_id.get(each.public_id), now)
            if isinstance(each, WebhookRequest)
            else _as_it_is_now(each, by_id)
            for each in requests
        ]
        fires = [each for each in resolved if isinstance(each, Fire)]
        receipts = dispatch(transaction, fires, now, self.context.ids)
        repeated = [receipt.repeat_of for receipt in receipts if receipt.repeat_of is not None]
        recorded = runs.of_ids(connection, repeated) if repeated else {}
        fired = iter([_answer(receipt, recorded, now) for receipt in receipts])
        answers = [next(fired) if isinstance(each, Fire) else each for each in resolved]
        if unfired := _unfired(requests, answers, by_public_id):
            keep_unfired(self.context, transaction, unfired, now)
        return answers

    def _webhook(self, request: WebhookRequest, trigger: Webhook | None, now: datetime) -> Fire | Pong | RoutinesError:
        """The fire that a delivery is, in the contract's order: known, authentic, no ping, readable."""
        if trigger is None:
            return NotFoundError(TRIGGER_NOT_FOUND)
        mode = trigger.signing_mode or SigningMode.NONE
        window = trigger.replay_window_sec or REPLAY_WINDOW_SECONDS_DEFAULT
        try:
            sealed = trigger.sealed_secret
            secret = None if sealed is None else self.context.keyring.open(sealed, owner=trigger.id)
            verified = verify(mode, secret, request.delivery, now=now, replay_window_seconds=window)
            if mode is SigningMode.GITHUB_HMAC and is_github_ping(request.delivery):
                return Pong()
            _check_key(request.idempotency_key)
            payload = payload_of(request.delivery.headers.get("content-type"), request.delivery.body)
        except MasterKeyError as error:
            log.warning("webhook_secret_does_not_open", trigger_id=trigger.id, error=error.sentence)
            return UnauthorizedError(error.sentence)
        except RoutinesError as error:
            return error
        causes = self._causes(request, verified, trigger.id, now)
        return Fire(
            trigger.routine_id,
            Source.WEBHOOK,
            WEBHOOK_SENDER,
            causes.first,
            trigger.id,
            trigger_enabled=trigger.enabled,
            idempotency_key=causes.idempotency_key,
            payload=strict_json.dumps(payload),
            aliases=causes.aliases,
            signature_cause=causes.signature,
            trace=request.delivery.headers.get("traceparent"),
        )

    def _causes(self, request: WebhookRequest, verified: Verified, trigger_id: str, now: datetime) -> _Causes:
        """Every name by which a delivery may come again.

        The caller's own key comes first; a provider's id and the signed request itself stay further causes, for the
        caller's header is not signed and could otherwise make a captured request new.
        """
        keys = [key for key in (request.idempotency_key, verified.idempotency_key) if key is not None]
        causes: dict[str, datetime | None] = {key_cause(Source.WEBHOOK, trigger_id, key): None for key in keys}
        signed = None
        if verified.signature_digest is not None:
            signed = signature_cause(trigger_id, verified.signature_digest)
            causes[signed] = now + SIGNATURES_REMEMBERED
        if not causes:
            return _Causes(single_cause(self.context.ids.new(now)))
        first, *further = causes
        aliases = tuple([Alias(cause, causes[cause]) for cause in further])
        return _Causes(first, aliases, signed, keys[0] if keys else None)


def _answer(receipt: Receipt, recorded: Mapping[str, Run], now: datetime) -> Fired | RoutinesError:
    """What the caller of a fire is told."""
    if receipt.error is not None:
        return receipt.error
    if receipt.new is not None:
        return Fired(receipt.new.run(now), replayed=False)
    return Fired(recorded[receipt.repeat_of or ""], replayed=True)


def _unfired(
    requests: Sequence[FireRequest], answers: Sequence[FireAnswer | RoutinesError], known: Mapping[str, Webhook]
) -> list[Unfired]:
    """The deliveries at known triggers that made no run."""
    return [
        Unfired(
            known[request.public_id],
            request.delivery,
            answer if isinstance(answer, RoutinesError) else None,
            answer.run.id if isinstance(answer, Fired) else None,
        )
        for request, answer in zip(requests, answers, strict=True)
        if not (isinstance(answer, Fired) and not answer.replayed)
        and isinstance(request, WebhookRequest)
        and request.public_id in known
    ]


def _check_key(key: str | None) -> None:
    """Raise `InvalidError` for an `Idempotency-Key` that is empty or too long."""
    if key is not None and not 1 <= len(key) <= IDEMPOTENCY_KEY_CHARACTERS_MAX:
        message = f"Has {len(key)} characters; 1 to {IDEMPOTENCY_KEY_CHARACTERS_MAX} are allowed"
        raise InvalidError([Fault(("Idempotency-Key",), message, "invalid_length")])


def _as_it_is_now(fire: Fire, by_id: Mapping[str, TriggerInBrief]) -> Fire:
    """A manual fire with its trigger's state as the transaction sees it; a trigger deleted meanwhile is not enabled."""
    if fire.trigger_id is None:
        return fire
    trigger = by_id.get(fire.trigger_id)
    return fire._replace(trigger_enabled=trigger is not None and trigger.enabled)
