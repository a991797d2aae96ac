"""Notifications over HTTP: subscriptions, their secrets, tests, and the log of what was sent."""

from __future__ import annotations

from fastapi import APIRouter, Response

from routines.http.call import Caller, PathId, nothing, reply, reply_list
from routines.http.operation import operation
from routines.http.schemas.notifications import (
    NotificationReply,
    SubscriptionCreate,
    SubscriptionReply,
    SubscriptionUpdate,
    SubscriptionWithSecretReply,
)
from routines.http.schemas.runs import RunFilters
from routines.http.services import UseCases

router = APIRouter(tags=["notifications"])


@router.get(
    "/companies/{company_id}/notification-subscriptions", **operation(reply=list[SubscriptionReply], errors=(404,))
)
def list_subscriptions(call: Caller, use: UseCases, company_id: PathId) -> Response:
    """List who of a company is told of which events."""
    found = use.notifications.of_company(call.actor, company_id)
    return reply_list([SubscriptionReply.written(each) for each in found])


@router.post(
    "/companies/{company_id}/notification-subscriptions",
    **operation(status=201, reply=SubscriptionWithSecretReply, body=SubscriptionCreate, errors=(404, 409, 422)),
)
def create_subscription(call: Caller, use: UseCases, company_id: PathId) -> Response:
    """Subscribe to events; a webhook's secret is shown this once."""
    body = call.body(SubscriptionCreate, SubscriptionCreate.command)
    return reply(201, SubscriptionWithSecretReply.written(use.notifications.create(call.actor, company_id, body)))


@router.get("/notification-subscriptions/{subscription_id}", **operation(reply=SubscriptionReply, errors=(404,)))
def get_subscription(call: Caller, use: UseCases, subscription_id: PathId) -> Response:
    """Get a subscription."""
    return reply(200, SubscriptionReply.written(use.notifications.get(call.actor, subscription_id)))


@router.patch(
    "/notification-subscriptions/{subscription_id}",
    **operation(reply=SubscriptionReply, body=SubscriptionUpdate, errors=(404, 422)),
)
def update_subscription(call: Caller, use: UseCases, subscription_id: PathId) -> Response:
    """Change a subscription."""
    body = call.body(SubscriptionUpdate, SubscriptionUpdate.command)
    return reply(200, SubscriptionReply.written(use.notifications.update(call.actor, subscription_id, body)))


@router.delete("/notification-subscriptions/{subscription_id}", **operation(status=204, errors=(400, 404, 415)))
def delete_subscription(call: Caller, use: UseCases, subscription_id: PathId) -> Response:
    """End a subscription; what waits is given up."""
    use.notifications.delete(call.actor, subscription_id, call.no_body)
    return nothing()


@router.post(
    "/notification-subscriptions/{subscription_id}/rotate-secret",
    **operation(reply=SubscriptionWithSecretReply, errors=(400, 404, 415, 422)),
)
def rotate_subscription_secret(call: Caller, use: UseCases, subscription_id: PathId) -> Response:
    """Give a webhook a new secret, shown this once; all that is sent from now on is signed with it."""
    rotated = use.notifications.rotate_secret(call.actor, subscription_id, call.no_body)
    return reply(200, SubscriptionWithSecretReply.written(rotated))


@router.post(
    "/notification-subscriptions/{subscription_id}/test",
    **operation(status=202, reply=NotificationReply, errors=(400, 404, 409, 415)),
)
def send_test_notification(call: Caller, use: UseCases, subscription_id: PathId) -> Response:
    """Send a test notification by the very way of a real one."""
    return reply(202, NotificationReply.written(use.notifications.send_test(call.actor, subscription_id, call.no_body)))


@router.get(
    "/notification-subscriptions/{subscription_id}/deliveries",
    **operation(reply=list[NotificationReply], query=RunFilters, errors=(404,)),
)
def list_notifications(call: Caller, use: UseCases, subscription_id: PathId) -> Response:
    """List what was sent to a subscription or waits to be, newest first, and what became of it."""
    found = use.notifications.deliveries(call.actor, subscription_id, call.query(RunFilters, RunFilters.command))
    return reply_list([NotificationReply.written(each) for each in found])


@router.post(
    "/notification-deliveries/{notification_id}/resend",
    **operation(status=202, reply=NotificationReply, errors=(400, 404, 409, 415)),
)
def resend_notification(call: Caller, use: UseCases, notification_id: PathId) -> Response:
    """Send a notification again at once, under the id that it had."""
    return reply(202, NotificationReply.written(use.notifications.resend(call.actor, notification_id, call.no_body)))
