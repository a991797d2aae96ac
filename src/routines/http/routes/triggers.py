"""Triggers over HTTP, and the route that webhooks fire: sections 1 and 3 of the contract."""

from __future__ import annotations

import re

from fastapi import APIRouter, Request, Response

from routines.clock import monotonic_seconds
from routines.core.deliveries import DeliveryOutcome
from routines.core.errors import NotFoundError, RateLimitedError, RoutinesError, TooLargeError, UnavailableError
from routines.core.limits import IDEMPOTENCY_KEY_CHARACTERS_MAX
from routines.core.signing import Delivery
from routines.http.call import Caller, PathId, nothing, read_body, reply, reply_list
from routines.http.document import JSON, WEBHOOK_SECURITY
from routines.http.errors import error_response
from routines.http.operation import REF, REPLAYED, error_replies, operation, success
from routines.http.rate_limit import RateLimiter
from routines.http.schemas.deliveries import DeliveryReply
from routines.http.schemas.runs import PongReply, RunFilters, RunReply
from routines.http.schemas.triggers import (
    TriggerCreateBody,
    TriggerUpdate,
    TriggerWithSecretReply,
    WholeTrigger,
)
from routines.http.services import UseCases
from routines.observer import Observer
from routines.services.deliveries import refusal_of
from routines.services.firing import FireAnswer, FireBatcher, Fired, WebhookRequest
from routines.services.triggers import PUBLIC_ID_BYTES, TRIGGER_NOT_FOUND

router = APIRouter(tags=["triggers"])
FAULT = "fault"
UNHEARD: dict[type[RoutinesError], str] = {
    NotFoundError: "unknown",
    TooLargeError: "too_large",
    RateLimitedError: "rate_limited",
    UnavailableError: "unavailable",
}
"""What is told of deliveries that came to nothing before anybody looked at them: words beside `DeliveryOutcome`'s."""
PUBLIC_ID = re.compile(f"[0-9a-f]{{{2 * PUBLIC_ID_BYTES}}}")


@router.post(
    "/routines/{routine_id}/triggers",
    **operation(status=201, reply=TriggerWithSecretReply, body=TriggerCreateBody, errors=(404, 409, 422)),
)
def add_trigger(call: Caller, use: UseCases, routine_id: PathId) -> Response:
    """Add a trigger to a routine."""
    return reply(201, TriggerWithSecretReply.written(use.triggers.add(call.actor, routine_id, call.trigger())))


@router.patch(
    "/routine-triggers/{trigger_id}", **operation(reply=WholeTrigger, body=TriggerUpdate, errors=(404, 409, 422))
)
def update_trigger(call: Caller, use: UseCases, trigger_id: PathId) -> Response:
    """Change a trigger."""
    updated = use.triggers.update(call.actor, trigger_id, call.body(TriggerUpdate, TriggerUpdate.command))
    return reply(200, WholeTrigger.written(updated))


@router.delete("/routine-triggers/{trigger_id}", **operation(status=204, errors=(400, 404, 409, 415)))
def delete_trigger(call: Caller, use: UseCases, trigger_id: PathId) -> Response:
    """Delete a trigger; its runs stay."""
    use.triggers.delete(call.actor, trigger_id, call.no_body)
    return nothing()


@router.post(
    "/routine-triggers/{trigger_id}/rotate-secret",
    **operation(reply=TriggerWithSecretReply, errors=(400, 404, 409, 415, 422)),
)
def rotate_secret(call: Caller, use: UseCases, trigger_id: PathId) -> Response:
    """Give a webhook a new secret; the old one is dead at once."""
    return reply(200, TriggerWithSecretReply.written(use.triggers.rotate_secret(call.actor, trigger_id, call.no_body)))


@router.get(
    "/routine-triggers/{trigger_id}/deliveries",
    **operation(reply=list[DeliveryReply], query=RunFilters, errors=(404, 422)),
)
def list_deliveries(call: Caller, use: UseCases, trigger_id: PathId) -> Response:
    """List a webhook's recent deliveries, those included that made no run, and why."""
    found = use.deliveries.page(call.actor, trigger_id, call.query(RunFilters, RunFilters.command))
    return reply_list([DeliveryReply.of(each) for each in found])


_IDEMPOTENCY_KEY = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "description": "The same key gives the same run.",
    "schema": {"type": "string", "minLength": 1, "maxLength": IDEMPOTENCY_KEY_CHARACTERS_MAX},
}
_ANY_BODY = {
    "description": "JSON must be well formed, and an object is the payload; a form's fields are; all else is wrapped.",
    "content": {"application/json": {"schema": {"$ref": REF.format(model=JSON)}}, "*/*": {"schema": {}}},
}
_FIRE_RESPONSES: dict[int | str, dict[str, object]] = {
    200: success(200, PongReply, meaning="A GitHub ping, which makes no run"),
    202: success(202, RunReply, REPLAYED),
    **error_replies(400, 401, 404, 409, 413, 429, 503),
}


@router.post(
    "/routine-triggers/public/{public_id}/fire",
    status_code=202,
    response_class=Response,
    responses=_FIRE_RESPONSES,
    openapi_extra={"security": WEBHOOK_SECURITY, "parameters": [_IDEMPOTENCY_KEY], "requestBody": _ANY_BODY},
)
async def fire_webhook(request: Request, public_id: str) -> Response:
    """Fire a webhook trigger; the signature is checked over the raw body, whatever its content type."""
    limiter: RateLimiter = request.app.state.fire_limiter
    batcher: FireBatcher = request.app.state.fire_batcher
    observer: Observer = request.app.state.observer
    try:
        body = await read_body(request)
        if PUBLIC_ID.fullmatch(public_id) is None:
            raise NotFoundError(TRIGGER_NOT_FOUND)
        limiter.admit(public_id, monotonic_seconds())
        # RFC 9110, section 5.5: white space around a value is no part of it.
        headers = {name.decode("latin-1"): value.decode("latin-1").strip(" \t") for name, value in request.headers.raw}
        delivery = Delivery(headers, body)
        webhook = WebhookRequest(public_id, delivery, headers.get("idempotency-key"))
        answer = await batcher.submit_from_loop(webhook)
    except RoutinesError as error:
        observer.delivery_answered(refusal_of(error) or UNHEARD.get(type(error), FAULT))
        return error_response(error)
    observer.delivery_answered(_accepted_as(answer))
    if not isinstance(answer, Fired):
        return Response(b'{"ok":true}', media_type="application/json")
    replayed = {"Idempotent-Replayed": "true"} if answer.replayed else None
    return reply(202, RunReply.written(answer.run), replayed)


def _accepted_as(answer: FireAnswer) -> DeliveryOutcome:
    """What a delivery came to that was answered with a success."""
    if not isinstance(answer, Fired):
        return DeliveryOutcome.PING
    return DeliveryOutcome.REPEATED if answer.replayed else DeliveryOutcome.ACCEPTED
